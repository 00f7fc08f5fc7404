/** `why`: what keeps something, when it goes, or how it went. */
import { type Cli, type Command, withExamples } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { type FilterOptions, filterFields, withFilters } from '../filter-options.ts';
import { type OperatorOptions, operatorsOf, withFunction } from '../operators.ts';
import type { Host } from '../terminal.ts';
import { whyText } from '../why-output.ts';

interface WhyOptions extends FilterOptions, OperatorOptions {
  readonly json?: boolean;
}

export function addWhy(program: Command, cli: Cli): void {
  const command = withFunction(
    withFilters(
      program
        .command('why')
        .description('why something is kept, when it goes, or when and why it went')
        .argument('<what>', '<repository>@<digest>, <repository>:<tag>, or a digest'),
    ).option('--json', 'print JSON'),
  ).action(cli.run((host, what: string, options: WhyOptions) => whyCommand(host, what, options)));
  withExamples(command, [
    'registry-prune why team/app:v1',
    'registry-prune why sha256:9f127da646be09a78a761c52c549bd5b3ef277a217230a1d72b18a86f4ea077b',
    'registry-prune why team/app:v1 --all --filter until=720h',
  ]);
}

async function whyCommand(host: Host, subject: string, options: WhyOptions): Promise<number> {
  const answer = await operatorsOf(host, options).call('why', { subject, ...filterFields(options) });
  host.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : whyText(answer));
  return EXIT.done;
}
