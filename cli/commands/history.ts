/** `history`: when and why something went. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { indexDependencies } from '../../lambdas/dependencies.ts';
import { parseDigest } from '../../lambdas/registry/digest.ts';
import { historyOf } from '../../lambdas/restore/history.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import type { Host } from '../terminal.ts';
import { historyText } from '../undo-output.ts';

export async function historyCommand(
  host: Host,
  value: string,
  options: { readonly json?: boolean },
): Promise<number> {
  const digest = parseDigest(value);
  if (digest === undefined) {
    throw new UsageError(
      `"${value}" is no digest: allowed is one such as sha256: and 64 digits 0-9 and a-f after it`,
    );
  }
  const configuration = readConfiguration(host.env, new Date());
  const { metadata, bucket } = indexDependencies(configuration);
  const { journalPrefix } = configuration;
  const history = await historyOf({ metadata, objects: bucket.objects }, journalPrefix, digest);
  host.stdout.write(options.json ? `${JSON.stringify(history)}\n` : historyText(history));
  return history.problems.length > 0 ? EXIT.partial : EXIT.done;
}
