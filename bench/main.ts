#!/usr/bin/env node
/** `npm run bench`: what indexing and pruning cost as the registry and its garbage grow. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BenchArguments, readArguments, USAGE, UsageError } from './arguments.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { plots } from './plots.ts';
import { resultText } from './report.ts';
import { processesOf } from './scenarios.ts';
import { misses } from './targets.ts';

/** As small as a function with 512 MB would have it: V8 collects the later the more it may take. */
const flagsOf = (processes: number): string[] => [
  `--max-old-space-size=${320 * processes}`,
  '--max-semi-space-size=16',
];
const LARGEST_RESULT = 64 * 1024 * 1024;

const run = promisify(execFile);

try {
  const asked = readArguments(process.argv.slice(2));
  if (asked.help) process.stdout.write(`${USAGE}\n`);
  else process.exitCode = (await benchAll(asked)) ? 0 : 1;
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(
    usage ? `${error.message}\n${USAGE}\n` : `${error instanceof Error ? error.stack : error}\n`,
  );
  process.exitCode = usage ? 2 : 1;
}

/** @returns whether all went as it must. */
async function benchAll(asked: BenchArguments): Promise<boolean> {
  const results: BenchResult[] = [];
  const died: string[] = [];
  for (const options of combinations(asked)) {
    const { scenario, images, garbage } = options;
    process.stderr.write(`${scenario}, ${images} images, ${(garbage * 100).toFixed(1)} % garbage\n`);
    const result = await inProcess(options).catch((error: Error) => {
      // Out of memory, as a rule; the others are measured all the same.
      died.push(`${scenario}, ${images} images: the process has died: ${error.message.split('\n', 1)[0]}`);
    });
    if (result === undefined) continue;
    process.stdout.write(resultText(result));
    results.push(result);
    keep(asked, results);
  }
  const missed = [...died, ...misses(results)];
  for (const miss of missed) process.stdout.write(`FAILED: ${miss}\n`);
  return missed.length === 0 && results.every(({ failures }) => failures.length === 0);
}

function combinations(asked: BenchArguments): BenchOptions[] {
  const { scenarios, images, garbage, untagged, seed, maxRssMib } = asked;
  return scenarios.flatMap((scenario) =>
    images.flatMap((count) => {
      const shares = untagged === undefined ? garbage : [Math.min(1, untagged / count)];
      const fixed = untagged === undefined ? {} : { untagged };
      return shares.map((share) => ({ scenario, images: count, garbage: share, ...fixed, seed, maxRssMib }));
    }),
  );
}

async function inProcess(options: BenchOptions): Promise<BenchResult> {
  const path = fileURLToPath(new URL('./scenario-process.ts', import.meta.url));
  const child = run(
    process.execPath,
    [...flagsOf(processesOf(options.scenario)), path, JSON.stringify(options)],
    {
      maxBuffer: LARGEST_RESULT,
    },
  );
  child.child.stderr?.pipe(process.stderr);
  return JSON.parse((await child).stdout) as BenchResult;
}

/** After each result, so that a long series that is broken off has not been for nothing. */
function keep(
  { json, join: joins, plots: directory }: BenchArguments,
  results: readonly BenchResult[],
): void {
  const before = joins && json !== undefined && existsSync(json) ? read(json) : [];
  const same = (a: BenchResult, b: BenchResult) => JSON.stringify(a.options) === JSON.stringify(b.options);
  const all = [...before.filter((old) => !results.some((one) => same(one, old))), ...results];
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, undefined, 1)}\n`);
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  for (const { name, svg } of plots(all)) writeFileSync(join(directory, `${name}.svg`), svg);
}

function read(json: string): BenchResult[] {
  return JSON.parse(readFileSync(json, 'utf8')) as BenchResult[];
}
