import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bashScript } from '../../cli/completion/bash.ts';
import { fishScript } from '../../cli/completion/fish.ts';
import { modelOf } from '../../cli/completion/model.ts';
import { zshScript } from '../../cli/completion/zsh.ts';
import { EXIT } from '../../cli/exit-codes.ts';
import { runCli } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

/** A program with everything that a script has to know. */
function everything(): Command {
  const program = new Command('registry-prune').description("the program's own").version('1.0.0');
  const apply = program.command('apply').description('takes a file: a [plan]').argument('<file>', 'the plan');
  apply.option('-o, --out <file>', "where it's written").addOption(new Option('--secret').hideHelp());
  apply.addOption(new Option('--format <format>', 'how').choices(['text', 'json']));
  apply.option('--only <name>', 'this one', (value: string, before: string[] = []) => [...before, value]);
  const show = program.command('show').description('more than one');
  show.command('all', { isDefault: true }).description('all of them').option('--limit <count>', 'how many');
  show
    .command('one')
    .description('one')
    .addArgument(new Argument('<kind>', 'of which').choices(['a', 'b']));
  program.command('hidden', { hidden: true });
  return program;
}

describe('the scripts', () => {
  it.each([
    ['bash', bashScript],
    ['zsh', zshScript],
    ['fish', fishScript],
  ])('of a program with everything: %s', async (shell, script) => {
    await expect(script(modelOf(everything()))).toMatchFileSnapshot(
      join(import.meta.dirname, 'recordings', `completion.${shell}`),
    );
  });

  it('are for three shells', async () => {
    const ended = await runCli(['completion', 'csh'], {});
    expect(ended).toEqual({
      code: EXIT.usage,
      stdout: '',
      stderr:
        "registry-prune: command-argument value 'csh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n",
    });
  });

  it.each(['bash', 'zsh', 'fish'])('need no configuration: %s', async (shell) => {
    const ended = await runCli(['completion', shell], {});
    expect(ended).toMatchObject({ code: EXIT.done, stderr: '' });
    expect(ended.stdout).toContain(`# ${shell} completion of registry-prune\n`);
  });
});

/** The words that bash makes of a line, the last one being typed; it takes words apart at `=`. */
function offered(script: string, line: string, cwd?: string): string[] {
  const words = line
    .split(' ')
    .flatMap((word) => word.split(/(=)/).filter((part, index) => part !== '' || index === 0));
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const commands = [
    'source /dev/stdin <<< "$SCRIPT"',
    `COMP_WORDS=(${quoted}) COMP_CWORD=${words.length - 1}`,
    '_registry_prune',
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const env = { PATH: process.env['PATH'], SCRIPT: script };
  const output = execFileSync('bash', ['--norc', '-c', commands.join('\n')], {
    ...{ env, encoding: 'utf8' },
    ...(cwd === undefined ? {} : { cwd }),
  });
  return output.split('\n').filter((word) => word !== '');
}

describe('bash', () => {
  let script: string;

  beforeAll(async () => {
    script = (await runCli(['completion', 'bash'], {})).stdout;
  });

  it.each([
    ['registry-prune pr', ['prune']],
    ['registry-prune re', ['reindex', 'restore']],
    ['registry-prune nothing', []],
    ['registry-prune --', ['--version', '--help']],
    ['registry-prune prune --d', ['--dry-run']],
    ['registry-prune init ', ['--json', '--help']],
    ['registry-prune prune --mode ', ['online', 'offline']],
    ['registry-prune prune --mode of', ['offline']],
    ['registry-prune prune --mode=', ['online', 'offline']],
    ['registry-prune prune --mode=on', ['online']],
    ['registry-prune prune --mode offline --dr', ['--dry-run']],
    ['registry-prune prune --mode=offline --dr', ['--dry-run']],
    ['registry-prune prune --filter ', []],
    ['registry-prune prune --filter label=prune --y', ['--yes']],
    ['registry-prune runs ', ['list', 'show', 'help']],
    ['registry-prune runs sh', ['show']],
    ['registry-prune runs --li', ['--limit']],
    ['registry-prune runs --limit 5 s', ['show']],
    ['registry-prune runs --limit show --j', ['--json']],
    ['registry-prune runs show --', ['--json', '--function', '--help']],
    ['registry-prune help pru', ['prune']],
    ['registry-prune completion ', ['bash', 'zsh', 'fish']],
  ])('%s', (line, candidates) => {
    expect(offered(script, line)).toEqual(candidates);
  });

  it('offers every command', () => {
    expect(offered(script, 'registry-prune ')).toEqual(
      expect.arrayContaining([
        'init',
        'reindex',
        'index',
        'prune',
        'runs',
        'restore',
        'history',
        'completion',
      ]),
    );
  });

  describe('with files', () => {
    const withFiles = bashScript(modelOf(everything()));
    let directory: string;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'completion-'));
      for (const name of ['plan.json', 'a plan.json']) await writeFile(join(directory, name), '');
    });

    afterAll(() => rm(directory, { recursive: true }));

    it.each([
      ['registry-prune apply ', ['plan.json', 'a plan.json']],
      ['registry-prune apply pl', ['plan.json']],
      ['registry-prune apply --out pl', ['plan.json']],
      ['registry-prune apply -o pl', ['plan.json']],
      ['registry-prune apply --out=pl', ['plan.json']],
      ['registry-prune apply -', ['--out', '--format', '--only', '--help']],
      ['registry-prune apply --format ', ['text', 'json']],
      ['registry-prune show one ', ['a', 'b']],
    ])('%s', (line, candidates) => {
      expect(offered(withFiles, line, directory).toSorted()).toEqual(candidates.toSorted());
    });
  });
});
