import { expect, test } from 'vitest';
import { readArguments, UsageError } from '../../bench/arguments.ts';
import { bench } from '../../bench/bench.ts';
import { processProbe } from '../../bench/measure.ts';
import { resultText } from '../../bench/report.ts';

const SMALL = { manifests: 500, garbage: 0.5, seed: 7, maxRssMib: 100_000 };

test.each(['offline', 'online'] as const)(
  'a small registry, %s: every check holds',
  async (mode) => {
    const manifests = mode === 'offline' ? 500 : 200;
    const result = await bench({ ...SMALL, manifests, mode }, processProbe());
    expect(result.failures).toEqual([]);
    expect(result.registry).toMatchObject({ repositories: 1, manifests });
    expect(result.phases.map(({ name }) => name).slice(0, 4)).toEqual([
      'reindex, first',
      'reindex, again',
      'dry run',
      'prune 1',
    ]);
    const text = resultText(result);
    for (const { name } of result.phases) expect(text).toContain(name);
    expect(text).toContain('DynamoDB UpdateItem');
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({ options: { seed: 7 }, failures: [] });
  },
  60_000,
);

test('the same seed makes the same registry, whose measured process fails a limit it cannot keep', async () => {
  const tight = { ...SMALL, manifests: 40, maxRssMib: 1, mode: 'offline' as const };
  const [one, other] = [await bench(tight, processProbe()), await bench(tight, processProbe())];
  expect(one.registry).toEqual(other.registry);
  expect(one.failures).toEqual([
    expect.stringMatching(/^memory: \d+ MiB were resident .*; allowed are 1 MiB$/),
  ]);
}, 60_000);

test('arguments', () => {
  expect(readArguments([])).toEqual({
    ...{ manifests: 20_000, garbage: 0.5, seed: 1, mode: 'offline', maxRssMib: 512 },
    ...{ json: false, help: false },
  });
  expect(readArguments(['--manifests', '9', '--mode=online', '--json'])).toMatchObject({
    ...{ manifests: 9, mode: 'online', json: true },
  });
  for (const bad of [
    ['--manifests', '0'],
    ['--manifests', '1.5'],
    ['--garbage', '2'],
    ['--mode', 'x'],
    ['--y'],
  ]) {
    expect(() => readArguments(bad)).toThrow(UsageError);
  }
});
