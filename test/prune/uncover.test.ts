import { describe, expect, it } from 'vitest';
import { holdBlob } from '../../lambdas/store/hold.ts';
import { SKEW } from '../../lambdas/store/lock.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { type Digest, digestOf, image, index } from '../support/images.ts';
import { LiveIndexer } from '../support/indexer.ts';
import { type Call, intercept, once } from '../support/intercept.ts';
import { revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const all = { filters: { dangling: ['false'] } };

/**
 * A tag is moved away and back while a run deletes it: the marker hides a link that nobody meant. Then whoever removes
 * markers fails, as it does when the process dies there.
 */
async function cutShort(world: World, digest: Digest, tag: string): Promise<void> {
  const link = tagLinkKey('app', tag);
  const isDelete = ({ operation, arguments: [key] }: Call) => operation === 'delete' && key === link;
  const { objects, ...rest } = world.dependencies;
  await expect(
    world.prune(all, {
      ...rest,
      objects: (guard) =>
        intercept(objects(guard), {
          before: once(isDelete, async () => {
            await world.registry.push('app', image('elsewhere'), tag);
            world.registry.tag('app', digest, tag);
          }),
        }),
      markers: { remove: () => Promise.reject(new Error('the restore function cannot be reached')) },
    }),
  ).rejects.toThrow('cannot be reached');
  expect(await world.bucket.head(link)).toBeUndefined();
}

describe('a run that dies between a tag deletion and the look at what it hid', () => {
  const child = image('child');
  const list = index([child]);

  it.each([
    { what: 'an image', held: child },
    { what: 'an index', held: list },
  ])('is made good by the next one: $what keeps its tag', async ({ held }) => {
    const world = new World({ versioned: true });
    const live = new LiveIndexer(world);
    for (const one of new Set([child, held])) await world.registry.push('app', one);
    world.registry.tag('app', held.digest, 'v1');
    await world.reindex();
    await world.later();
    await cutShort(world, held.digest, 'v1');

    // The event finds no link, so the table does not tell of the tag either.
    await live.keys([tagLinkKey('app', 'v1')]);
    world.clock.advance(10 * MINUTE + SKEW + HOUR);
    await world.beat();
    await world.prune();
    expect(await world.bucket.head(tagLinkKey('app', 'v1'))).toBeDefined();
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    for (const { digest } of new Set([child, held])) {
      expect(await world.bucket.head(revisionKey('app', digest))).toBeDefined();
    }
    expect(await world.metadata.tag('app', 'v1')).toMatchObject({ digest: held.digest });
  });
});

describe('a foreign layer', () => {
  it('is not lost when its image was deleted and is pushed again', async () => {
    const world = new World({ versioned: true });
    const foreign = digestOf(new TextEncoder().encode('held elsewhere'));
    // The registry never had it: nothing but the manifest names it.
    await world.metadata.touchBlob(foreign, { at: world.clock.now(), grace: 0 });
    await world.reindex();
    for (let round = 0; round < 3; round++) {
      await world.later();
      await world.prune();
    }
    expect(await world.metadata.blobItem(foreign)).toMatchObject({ state: 'deleted' });
    const held = await holdBlob(world.index, foreign, { at: world.clock.now(), grace: 0 });
    expect(held.lost).toEqual([]);
    expect(await world.metadata.blobItem(foreign)).toMatchObject({ state: 'live' });
  });
});
