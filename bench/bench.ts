/** One scenario over one generated registry: runs its phases and checks that what they did was right. */
import { Checks } from './checks.ts';
import { LIMITS } from './limits.ts';
import type { Probe } from './measure.ts';
import { type Phase, Phases, SETTINGS } from './phases.ts';
import type { RegistryFacts } from './registry/facts.ts';
import { processesOf, SCENARIO, type ScenarioName, type Things } from './scenarios.ts';
import { Services } from './services.ts';
import { Timeline } from './timeline.ts';

export interface BenchOptions {
  readonly scenario: ScenarioName;
  /** Images of one platform; the last release may add a few. */
  readonly images: number;
  /** The share of releases that are garbage, from 0 to 1. */
  readonly garbage: number;
  /** How many images that share is, where it was asked for as a number. */
  readonly untagged?: number;
  readonly seed: number;
  /** What the measured process may have resident, in MiB. */
  readonly maxRssMib: number;
}

export interface BenchResult {
  readonly options: BenchOptions;
  readonly registry: RegistryFacts;
  /** For which its requests were. */
  readonly things: Things;
  readonly phases: readonly Phase[];
  /** Bytes. */
  readonly memory: {
    /** Of the measured process: before the first phase, and the highest of its whole life. */
    readonly baseline: number;
    readonly max: number;
    /** How far V8 would let its heap grow; the less, the earlier it collects. */
    readonly heapLimit: number;
    /** Of the process with the stores: with the registry generated, and at the end. */
    readonly generated: number;
    readonly stores: number;
  };
  /** What was not as it must be; empty when all is well. */
  readonly failures: readonly string[];
}

/** When the registry is looked at. */
const NOW = Date.parse('2026-03-01T00:00:00Z');

/** What was written since the start, in the process that plays the services (MiB). */
const SERVICES_HEAP = 14_000;

/** @param started is told what begins. */
export async function bench(
  options: BenchOptions,
  probe: Probe,
  started: (name: string) => void = () => {},
): Promise<BenchResult> {
  const { scenario, images, garbage, seed, maxRssMib } = options;
  const { grace, quarantine } = SETTINGS;
  const timeline = new Timeline(NOW);
  const services = new Services({ timeline, limits: LIMITS, heapMib: SERVICES_HEAP });
  const { control } = services;
  try {
    started('generating the registry');
    const { start, run } = SCENARIO[scenario];
    const facts = await control.generate({ images, garbage, seed, start, now: NOW, grace, quarantine });
    const generated = (await control.counted()).rss;
    const baseline = probe.memory().rss;
    const phases = new Phases({ services, timeline, probe, started });
    const checks = new Checks(facts);
    const things = await run({ phases, control, facts, checks });
    const max = probe.maxRss();
    checks.within(maxRssMib * processesOf(scenario), max, phases.done);
    const stores = (await control.counted()).rss;
    return {
      ...{ options, registry: facts, things, phases: phases.done, failures: checks.failures },
      memory: { baseline, max, heapLimit: probe.heapLimit(), generated, stores },
    };
  } finally {
    services.close();
  }
}
