import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listVersions, snapshotBucket } from './support/bucket.ts';
import { type Questions, questionsFrom, served } from './support/served.ts';
import { snapshotTable } from './support/table.ts';
import { createWorld, type Report, reportOf, succeeded, type World } from './support/world.ts';

/** Runs undone with the real registry in front: what it serves is compared, not what is stored. */
describe('undo', () => {
  let world: World;
  let questions: Questions;
  /** What was served before the first run, before the second, and after it. */
  let served0: Map<string, string>;
  let served1: Map<string, string>;
  let served2: Map<string, string>;
  /** Of tagged images with a label; and of what is untagged. */
  let labelled: Report;
  let untagged: Report;

  const ask = () => served(world.client(), questions);
  const json = async (...args: string[]) => JSON.parse(succeeded(await world.cli(...args, '--json')).stdout);

  /** All that is stored, each version, without the lock, which is taken and given back in any case. */
  async function everything() {
    const { endpoint, bucket, table } = world;
    const items = [...(await snapshotTable(endpoint, table))].filter(([key]) => !key.startsWith('LOCK '));
    const versions = await listVersions(endpoint, bucket);
    return { items: items.sort(), versions: versions.map((version) => JSON.stringify(version)).sort() };
  }

  /** The second time, everything is there already. */
  async function expectNothingAgain({ runId, manifests, blobs }: Report) {
    const before = await everything();
    expect(await json('restore', runId, '--yes')).toMatchObject({
      status: 'restored',
      manifests: { restored: 0, present: manifests.deleted, skipped: 0 },
      tags: { restored: 0, skipped: 0 },
      links: { restored: 0, skipped: 0 },
      blobs: { restored: 0, bytes: 0, present: blobs.deleted, lost: 0 },
      skipped: [],
    });
    expect(await everything()).toEqual(before);
  }

  beforeAll(async () => {
    world = await createWorld({ name: 'undo', versioned: true });
    await world.makeReadOnly();
    questions = questionsFrom(await snapshotBucket(world.endpoint, world.bucket));
    served0 = await ask();
    const offline = ['prune', '--mode', 'offline', '--yes', '--json'];
    labelled = reportOf(await world.cli(...offline, '--all', '--filter', 'label=team=core'));
    served1 = await ask();
    untagged = reportOf(await world.cli(...offline));
    served2 = await ask();
  });

  afterAll(() => world?.stop());

  it('starts from runs that took tagged images, indexes, signatures, links and blobs', () => {
    expect(labelled).toMatchObject({ status: 'completed', refusals: [] });
    expect(labelled.imagesDeleted.filter((entry) => 'untagged' in entry).length).toBeGreaterThan(1);
    expect(untagged.manifests.deleted).toBeGreaterThan(3);
    expect(untagged.blobs.deleted).toBeGreaterThan(3);
    expect(served1).not.toEqual(served0);
    expect(served2).not.toEqual(served1);
  });

  it('foretells what comes back, and writes nothing', async () => {
    const before = await everything();
    const planned = await json('restore', untagged.runId, '--dry-run');
    expect(planned).toMatchObject({ dryRun: true, status: 'restored', skipped: [] });
    expect(planned.manifests.restored).toBe(untagged.manifests.deleted);
    expect(planned.blobs).toMatchObject({
      restored: untagged.blobs.deleted,
      bytes: untagged.spaceReclaimed,
      lost: 0,
    });
    expect(await everything()).toEqual(before);
    expect(await ask()).toEqual(served2);
  });

  it('brings the newer run back, so that the registry serves byte for byte what it did before it', async () => {
    const report = await json('restore', untagged.runId, '--yes');
    expect(report).toMatchObject({ dryRun: false, status: 'restored', skipped: [] });
    expect(report.manifests.restored).toBe(untagged.manifests.deleted);
    expect(report.blobs).toMatchObject({ restored: untagged.blobs.deleted, bytes: untagged.spaceReclaimed });
    expect(await ask()).toEqual(served1);
    await expectNothingAgain(untagged);
  });

  it('brings the older one back, with its tags', async () => {
    const report = await json('restore', labelled.runId, '--yes');
    const tags = labelled.imagesDeleted.filter((entry) => 'untagged' in entry);
    expect(report).toMatchObject({ status: 'restored', skipped: [], tags: { restored: tags.length } });
    expect(await ask()).toEqual(served0);
    await expectNothingAgain(labelled);
  });

  it('leaves the table in line with the bucket', async () => {
    const { added, removed, lost } = await json('reindex');
    const none = { repositories: 0, manifests: 0, tags: 0, links: 0, blobs: 0, uploads: 0, edges: 0 };
    expect({ added: { ...added, uploads: 0 }, removed: { ...removed, uploads: 0 }, lost }).toEqual({
      added: none,
      removed: none,
      lost: [],
    });
  });

  it('lists the runs, newest first, and shows one', async () => {
    const runs = await json('runs');
    expect(runs.map(({ runId }: Report) => runId)).toEqual([untagged.runId, labelled.runId]);
    expect(await json('runs', '--limit', '1')).toEqual(runs.slice(0, 1));
    const run = await json('runs', 'show', labelled.runId);
    expect(run).toEqual(runs[1]);
    expect(run).toMatchObject({ status: 'completed', mode: 'offline', trigger: 'cli', recoverable: true });
    const day = 24 * 3_600_000;
    expect(Date.parse(run.recoverableUntil) - Date.parse(run.startedAt)).toBe(14 * day);
    expect(run.restoredAt).toBeDefined();
    expect(succeeded(await world.cli('runs')).stdout).toContain(labelled.runId);
    expect(succeeded(await world.cli('runs', 'show', labelled.runId)).stdout).toContain(
      `undone ${run.restoredAt}`,
    );
  });

  it('tells when and why an image went, and that it is back', async () => {
    const [line] = labelled.imagesDeleted.filter((entry) => 'untagged' in entry);
    const name = line?.['untagged'] ?? '';
    const [repository = '', tag = ''] = [
      name.slice(0, name.lastIndexOf(':')),
      name.slice(name.lastIndexOf(':') + 1),
    ];
    const { digest } = await world.client().getManifest(repository, tag);
    const history = await json('history', digest);
    const actions = history.lines.map(
      ({ action, run }: { action: string; run: string }) => `${run} ${action}`,
    );
    expect(actions).toContain(`${labelled.runId} untag`);
    expect(actions).toContain(`${labelled.runId} delete-manifest`);
    expect(actions).toContain(`${labelled.runId} delete-blob`);
    expect(history.now).toMatchObject({ blob: 'live' });
    expect(history.now.manifests).toContainEqual({ repository, state: 'live' });
    expect(history.now.tags).toContainEqual({ repository, tag, digest });
    const text = succeeded(await world.cli('history', digest)).stdout;
    expect(text).toContain(`Now: ${name} names it`);
  });

  it('says no, by code, to what it does not know', async () => {
    const ended = await world.cli('restore', 'nothing', '--yes');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain('no run "nothing" is known');
  });
});
