/** Every command explains itself. */
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import type { Host } from '../../cli/terminal.ts';
import { runCli } from './support.ts';

const host = { env: {}, stdout: new PassThrough(), stderr: new PassThrough() } as unknown as Host;
const program = makeProgram(host, () => undefined);

interface Named {
  readonly path: readonly string[];
  readonly command: Command;
}

function below(parent: Command, path: readonly string[] = []): Named[] {
  return parent.commands.flatMap((command) => {
    const own = [...path, command.name()];
    return [{ path: own, command }, ...below(command, own)];
  });
}

const all = below(program).map(({ path, command }) => ({ name: path.join(' '), path, command }));

describe('the help', () => {
  it.each(all)('of $name has a description in one line, and one for all it takes', ({ command }) => {
    const takes = [...command.options, ...command.registeredArguments];
    for (const description of [command.description(), ...takes.map((one) => one.description)]) {
      expect(description).toMatch(/^\S.*[^.\s]$/);
    }
  });

  it.each(all)('of $name has examples of that very command', async ({ name, path }) => {
    const { code, stdout } = await runCli([...path, '--help'], {});
    expect(code).toBe(0);
    const [, examples = ''] = stdout.split('\nExamples:\n');
    const [block = ''] = examples.split('\n\n');
    expect(block).toContain(`registry-prune ${name}`);
    for (const line of block.trimEnd().split('\n')) expect(line).toMatch(/^ {2}\S/);
  });

  it.each([
    ['prune', ['3', '4', '5']],
    ['restore', ['3', '4', '5']],
    ['reindex', ['5']],
    ['history', ['5']],
  ])('of %s tells its exit codes', async (name, codes) => {
    const { stdout } = await runCli([name, '--help'], {});
    const [, told = ''] = stdout.split('\nExit codes, beside 0 done, 1 error, 2 usage:\n');
    expect([...told.matchAll(/^ {2}(\d) {2}\S/gm)].map(([, code]) => code)).toEqual(codes);
  });
});
