import { expect, it } from 'vitest';
import { historyOf } from '../../lambdas/restore/history.ts';
import { latestRuns, readRun } from '../../lambdas/store/runs.ts';
import { DAY } from '../support/clock.ts';
import { digestOf, image, layer, neverPushed } from '../support/images.ts';
import { JOURNAL, World } from '../support/world.ts';

const ALL = { mode: 'offline', filters: { dangling: ['false'] } };
const one = image('one');

/** Pushed and pruned twice, by two runs. */
async function prunedTwice() {
  const world = new World();
  const runs: string[] = [];
  for (const name of ['app', 'other']) {
    await world.registry.push(name, one, 'v1');
    await world.reindex();
    runs.push((await world.prune(ALL)).runId);
    await world.later(DAY);
  }
  const history = (digest: typeof one.digest) =>
    historyOf({ objects: world.bucket, metadata: world.metadata }, JOURNAL, digest);
  return { world, runs, history };
}

it('tells of a manifest, its tags and its bytes, the newest run first', async () => {
  const { world, runs, history } = await prunedTwice();
  const { lines, problems, now } = await history(one.digest);
  expect(problems).toEqual([]);
  expect(lines.map(({ run, action }) => [run, action])).toEqual(
    runs.toReversed().flatMap((run) => [
      [run, 'untag'],
      [run, 'delete-manifest'],
      [run, 'delete-blob'],
    ]),
  );
  expect(lines[0]).toMatchObject({ repository: 'other', tag: 'v1', digest: one.digest });
  for (const { reason, time } of lines) {
    expect(reason).not.toBe('');
    expect(Date.parse(time)).toBeLessThanOrEqual(world.clock.now());
  }
  expect(now).toEqual({
    blob: 'deleted',
    manifests: ['app', 'other'].map((repository) => ({ repository, state: 'deleted' })),
    tags: expect.arrayContaining(
      ['app', 'other'].map((repository) => ({ repository, tag: 'v1', digest: null })),
    ),
  });
});

it('says where it is now, once it is back', async () => {
  const { world, runs, history } = await prunedTwice();
  const newer = image('newer');
  await world.registry.push('other', newer, 'v1');
  await world.reindex();
  for (const run of runs.toReversed()) await world.restore(run);
  const { now } = await history(one.digest);
  expect(now.blob).toBe('live');
  expect(now.manifests.map(({ state }) => state)).toEqual(['live', 'live']);
  expect(now.tags).toContainEqual({ repository: 'app', tag: 'v1', digest: one.digest });
  expect(now.tags).toContainEqual({ repository: 'other', tag: 'v1', digest: newer.digest });
});

it('tells of a layer, with the link to it', async () => {
  const { history } = await prunedTwice();
  const { lines, now } = await history(digestOf(layer('one')));
  expect(new Set(lines.map(({ action }) => action))).toEqual(new Set(['unlink', 'delete-blob']));
  expect(now).toEqual({ blob: 'deleted', manifests: [], tags: [] });
});

it('knows nothing of what never went', async () => {
  const { history } = await prunedTwice();
  expect(await history(neverPushed('x'))).toMatchObject({
    lines: [],
    problems: [],
    now: { blob: 'unknown', manifests: [], tags: [] },
  });
});

it('tells of lines that name it and cannot be read, and of no others', async () => {
  const { world, history } = await prunedTwice();
  world.bucket.seed(`${JOURNAL}zzz/w-000001.ndjson`, `torn\n{"digest":"${one.digest}"\n`);
  const { lines, problems } = await history(one.digest);
  expect(lines).toHaveLength(6);
  expect(problems).toEqual([{ key: `${JOURNAL}zzz/w-000001.ndjson`, line: 2, reason: 'it is no JSON' }]);
});

it('lists the latest runs, newest first, across pages', async () => {
  const { world, runs } = await prunedTwice();
  expect((await latestRuns(world.table, 10)).map(({ runId }) => runId)).toEqual(runs.toReversed());
  expect((await latestRuns(world.table, 1)).map(({ runId }) => runId)).toEqual(runs.slice(1));
  // Each as large as a report can be, so that there are pages.
  const journal = 'x'.repeat(100_000);
  for (let at = 0; at < 25; at++) {
    const sk = `run-${String(at).padStart(3, '0')}`;
    await world.table.put({ pk: 'RUNS', sk, version: 1, status: 'completed', journal });
  }
  const latest = await latestRuns(world.table, 20);
  expect(latest.map(({ runId }) => runId)).toEqual(
    Array.from({ length: 20 }, (_, at) => `run-${String(24 - at).padStart(3, '0')}`),
  );
});

it('says which item of a run it does not understand', async () => {
  const { world } = await prunedTwice();
  await world.table.put({ pk: 'RUNS', sk: 'odd', version: 1, status: 7 });
  await expect(readRun(world.table, 'odd')).rejects.toMatchObject({ name: 'UnknownItemError' });
});
