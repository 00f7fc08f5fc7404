/**
 * Fuzzing guided by coverage, as libFuzzer does it: what runs a block as no input before it is kept, and changed again.
 * Jazzer.js would be the package for it; the only binary that its version 4 brings for Linux needs glibc 2.38, which
 * the machines of this project do not have, and version 2 downloads its own.
 */
import { Random } from '../../bench/random.ts';
import type { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';

export interface Target {
  readonly seeds: readonly (string | Uint8Array)[];
  /** Throws when something does not hold that has to. @returns anything. */
  readonly check: (input: Uint8Array) => unknown;
  /** Milliseconds of the processor that an input may take. @default 1,000 */
  readonly patience?: number;
  /** How many inputs of other targets one of it takes the time of. @default 1 */
  readonly cost?: number;
}

export interface Options {
  readonly seed: number;
  /** Ends after this many inputs, seeds included; fewer of what costs more. */
  readonly inputs?: number;
  /** Ends after this many seconds. */
  readonly seconds?: number;
  /** Made before what is fuzzed was loaded. */
  readonly coverage: Coverage;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface Result {
  readonly executions: number;
  /** Blocks of the product that were run. */
  readonly blocks: number;
  /** Blocks times magnitudes of their counts. */
  readonly features: number;
  /** Inputs that ran something new. */
  readonly corpus: number;
  /** The slowest input (milliseconds of the processor). */
  readonly slowest: number;
  readonly finding?: Finding;
}

const PATIENCE = 1_000;

/** Until there is a finding, which is made as small as it can be, or time or inputs are up. */
export async function fuzz(target: Target, { seed, inputs, seconds, coverage }: Options): Promise<Result> {
  const random = new Random(seed);
  const end = performance.now() + (seconds ?? Number.POSITIVE_INFINITY) * 1_000;
  const last = (inputs ?? Number.POSITIVE_INFINITY) / (target.cost ?? 1);
  coverage.forget();
  const corpus: Uint8Array[] = [];
  const seeds = target.seeds.map((one) => (typeof one === 'string' ? new TextEncoder().encode(one) : one));
  let executions = 0;
  let slowest = 0;
  let finding: Finding | undefined;

  /** Those of late have been changed least. */
  const choose = (): Uint8Array => {
    const newest = random.chance(0.3) ? Math.max(0, corpus.length - 20) : 0;
    return corpus[random.between(newest, corpus.length - 1)] ?? new Uint8Array();
  };
  while (finding === undefined && executions < last && performance.now() < end) {
    const input = seeds[executions] ?? mutate(choose(), choose(), random);
    const { took, error } = await tried(target, input);
    executions += 1;
    slowest = Math.max(slowest, took);
    if (error !== undefined) finding = { input: await smaller(target, input, error), error };
    if (coverage.take() > 0 || executions <= seeds.length) corpus.push(input);
  }
  return {
    ...{ executions, slowest, corpus: corpus.length },
    ...{ blocks: coverage.blocks.size, features: coverage.seen.size },
    ...(finding === undefined ? {} : { finding }),
  };
}

/** An input that takes too long is tried again: a collection of garbage may have come between. */
async function tried({ check, patience = PATIENCE }: Target, input: Uint8Array) {
  let took = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && took > patience; attempt++) {
    const before = process.threadCpuUsage().user;
    try {
      await check(input);
    } catch (error) {
      return { took: 0, error: error ?? new Error('something was thrown that is nothing') };
    }
    took = Math.min(took, (process.threadCpuUsage().user - before) / 1_000);
  }
  return { took, error: took > patience ? new Error(`it takes ${took} ms`) : undefined };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

/** Without whatever is not needed for an error of the same name. */
async function smaller(target: Target, input: Uint8Array, error: unknown): Promise<Uint8Array> {
  let least = input;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < least.length; ) {
      const shorter = Buffer.concat([least.subarray(0, at), least.subarray(at + size)]);
      const { error: again } = await tried(target, shorter);
      if (again !== undefined && nameOf(again) === nameOf(error)) least = shorter;
      else at += size;
    }
  }
  return least;
}
