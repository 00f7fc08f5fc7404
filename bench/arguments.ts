/** The benchmark's command line. */
import { parseArgs } from 'node:util';
import { SCENARIOS, type ScenarioName } from './scenarios.ts';

export const USAGE = `npm run bench -- [options]
  --scenario <name>    one of ${SCENARIOS.join(', ')}; several times for several (default: all)
  --images <n,…>       images of one platform in the generated registry (default 1000,10000)
  --garbage <p,…>      percent of releases that nothing holds (default 50)
  --untagged <n>       images that nothing holds, whatever the size, in the place of --garbage
  --seed <n>           of the generated registry (default 1)
  --max-rss-mib <n>    fails when a measured process takes more (default 512)
  --json <file>        writes all results there; joins those that are there already with --join
  --join
  --plots <directory>  writes plots there, as SVG
  --help`;

/** The arguments cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface BenchArguments {
  readonly scenarios: readonly ScenarioName[];
  readonly images: readonly number[];
  /** Shares, from 0 to 1. */
  readonly garbage: readonly number[];
  readonly untagged: number | undefined;
  readonly seed: number;
  readonly maxRssMib: number;
  readonly json: string | undefined;
  readonly join: boolean;
  readonly plots: string | undefined;
  readonly help: boolean;
}

/** @throws UsageError */
export function readArguments(args: readonly string[]): BenchArguments {
  const values = parsed(args);
  return {
    scenarios: values.scenario?.map(scenario) ?? SCENARIOS,
    images: numbers('images', values.images, { least: 1, most: 10_000_000, whole: true }),
    garbage: numbers('garbage', values.garbage, { least: 0, most: 100, whole: false }).map(
      (one) => one / 100,
    ),
    untagged:
      values.untagged === undefined
        ? undefined
        : number('untagged', values.untagged, { least: 0, most: 10_000_000, whole: true }),
    seed: number('seed', values.seed, { least: 0, most: 2 ** 32 - 1, whole: true }),
    maxRssMib: number('max-rss-mib', values['max-rss-mib'], { least: 1, most: 1_000_000, whole: false }),
    json: values.json,
    join: values.join,
    plots: values.plots,
    help: values.help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', multiple: true },
        images: { type: 'string', default: '1000,10000' },
        garbage: { type: 'string', default: '50' },
        untagged: { type: 'string' },
        seed: { type: 'string', default: '1' },
        'max-rss-mib': { type: 'string', default: '512' },
        json: { type: 'string' },
        join: { type: 'boolean', default: false },
        plots: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function scenario(value: string): ScenarioName {
  const found = SCENARIOS.find((name) => name === value);
  if (found !== undefined) return found;
  throw new UsageError(`--scenario is ${JSON.stringify(value)}: allowed are ${SCENARIOS.join(', ')}`);
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const numbers = (name: string, text: string, range: Range): number[] =>
  text.split(',').map((one) => number(name, one, range));

function number(name: string, text: string, { least, most, whole }: Range): number {
  const value = Number(text);
  const fits = text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
  if (fits) return value;
  const kind = whole ? 'whole numbers' : 'numbers';
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: allowed are ${kind} from ${least} to ${most}`);
}
