import { describe, expect, it } from 'vitest';
import { apiView } from '../support/api-view.ts';
import { HOUR } from '../support/clock.ts';
import { image } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { historyKey, tagDirectory, tagLinkKey } from '../support/registry-writer.ts';
import { one, pruned, pushTagged, two } from '../support/undone.ts';

describe('tags', () => {
  it('stay as they are where a newer one stands', async () => {
    const { world, runId } = await pruned(pushTagged);
    const newer = image('newer');
    await world.registry.push('app', newer, 'v1');
    const report = await world.restore(runId);
    expect(report).toMatchObject({
      status: 'restored',
      manifests: { restored: 2 },
      tags: { restored: 1, present: 0, skipped: 1 },
      skipped: [{ code: 'newer-tag', what: 'app:v1', reason: expect.stringContaining(newer.digest) }],
    });
    expect(await world.metadata.tag('app', 'v2')).toMatchObject({ digest: two.digest });
    expect((await apiView(world.bucket)).get('tag app:v1')).toBe(Buffer.from(newer.bytes).toString('base64'));
  });

  it('stay away where a newer one has stood and was deleted', async () => {
    const { world, runId } = await pruned(pushTagged);
    // The very same: equal bytes, and yet a push of its own and a deletion that somebody wanted.
    await world.registry.push('app', one, 'v1');
    await world.registry.deleteTag('app', 'v1');
    const report = await world.restore(runId);
    expect(report).toMatchObject({ tags: { restored: 1, skipped: 1 }, status: 'restored' });
    expect(report.skipped).toMatchObject([{ code: 'newer-tag', what: 'app:v1' }]);
    expect(await world.bucket.head(tagLinkKey('app', 'v1'))).toBeUndefined();
    expect((await world.bucket.list(tagDirectory('app', 'v1'))).objects).toEqual([]);
  });

  it('are there already when a client has pushed the same', async () => {
    const { world, runId, before } = await pruned(pushTagged);
    await world.registry.push('app', one, 'v1');
    const report = await world.restore(runId);
    expect(report).toMatchObject({ tags: { restored: 1, present: 1, skipped: 0 }, skipped: [] });
    expect(await apiView(world.bucket)).toEqual(before);
    // The event of the push is yet to come, and the table knows of it all the same.
    expect(await world.metadata.tag('app', 'v1')).toMatchObject({ digest: one.digest });
  });

  it('give way to a push between look and put', async () => {
    const { world, runId } = await pruned(async ({ registry }) => {
      await registry.push('app', one, 'v1');
    });
    const newer = image('newer');
    const objects = intercept(world.bucket, {
      before: async ({ operation, arguments: [key] }) => {
        if (operation === 'put' && key === tagLinkKey('app', 'v1'))
          await world.registry.push('app', newer, 'v1');
      },
    });
    const report = await world.restore(runId, {}, { objects: () => objects });
    expect(report).toMatchObject({ tags: { restored: 0, skipped: 1 }, skipped: [{ code: 'newer-tag' }] });
    const link = await world.bucket.get(tagLinkKey('app', 'v1'));
    expect(new TextDecoder().decode(link?.body)).toBe(newer.digest);
  });

  it('are put as the registry puts them, the history first', async () => {
    const { world, runId } = await pruned(pushTagged);
    const put: unknown[] = [];
    const objects = intercept(world.bucket, {
      before: ({ operation, arguments: [key] }) => {
        if (operation === 'put' && String(key).includes('/tags/v1/')) put.push(key);
      },
    });
    await world.restore(runId, {}, { objects: () => objects });
    expect(put).toEqual([historyKey('app', 'v1', one.digest), tagLinkKey('app', 'v1')]);
  });

  it('have their histories only where they stand', async () => {
    const { world, runId } = await pruned(
      async (world) => {
        await world.registry.push('app', one, 'gone');
        await world.registry.push('app', one, 'kept');
        world.clock.advance(HOUR);
        await world.reindex();
        await world.registry.push('app', two, 'kept');
        await world.registry.deleteTag('app', 'gone');
      },
      { mode: 'offline' },
    );
    expect(await world.bucket.head(historyKey('app', 'kept', one.digest))).toBeUndefined();
    expect(await world.restore(runId)).toMatchObject({ manifests: { restored: 1 }, skipped: [] });
    expect(await world.bucket.head(historyKey('app', 'kept', one.digest))).toBeDefined();
    expect(await world.bucket.head(historyKey('app', 'gone', one.digest))).toBeUndefined();
  });
});
