/** The completion in the shells themselves: loaded as the help says, with the key that completes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTerminal } from '../support/terminal.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const TAB = '\t';
/** Ctrl-U takes the line away; Ctrl-C would take what is typed next as well. */
const CLEAR = '\u0015';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registry-prune-completion-'));
  for (const [shell, name] of [
    ['bash', 'registry-prune.bash'],
    ['zsh', '_registry-prune'],
    ['fish', 'registry-prune.fish'],
  ] as const) {
    const options = { cwd: PROJECT, encoding: 'utf8' } as const;
    const script = execFileSync(process.execPath, ['cli/main.ts', 'completion', shell], options);
    await writeFile(join(directory, name), script);
  }
});

afterAll(() => rm(directory, { recursive: true }));

/** `.ci/run` installs what is missing; elsewhere the tests of that shell are skipped, and say why. */
function inShell(shell: string, tests: () => void): void {
  const missing = spawnSync(shell, ['-c', 'exit 0']).status !== 0;
  describe.skipIf(missing)(missing ? `${shell}, which is not installed` : shell, tests);
}

inShell('bash', () => {
  it('completes on the terminal', async () => {
    const bash = openTerminal(['--norc', '--noprofile', '-i'], {
      command: ['bash'],
      env: { PS1: '> ', HOME: directory, INPUTRC: '/dev/null' },
    });
    await bash.shows('>');
    bash.type(`source ${directory}/registry-prune.bash; echo loa''ded\r`);
    await bash.shows(/^loaded$/m);
    bash.type(`registry-prune pr${TAB}`);
    await bash.shows(/> registry-prune prune$/m);
    bash.type(`--mod${TAB}of${TAB}--dr${TAB}`);
    await bash.shows(/> registry-prune prune --mode offline --dry-run$/m);
    bash.type(CLEAR);
    bash.type(`registry-prune prune --mode=of${TAB}`);
    await bash.shows(/> registry-prune prune --mode=offline$/m);
  });
});

inShell('zsh', () => {
  it('takes the script', () => {
    execFileSync('zsh', ['-n', join(directory, '_registry-prune')]);
  });

  it.each([
    ['from fpath', (at: string) => `fpath=(${at} $fpath); autoload -U compinit; compinit -u -D`],
    ['sourced', (at: string) => `autoload -U compinit; compinit -u -D; source ${at}/_registry-prune`],
  ])('completes on the terminal, %s', async (_, load) => {
    const zsh = openTerminal(['-f', '-i'], {
      command: ['zsh'],
      env: { PS1: '> ', HOME: directory },
    });
    await zsh.shows('>');
    zsh.type(`${load(directory)}; echo loa''ded\r`);
    await zsh.shows(/^loaded$/m);
    zsh.type(`registry-prune pr${TAB}`);
    await zsh.shows(/> registry-prune prune$/m);
    zsh.type(`--mod${TAB}of${TAB}--dr${TAB}`);
    await zsh.shows(/> registry-prune prune --mode=offline --dry-run$/m);
    zsh.type(CLEAR);
    zsh.type(`registry-prune runs ${TAB}`);
    await zsh.shows(/^show +-- what one did/m);
    zsh.type(`sh${TAB}--j${TAB}`);
    await zsh.shows(/> registry-prune runs show --json$/m);
  });
});

inShell('fish', () => {
  const candidates = (line: string) =>
    execFileSync(
      'fish',
      [
        '--no-config',
        '-c',
        'source $argv[1]; complete -C $argv[2]',
        join(directory, 'registry-prune.fish'),
        line,
      ],
      {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: directory },
      },
    )
      .split('\n')
      .filter((candidate) => candidate !== '')
      .map((candidate) => candidate.split('\t'));
  const names = (line: string) => candidates(line).map(([name]) => name);

  it('takes the script', () => {
    execFileSync('fish', ['-n', join(directory, 'registry-prune.fish')]);
  });

  it.each([
    ['registry-prune pr', ['prune']],
    ['registry-prune prune --d', ['--dry-run']],
    ['registry-prune prune --mode ', ['online', 'offline']],
    ['registry-prune prune --mode=of', ['--mode=offline']],
    ['registry-prune prune --filter ', []],
    ['registry-prune prune ', []],
    ['registry-prune runs ', ['help', 'list', 'show']],
    ['registry-prune runs --limit 5 sh', ['show']],
    ['registry-prune runs show --j', ['--json']],
    ['registry-prune completion ', ['bash', 'zsh', 'fish']],
  ])('%s', (line, expected) => {
    expect(names(line).toSorted()).toEqual(expected.toSorted());
  });

  it('says what each is', () => {
    expect(candidates('registry-prune prune --dry')).toEqual([
      ['--dry-run', 'report what would go and change nothing'],
    ]);
  });
});
