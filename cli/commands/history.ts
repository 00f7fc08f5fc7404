/** `history`: when and why something went. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { indexDependencies } from '../../lambdas/dependencies.ts';
import { parseDigest } from '../../lambdas/registry/digest.ts';
import { historyOf } from '../../lambdas/restore/history.ts';
import { type Cli, type Command, withExamples, withExitCodes } from '../cli.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import type { Host } from '../terminal.ts';
import { historyText } from '../undo-output.ts';

export function addHistory(program: Command, cli: Cli): void {
  const command = program
    .command('history')
    .description('when and why a manifest or blob went, and where it is now')
    .argument('<digest>', 'sha256:…')
    .option('--json', 'print JSON')
    .action(
      cli.run((host, digest: string, options: { json?: boolean }) => historyCommand(host, digest, options)),
    );
  withExamples(command, [
    'registry-prune history sha256:9f127da646be09a78a761c52c549bd5b3ef277a217230a1d72b18a86f4ea077b',
  ]);
  withExitCodes(command, { [EXIT.partial]: 'a line of a journal cannot be read' });
}

async function historyCommand(
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
