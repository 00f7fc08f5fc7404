/** With --function, at a terminal: what is asked before, and what Ctrl-C does while a function works. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { type InvokeApi, startInvokeApi } from '../support/invoke-api.ts';
import { openTerminal, type TerminalSession } from '../support/terminal.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

const FUNCTION = 'registry-prune-prune';
const RUN = '01KAV3M2Q8Z5N6W4R7T9Y1B3CD';
const ASKED = 'Continue? [y/N]';

let api: InvokeApi;
/** A function that has not answered yet. */
let called: PromiseWithResolvers<void>;
let answered: PromiseWithResolvers<void>;

beforeEach(async () => {
  called = Promise.withResolvers();
  answered = Promise.withResolvers();
  const never = async () => {
    called.resolve();
    await answered.promise;
  };
  api = await startInvokeApi({ [FUNCTION]: never });
});

afterEach(async () => {
  answered.resolve();
  await api.stop();
});

/** Its caller has credentials, and no other environment. */
const open = (...args: string[]): TerminalSession =>
  openTerminal([...args, '--function', FUNCTION], {
    env: {
      NO_COLOR: '1',
      AWS_ENDPOINT_URL_LAMBDA: api.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
  });
/** As one line: the terminal breaks it. */
const screenOf = (terminal: TerminalSession): string => terminal.screen().replaceAll(/\s+/g, ' ');

describe('a question', () => {
  it.each<[string, string[], string[]]>([
    [
      'a prune of the defaults',
      ['prune'],
      [
        "delete all manifests that match the function's own filters,",
        `from the registry of function ${FUNCTION}.`,
      ],
    ],
    [
      'a prune of tagged images too',
      ['prune', '--all'],
      ["all manifests, tagged or not, that match the function's own filters,"],
    ],
    [
      'a prune with filters',
      ['prune', '--filter', 'label=stage=review', '--repository', 'team/*'],
      [
        'all untagged manifests that match',
        '"label":["stage=review"]',
        'in team/*',
        `from the registry of function ${FUNCTION}.`,
      ],
    ],
    ['an undo', ['restore', RUN], [`what run ${RUN} deleted from the registry of function ${FUNCTION},`]],
    [
      'a plan',
      ['apply', 's3://my-registry/registry-prune/plans/x.json'],
      ['what the plan s3://my-registry/registry-prune/plans/x.json names from the registry of function'],
    ],
  ])('before %s says what the function would do, and no is no', async (_, args, texts) => {
    const terminal = open(...args);
    await terminal.shows(ASKED);
    for (const text of texts) expect(screenOf(terminal)).toContain(text);
    terminal.type('n');
    terminal.press('enter');
    expect(await terminal.ended()).toBe(EXIT.done);
    expect(screenOf(terminal)).toMatch(/Nothing was (deleted|restored)\./);
    expect(api.payloads).toEqual([]);
  });
});

it('Ctrl-C ends the waiting, and says that the function goes on', async () => {
  const terminal = open('prune', '--yes');
  await called.promise;
  terminal.press('ctrl-c');
  expect(await terminal.ended()).toBe(130);
  expect(screenOf(terminal)).toContain(
    `registry-prune: function ${FUNCTION} goes on; \`registry-prune watch --function ${FUNCTION}\` shows how far it is`,
  );
  expect(api.payloads).toEqual([{ action: 'prune', trigger: 'cli', mode: 'online', dryRun: false }]);
});
