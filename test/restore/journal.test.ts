import { describe, expect, it } from 'vitest';
import { PruneLock, SKEW } from '../../lambdas/store/lock.ts';
import { apiView } from '../support/api-view.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { digestOf, layer } from '../support/images.ts';
import { Crash, intercept } from '../support/intercept.ts';
import { everything } from '../support/stored.ts';
import { ALL, nothing, one, pruned, pushTagged, two } from '../support/undone.ts';
import { JOURNAL, World } from '../support/world.ts';

describe('the journal', () => {
  it('is believed in nothing: a line without a deed changes nothing', async () => {
    const world = new World();
    await pushTagged(world);
    await world.registry.upload('app', layer('loose'));
    await world.reindex();
    const { runId } = await world.prune({ mode: 'online' });
    const about = { time: world.clock.date().toISOString(), run: runId, reason: 'was about to' };
    const lines = [
      {
        ...about,
        action: 'delete-manifest',
        repository: 'app',
        digest: one.digest,
        mediaType: '',
        size: 1,
        taggedAs: ['v1'],
      },
      {
        ...about,
        action: 'untag',
        repository: 'app',
        tag: 'v1',
        digest: one.digest,
        etag: '""',
        versionId: '1',
      },
      { ...about, action: 'unlink', repository: 'app', digest: digestOf(layer('loose')), size: 1 },
      { ...about, action: 'delete-blob', digest: digestOf(layer('one')), size: 1, repositories: ['app'] },
    ];
    world.bucket.seed(
      `${JOURNAL}${runId}/w-000001.ndjson`,
      `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`,
    );
    const stored = await everything(world);
    expect(await world.restore(runId)).toMatchObject({
      status: 'restored',
      manifests: { ...nothing, present: 1 },
      tags: { ...nothing, present: 1 },
      links: { ...nothing, present: 1 },
      blobs: { restored: 0, bytes: 0, present: 1, lost: 0 },
    });
    expect(await everything(world)).toEqual(stored);
  });

  it('is read on after what cannot be', async () => {
    const { world, before, runId } = await pruned(pushTagged);
    const key = `${JOURNAL}${runId}/0-000001.ndjson`;
    const line = { time: '', run: runId, reason: '', action: 'unlink', digest: one.digest, size: 1 };
    world.bucket.seed(
      key,
      `not JSON\n${JSON.stringify({ ...line, repository: '../x' })}\n{"action":"new"}\n`,
    );
    const report = await world.restore(runId);
    expect(report).toMatchObject({ status: 'partial', manifests: { restored: 2 }, tags: { restored: 2 } });
    expect(report.skipped.map(({ code, what }) => [code, what])).toEqual(
      [1, 2, 3].map((at) => ['unreadable', `${key}:${at}`]),
    );
    expect(await apiView(world.bucket)).toEqual(before);
  });

  it('may tell of a tag twice: the line that fits counts', async () => {
    const { world, before, runId } = await pruned(pushTagged);
    const [untag] = (await world.journal()).filter(({ action, tag }) => action === 'untag' && tag === 'v1');
    const stale = { ...untag, versionId: 'of before', digest: two.digest };
    world.bucket.seed(`${JOURNAL}${runId}/0-000001.ndjson`, `${JSON.stringify(stale)}\n`);
    expect(await world.restore(runId)).toMatchObject({ tags: { restored: 2, skipped: 0 }, skipped: [] });
    expect(await apiView(world.bucket)).toEqual(before);
  });

  it.each([
    ['a manifest', 'delete-manifest'],
    ['blobs', 'delete-blob'],
  ])('of a run that died over %s is enough', async (_, action) => {
    const world = new World();
    await pushTagged(world);
    await world.later();
    await world.reindex();
    const before = await apiView(world.bucket);
    // It dies right after the line is stored, with what it has taken `deleting`.
    const crash = new Crash();
    let written = false;
    const objects = intercept(world.bucket, {
      before: () => {
        if (written) throw new Error('the process is gone');
      },
      after: ({ operation, arguments: [key, body] }) => {
        written ||= operation === 'put' && String(key).startsWith(JOURNAL) && String(body).includes(action);
      },
    });
    const dying = {
      objects: () => crash.over(objects),
      table: intercept(world.table, {
        before: () => {
          if (written) throw new Error('the process is gone');
        },
      }),
    };
    await expect(world.prune(ALL, dying)).rejects.toThrow('the process is gone');
    const run = (await world.items()).find(({ pk }) => pk === 'RUNS');
    const runId = run?.sk ?? '';
    expect(run).toMatchObject({ status: 'running' });
    expect((await world.items()).some(({ state }) => state === 'deleting')).toBe(true);
    world.clock.advance(10 * MINUTE + SKEW + 1);
    expect(await world.restore(runId)).toMatchObject({ status: 'restored', skipped: [] });
    expect(await apiView(world.bucket)).toEqual(before);
    // What it had taken and not journalled is for the next prune: nothing has been done to it.
    const journalled = (await world.journal()).map(({ digest }) => digest);
    const deleting = (await world.items()).filter(({ state }) => state === 'deleting');
    const isJournalled = ({ pk, sk }: { pk: string; sk: string }) =>
      journalled.some((digest) => `${pk} ${sk}`.includes(String(digest)));
    expect(deleting.filter(isJournalled)).toEqual([]);
  });
});

describe('an undo is refused', () => {
  async function refusal(world: World, runId: string, name: string, ...texts: string[]): Promise<void> {
    const stored = await everything(world);
    const lock = await world.table.get({ pk: 'LOCK', sk: 'prune' });
    for (const dryRun of [true, false]) {
      const error = await world.restore(runId, { dryRun }).catch((error: unknown) => error);
      expect(error).toMatchObject({ name });
      for (const text of texts) expect((error as Error).message).toContain(text);
    }
    expect(await everything(world)).toEqual(stored);
    expect(await world.table.get({ pk: 'LOCK', sk: 'prune' })).toEqual(lock);
  }

  it.each(['nothing', '', '__proto__'])('for a run that is not known: %j', async (runId) => {
    await refusal(new World(), runId, 'UnknownRunError', JSON.stringify(runId));
  });

  it('for a dry run', async () => {
    const world = new World();
    await world.reindex();
    const { runId } = await world.prune({ dryRun: true });
    await refusal(world, runId, 'UnknownRunError', runId);
  });

  it('where the bucket was not versioned', async () => {
    const world = new World({ versioned: false });
    await pushTagged(world);
    await world.reindex();
    const { runId } = await world.prune(ALL);
    expect(world.bus.events.at(-1)?.detail).toMatchObject({ recoverableUntil: null });
    await refusal(world, runId, 'RestoreRefusedError', runId, 'not versioned');
  });

  it('when its journal is gone', async () => {
    const { world, runId } = await pruned(pushTagged);
    const { objects } = await world.bucket.list(`${JOURNAL}${runId}/`);
    await world.bucket.deleteMany(objects.map(({ key }) => key));
    for (const dryRun of [true, false]) {
      await expect(world.restore(runId, { dryRun })).rejects.toMatchObject({
        name: 'RestoreRefusedError',
        message: expect.stringContaining(`${JOURNAL}${runId}/`),
      });
    }
  });

  it('not of a run that has deleted nothing: there is nothing to do', async () => {
    const world = new World();
    await world.reindex();
    const { runId } = await world.prune();
    expect(await world.restore(runId)).toMatchObject({ status: 'restored', manifests: nothing, skipped: [] });
  });

  it('when its window has closed, to the millisecond', async () => {
    const { world, runId, report } = await pruned(pushTagged);
    const until = Date.parse(report.startedAt) + 14 * DAY;
    world.clock.advance(until - world.clock.now());
    await world.restore(runId, { dryRun: true });
    world.clock.advance(1);
    await refusal(world, runId, 'RestoreRefusedError', new Date(until).toISOString(), 'UNDO_WINDOW');
  });

  it('while it is running', async () => {
    const { world, runId } = await pruned(pushTagged);
    await world.table.update({ pk: 'RUNS', sk: runId }, { set: { status: 'running' } });
    const request = { owner: 'somebody', runId, deadline: world.clock.now() + MINUTE };
    await PruneLock.take(world.table, world.clock.now, request);
    await refusal(world, runId, 'RestoreRefusedError', runId, 'still running');
  });

  it('while another prune is running, unless it is a dry run', async () => {
    const { world, runId } = await pruned(pushTagged);
    const request = { owner: 'somebody', runId: 'other', deadline: world.clock.now() + MINUTE };
    await PruneLock.take(world.table, world.clock.now, request);
    const stored = await everything(world);
    await expect(world.restore(runId)).rejects.toMatchObject({ name: 'PruneAlreadyRunningError' });
    expect(await world.restore(runId, { dryRun: true })).toMatchObject({ status: 'restored' });
    expect(await everything(world)).toEqual(stored);
  });
});
