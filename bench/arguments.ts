/** The benchmark's command line. */
import { parseArgs } from 'node:util';
import type { BenchOptions } from './bench.ts';

export const USAGE = `npm run bench -- [options]
  --manifests <n>      manifests in the generated registry (default 20000)
  --garbage <share>    share of releases that nothing holds (default 0.5)
  --seed <n>           of the generated registry (default 1)
  --mode <mode>        offline (default) or online: as many runs as it takes, with rests between them
  --max-rss-mib <n>    fails when the measured process takes more (default 512)
  --json               prints JSON
  --help`;

/** The arguments cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface BenchArguments extends BenchOptions {
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws UsageError */
export function readArguments(args: readonly string[]): BenchArguments {
  const values = parsed(args);
  return {
    manifests: number('manifests', values.manifests, { least: 1, most: 10_000_000, whole: true }),
    garbage: number('garbage', values.garbage, { least: 0, most: 1, whole: false }),
    seed: number('seed', values.seed, { least: 0, most: 2 ** 32 - 1, whole: true }),
    mode: mode(values.mode),
    maxRssMib: number('max-rss-mib', values['max-rss-mib'], { least: 1, most: 1_000_000, whole: false }),
    json: values.json,
    help: values.help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        manifests: { type: 'string', default: '20000' },
        garbage: { type: 'string', default: '0.5' },
        seed: { type: 'string', default: '1' },
        mode: { type: 'string', default: 'offline' },
        'max-rss-mib': { type: 'string', default: '512' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function mode(value: string): BenchOptions['mode'] {
  if (value === 'offline' || value === 'online') return value;
  throw new UsageError(`--mode is ${JSON.stringify(value)}: allowed are offline and online`);
}

function number(
  name: string,
  text: string,
  { least, most, whole }: { readonly least: number; readonly most: number; readonly whole: boolean },
): number {
  const value = Number(text);
  const fits = text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
  if (fits) return value;
  const kind = whole ? 'whole numbers' : 'numbers';
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: allowed are ${kind} from ${least} to ${most}`);
}
