import { expect, test } from 'vitest';
import { readArguments, UsageError } from '../../bench/arguments.ts';
import { bench } from '../../bench/bench.ts';
import { processProbe } from '../../bench/measure.ts';
import { resultText } from '../../bench/report.ts';
import { SCENARIOS } from '../../bench/scenarios.ts';

const SMALL = { images: 200, garbage: 0.5, seed: 7, maxRssMib: 100_000 };

test.each(SCENARIOS)(
  'a small registry, %s: every check holds',
  async (scenario) => {
    const result = await bench({ ...SMALL, scenario }, processProbe());
    expect(result.failures).toEqual([]);
    expect(result.registry).toMatchObject({ repositories: 1, images: expect.closeTo(200, -1) });
    const text = resultText(result);
    for (const { name } of result.phases) expect(text).toContain(name);
    expect(text).toMatch(/DynamoDB (GetItem|Query|UpdateItem)/);
    expect(JSON.parse(JSON.stringify(result))).toMatchObject({ options: { seed: 7 }, failures: [] });
  },
  60_000,
);

test('the same seed makes the same registry, whose measured process fails a limit it cannot keep', async () => {
  const tight = { ...SMALL, images: 40, maxRssMib: 1, scenario: 'sweep' as const };
  const [one, other] = [await bench(tight, processProbe()), await bench(tight, processProbe())];
  expect(one.registry).toEqual(other.registry);
  expect(one.failures).toEqual([
    expect.stringMatching(/^memory: \d+ MiB were resident .*; allowed are 1 MiB$/),
  ]);
}, 60_000);

test('arguments', () => {
  expect(readArguments([])).toEqual({
    ...{ scenarios: SCENARIOS, images: [1_000, 10_000], garbage: [0.5], untagged: undefined, seed: 1 },
    ...{ maxRssMib: 512, json: undefined, join: false, plots: undefined, help: false },
  });
  expect(
    readArguments(['--images', '9,90', '--garbage', '10,90', '--scenario=sweep', '--untagged', '5']),
  ).toMatchObject({ images: [9, 90], garbage: [0.1, 0.9], scenarios: ['sweep'], untagged: 5 });
  for (const bad of [
    ['--images', '0'],
    ['--images', '1.5'],
    ['--images', '1,'],
    ['--garbage', '200'],
    ['--scenario', 'x'],
    ['--y'],
  ]) {
    expect(() => readArguments(bad)).toThrow(UsageError);
  }
});
