import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = (name: string) => new URL(name, import.meta.url).pathname;

/** In a process of its own: counters have to be there before what they count. @returns what it prints. */
async function run(name: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const options = { env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=512', name], options);
  return stdout;
}

it('is led to faults by coverage, and makes their inputs as small as they can be', async () => {
  const [hidden, slow, blind] = JSON.parse(await run(script('find-planted.ts')));
  expect(hidden).toEqual([expect.stringMatching(/^\{"[0-9][a-z][A-Z][!-/]$/), 'RangeError: found']);
  expect(slow).toEqual(['*', expect.stringMatching(/it takes/)]);
  expect(blind).toBe(null);
});

it('finds nothing in a few inputs of each target', async () => {
  const lines = (await run(script('main.ts'), { FUZZ_INPUTS: '100' })).trim().split('\n');
  expect(lines.length).toBeGreaterThan(12);
  // Counters that were switched on too late would count whole functions, and far fewer.
  for (const line of lines) expect(Number(/(\d+) blocks/.exec(line)?.[1]), line).toBeGreaterThan(12);
});
