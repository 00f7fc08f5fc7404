/** The scenarios: what is in the stores at the start, what is done then, and what must come of it. */
import type { Report } from '../lambdas/prune/report.ts';
import { type Checks, isQuiet } from './checks.ts';
import type { Phases } from './phases.ts';
import type { Control, Start } from './protocol.ts';
import type { RegistryFacts } from './registry/facts.ts';

export const SCENARIOS = [
  'reindex',
  'first-dry-run',
  'live',
  'dry-run',
  'prune',
  'sweep',
  'offline',
  'distributed',
  'distributed-killed',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface Stage {
  readonly phases: Phases;
  readonly control: Control;
  readonly facts: RegistryFacts;
  readonly checks: Checks;
}

export interface Scenario {
  readonly start: Start;
  /** @returns for how many manifests and blobs its requests were, by which they are divided. */
  readonly run: (stage: Stage) => Promise<Things>;
}

export interface Things {
  readonly manifests: number;
  readonly blobs: number;
}

/**
 * Online, each step rests before the next: an index goes, then its children, then what is left of their links, then
 * the bytes. More runs than this would be a run that never ends.
 */
const MAX_RUNS = 10;
/** Releases that the live scenario pushes, at most; half as many as there are images in a smaller registry. */
const PUSHES = 1_000;
/** Of a distributed run. */
const WORKERS = 16;
/** How many processes of the product the measured one stands for. */
export const processesOf = (scenario: ScenarioName): number =>
  scenario.startsWith('distributed') ? WORKERS : 1;

/** Calls to the table after which one of them dies, in each run of which one makes so many. */
const DEADLY = 100;
/** Images up to which a rebuild looks whether a prune has left the table in line: it reads all of the bucket. */
const REBUILT = 2_000;

const all = ({ manifests, blobs }: RegistryFacts): Things => ({ manifests, blobs });
const garbage = ({ garbageManifests, garbageBlobs }: RegistryFacts): Things => ({
  manifests: garbageManifests,
  blobs: garbageBlobs,
});

export const SCENARIO: Readonly<Record<ScenarioName, Scenario>> = {
  reindex: {
    start: 'pushed',
    run: async ({ phases, facts, checks }) => {
      checks.indexed(await phases.reindex('first'));
      checks.inLine('again', await phases.reindex('again'));
      return all(facts);
    },
  },
  live: {
    start: 'settled',
    run: async ({ phases, control, facts, checks }) => {
      const { keys, manifests, blobs } = await control.push(Math.min(PUSHES, Math.ceil(facts.images / 2)));
      checks.applied(await phases.index('events', keys), keys);
      return { manifests, blobs };
    },
  },
  'first-dry-run': { start: 'indexed', run: async (stage) => all(await dryRun(stage, true)) },
  'dry-run': { start: 'settled', run: async (stage) => garbage(await dryRun(stage)) },
  prune: { start: 'settled', run: (stage) => pruneToTheEnd(stage, 'online') },
  sweep: {
    start: 'condemned',
    run: async ({ phases, control, facts, checks }) => {
      const report = await phases.prune('sweep', 'online');
      checks.pruned([report], await control.inspect(), { manifests: 0 });
      return { manifests: facts.garbageBlobs, blobs: facts.garbageBlobs };
    },
  },
  offline: { start: 'settled', run: (stage) => pruneToTheEnd(stage, 'offline') },
  distributed: { start: 'settled', run: (stage) => pruneToTheEnd(stage, 'online', {}) },
  'distributed-killed': {
    start: 'settled',
    run: (stage) => pruneToTheEnd(stage, 'online', { deadly: DEADLY }),
  },
};

async function dryRun({ phases, facts, checks }: Stage, allQueued = false): Promise<RegistryFacts> {
  checks.foreseen(await phases.prune('dry run', 'online', { dryRun: true }), allQueued);
  checks.untouched(phases.done);
  return facts;
}

async function pruneToTheEnd(
  { phases, control, facts, checks }: Stage,
  mode: 'online' | 'offline',
  workers?: { readonly deadly?: number },
): Promise<Things> {
  const rehearsal = mode === 'offline' ? await phases.prune('dry run', mode, { dryRun: true }) : undefined;
  const runs: Report[] = [];
  let deaths = 0;
  do {
    if (runs.length > 0 && mode === 'online') await phases.rest();
    const name = `run ${runs.length + 1}`;
    if (workers === undefined) runs.push(await phases.prune(name, mode));
    else {
      const run = await phases.distribute(name, mode, WORKERS, workers.deadly);
      runs.push(run.report);
      deaths += run.deaths;
    }
  } while (!isQuiet(runs.at(-1)) && runs.length < MAX_RUNS);
  if (workers?.deadly !== undefined) checks.killed(deaths);
  if (rehearsal !== undefined) checks.rehearsed(rehearsal, runs[0]);
  checks.quiet(runs);
  checks.pruned(runs, await control.inspect(), { manifests: facts.garbageManifests });
  if (facts.images <= REBUILT) checks.inLine('rebuild', await phases.reindex('rebuild'));
  return garbage(facts);
}
