/** What every command is made of: how it is added to the program, and how its exit code comes out. */
import type { Command } from 'commander';
import type { Host } from './terminal.ts';

export { type Command, Option } from 'commander';

/** Where commands write, and where their exit codes go. */
export interface Cli {
  readonly host: Host;
  /** Makes the action of a command from what it does and the exit code that it returns. */
  run<A extends unknown[]>(
    action: (host: Host, ...rest: A) => Promise<number>,
  ): (...rest: A) => Promise<void>;
}

/** Examples at the end of a command's help. */
export function withExamples(command: Command, examples: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

/** What the exit codes of a command say beyond 0, 1 and 2, which say the same everywhere. */
export function withExitCodes(command: Command, meanings: Readonly<Record<number, string>>): void {
  const lines = Object.entries(meanings).map(([code, meaning]) => `  ${code}  ${meaning}`);
  command.addHelpText('after', `\nExit codes, beside 0 done, 1 error, 2 usage:\n${lines.join('\n')}`);
}
