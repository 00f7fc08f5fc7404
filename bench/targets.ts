/** What the figures must keep to. */
import type { BenchResult } from './bench.ts';
import { MIB } from './checks.ts';
import { PROCESSORS } from './cost.ts';
import type { ScenarioName } from './scenarios.ts';
import { totalsOf } from './totals.ts';

/** Of what was swept. */
const SWEEP = { dynamodbPerBlob: 6, s3DeletesPerBlob: 0.002, cpuMicrosPerBlob: 100 } as const;
/** Below that, what a run takes whatever it does, and code that is not yet compiled, count for too much. */
const ENOUGH_BLOBS = 1_000;
/** Each of the 16 shards ends with a request that is not full. */
const ENOUGH_FOR_DELETES = 20_000;
const ENOUGH_FOR_CPU = 100_000;

/** What one function may take (seconds): 15 minutes. */
const FUNCTION = 900;
/** Of what one function is to get through with a tenth to spare. */
const IN_ONE_FUNCTION: Partial<Record<ScenarioName, { readonly images: number }>> = {
  sweep: { images: 100_000 },
  'dry-run': { images: 1_000_000 },
};

/**
 * How much more each piece of garbage may cost among ten times as many live images: the thinner it is spread, the fewer of its
 * looks at a layer that many share come together.
 */
const FLATNESS = 0.06;
/** Bytes by which memory may grow with the registry. */
const GROWTH = 96 * MIB;
/** Scenarios whose cost follows the garbage. */
const FOLLOWS_GARBAGE: readonly ScenarioName[] = ['prune', 'sweep'];

/** @returns what was missed, in words; nothing when all is well. */
export function misses(results: readonly BenchResult[]): string[] {
  return [...results.flatMap(ofOne), ...FOLLOWS_GARBAGE.flatMap((scenario) => notFlat(scenario, results))];
}

function ofOne(result: BenchResult): string[] {
  const { scenario, images } = result.options;
  const { blobs } = result.things;
  const totals = totalsOf(result);
  const missed: string[] = [];
  const most = (what: string, got: number, allowed: number): void => {
    if (got > allowed)
      missed.push(`${titleOf(result)}: ${what}: ${got.toPrecision(3)}; allowed are ${allowed}`);
  };
  if (scenario === 'sweep' && blobs >= ENOUGH_BLOBS) {
    most('DynamoDB requests a blob', totals.dynamodb / blobs, SWEEP.dynamodbPerBlob);
    if (blobs >= ENOUGH_FOR_DELETES) {
      most('S3 delete requests a blob', totals.s3Deletes / blobs, SWEEP.s3DeletesPerBlob);
    }
    if (blobs >= ENOUGH_FOR_CPU) {
      most('µs of CPU a blob', (totals.cpuSeconds * 1e6) / blobs, SWEEP.cpuMicrosPerBlob);
    }
  }
  const whole = IN_ONE_FUNCTION[scenario];
  if (whole !== undefined && images <= whole.images) {
    most('seconds', totals.seconds, 0.9 * FUNCTION);
    most('seconds to compute', totals.cpuSeconds / PROCESSORS, 0.9 * FUNCTION);
  }
  return missed;
}

/** Compares each with the smallest registry that has about as much garbage. */
function notFlat(scenario: ScenarioName, results: readonly BenchResult[]): string[] {
  const mine = results
    .filter(({ options }) => options.scenario === scenario)
    .toSorted((a, b) => a.registry.images - b.registry.images);
  return mine.flatMap((larger, at) => {
    const smaller = mine
      .slice(0, at)
      .find(({ things }) => things.blobs >= ENOUGH_BLOBS && isAbout(things.blobs, larger.things.blobs));
    if (smaller !== undefined) return compared(smaller, larger);
    // The same number of images was asked for in each, so as to be compared.
    const isAsked = at > 0 && larger.options.untagged !== undefined;
    return isAsked ? [`${titleOf(larger)}: no smaller one has as much garbage to compare it with`] : [];
  });
}

const isAbout = (a: number, b: number): boolean => Math.abs(a - b) <= 0.25 * Math.max(a, b);

function compared(smaller: BenchResult, larger: BenchResult): string[] {
  const missed: string[] = [];
  const of = (result: BenchResult) => {
    const { dynamodb, s3, dollars, peakRss } = totalsOf(result);
    const { blobs } = result.things;
    return { dynamodb: dynamodb / blobs, s3: s3 / blobs, dollars: dollars / blobs, peakRss };
  };
  const [before, after] = [of(smaller), of(larger)];
  const allowed = FLATNESS * Math.max(1, Math.log10(larger.registry.images / smaller.registry.images));
  for (const what of ['dynamodb', 's3', 'dollars'] as const) {
    const growth = after[what] / before[what] - 1;
    if (growth > allowed) {
      missed.push(
        `${titleOf(larger)}: ${what} for each blob of garbage has grown by ${(growth * 100).toFixed(1)} % since ` +
          `${smaller.registry.images} images; allowed are ${(allowed * 100).toFixed(0)} %`,
      );
    }
  }
  const grown = after.peakRss - before.peakRss;
  if (grown > GROWTH) {
    missed.push(
      `${titleOf(larger)}: memory has grown by ${(grown / MIB).toFixed(0)} MiB since ${smaller.registry.images} ` +
        `images; allowed are ${GROWTH / MIB} MiB`,
    );
  }
  return missed;
}

const titleOf = ({ options: { scenario, garbage }, registry: { images } }: BenchResult): string =>
  `${scenario}, ${images} images, ${(garbage * 100).toFixed(1)} % garbage`;
