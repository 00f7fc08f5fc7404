/**
 * How much faster a distributed run is: the same registry, pruned by one process and by many side by side, where every call
 * to the table and the bucket takes as long as over a network. All in one process, so what many workers compute is bounded
 * by one core; on AWS each has its own.
 *
 *   node bench/distributed.ts [indexes] [milliseconds of a call]
 */
import { setTimeout } from 'node:timers/promises';
import type { Report } from '../lambdas/prune/report.ts';
import type { PruneDependencies } from '../lambdas/prune/settings.ts';
import { SHARDS_AT_ONCE } from '../lambdas/prune/slice.ts';
import { SOCKETS } from '../lambdas/store/aws-clients.ts';
import { Functions } from '../test/support/distributed.ts';
import { goneBy, mixedRegistry } from '../test/support/distributed-world.ts';
import { intercept } from '../test/support/intercept.ts';
import type { World } from '../test/support/world.ts';

const [indexes = 300, latency = 5] = process.argv.slice(2).map(Number);
const REQUEST = { mode: 'offline', all: true };

/** The world's stores, each call of which takes its time. */
function remote({ table, dependencies }: World): Partial<PruneDependencies> {
  const before = async (): Promise<void> => {
    await setTimeout(latency);
  };
  return {
    table: intercept(table, { before }),
    objects: (guard) => intercept(dependencies.objects(guard), { before }),
  };
}

async function single() {
  const world = await mixedRegistry(indexes);
  const begun = performance.now();
  const report = await world.prune(REQUEST, { ...remote(world), concurrency: SOCKETS / SHARDS_AT_ONCE });
  return { milliseconds: performance.now() - begun, report, world };
}

async function distributed(workers: number) {
  const world = await mixedRegistry(indexes);
  const concurrency = Math.floor(SOCKETS / Math.min(SHARDS_AT_ONCE, Math.ceil(16 / workers)));
  const functions = new Functions(world, {
    settings: { workers },
    faults: () => ({ ...remote(world), concurrency }),
  });
  const begun = performance.now();
  let step: Awaited<ReturnType<Functions['decide']>> | undefined;
  const started = await functions.start({ request: REQUEST, execution: 'bench' });
  if (started.how === 'single') throw new Error('the run was not distributed');
  for (step = started; step.step === 'work'; ) {
    await Promise.all(step.lanes.map((lane) => functions.slice(lane)));
    step = await functions.decide({ runId: step.runId, pass: step.pass });
  }
  await functions.finish({ state: { runId: step.runId }, execution: 'bench' });
  return { milliseconds: performance.now() - begun, report: functions.report, world };
}

/** Without the list of images, which ends at a thousand, whichever they are. */
function outcomeOf(report: Report | undefined): string {
  const { imagesDeleted: _, ...gone } = goneBy(report);
  return JSON.stringify(gone);
}

const one = await single();
const expected = outcomeOf(one.report);
const keys = JSON.stringify([...(await one.world.keys())]);
const { manifests, blobs } = one.report;
console.log(`${manifests.deleted} manifests, ${blobs.deleted} blobs, ${latency} ms a call`);
console.log(`one process: ${Math.round(one.milliseconds)} ms`);
for (const workers of [4, 16]) {
  const many = await distributed(workers);
  const same = outcomeOf(many.report) === expected && JSON.stringify([...(await many.world.keys())]) === keys;
  const factor = one.milliseconds / many.milliseconds;
  console.log(
    `${workers} workers: ${Math.round(many.milliseconds)} ms, ${factor.toFixed(1)} times as fast, ${same ? 'the same outcome' : 'ANOTHER OUTCOME'}`,
  );
  if (!same) process.exitCode = 1;
}
