/** One benchmark: generates a registry, runs the phases over it, and checks that what they did was right. */
import type { ReindexReport } from '../lambdas/index/reindex-report.ts';
import type { Report } from '../lambdas/prune/report.ts';
import type { Mode } from '../lambdas/prune/request.ts';
import { Checks, isQuiet } from './checks.ts';
import { LIMITS } from './limits.ts';
import type { Probe } from './measure.ts';
import { type Phase, Phases } from './phases.ts';
import type { RegistryFacts } from './registry.ts';
import { Services } from './services.ts';
import { Timeline } from './timeline.ts';

export interface BenchOptions {
  readonly manifests: number;
  /** The share of releases that are garbage, from 0 to 1. */
  readonly garbage: number;
  readonly seed: number;
  readonly mode: Mode;
  /** What the measured process may have resident, in MiB. */
  readonly maxRssMib: number;
}

export interface BenchResult {
  readonly options: BenchOptions;
  readonly registry: RegistryFacts;
  readonly phases: readonly Phase[];
  /** Bytes. */
  readonly memory: {
    /** Of the measured process: before the first phase, and the highest of its whole life. */
    readonly baseline: number;
    readonly max: number;
    /** How far V8 would let its heap grow; the less, the earlier it collects. */
    readonly heapLimit: number;
    /** Of the process with the stores: with the registry generated, and with the table at the end. */
    readonly generated: number;
    readonly stores: number;
  };
  readonly reports: { readonly reindex: readonly ReindexReport[]; readonly prune: readonly Report[] };
  /** What was not as it must be; empty when all is well. */
  readonly failures: readonly string[];
}

/** When the registry is looked at. */
const NOW = Date.parse('2026-03-01T00:00:00Z');

/**
 * Online, each step rests before the next: an index goes, then its children, then what is left of their links, then
 * the bytes. More runs than this would be a run that never ends.
 */
const MAX_RUNS = 10;

/** The registry and its table, in the process that plays the services (MiB). */
const SERVICES_HEAP = 20_000;

/** @param started is told what begins. */
export async function bench(
  options: BenchOptions,
  probe: Probe,
  started: (name: string) => void = () => {},
): Promise<BenchResult> {
  const { manifests, garbage, seed, mode, maxRssMib } = options;
  const timeline = new Timeline(NOW);
  const services = new Services({ timeline, limits: LIMITS, heapMib: SERVICES_HEAP });
  const { control } = services;
  try {
    started('generating the registry');
    const registry = await control.generate({ manifests, garbage, seed, now: NOW });
    const generated = (await control.counted()).rss;
    const baseline = probe.memory().rss;
    const phases = new Phases({ services, timeline, probe, started });
    const checks = new Checks(registry);

    const first = await phases.reindex('reindex, first');
    checks.indexed(first);
    const second = await phases.reindex('reindex, again');
    checks.inLine('reindex, again', second);
    const rehearsal = await phases.prune('dry run', mode, { dryRun: true });
    checks.untouched('dry run', await control.inspect());
    const runs: Report[] = [];
    do {
      if (runs.length > 0 && mode === 'online') await phases.rest();
      runs.push(await phases.prune(`prune ${runs.length + 1}`, mode));
    } while (!isQuiet(runs.at(-1)) && runs.length < MAX_RUNS);
    checks.rehearsed(rehearsal, runs[0]);
    checks.pruned(runs, await control.inspect());
    const last = await phases.reindex('reindex, after');
    checks.inLine('reindex, after', last);

    const max = probe.maxRss();
    checks.within(maxRssMib, max, phases.done);
    return {
      ...{ options, registry, phases: phases.done },
      memory: {
        baseline,
        max,
        heapLimit: probe.heapLimit(),
        generated,
        stores: (await control.counted()).rss,
      },
      reports: { reindex: [first, second, last], prune: [rehearsal, ...runs] },
      failures: checks.failures,
    };
  } finally {
    services.close();
  }
}
