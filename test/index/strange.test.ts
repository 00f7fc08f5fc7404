import { describe, expect, it } from 'vitest';
import { DAY, MINUTE } from '../support/clock.ts';
import { digestOf, layer } from '../support/images.ts';
import { dataKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const ROOT = 'docker/registry/v2/repositories';
const bytes = layer('named by a strange link');
const digest = digestOf(bytes);
const path = digest.replace(':', '/');

/** A blob that only links of a repository whose name no registry can serve lead to. */
async function strangeWorld() {
  const world = new World();
  world.bucket.seed(dataKey(digest), bytes);
  const keys = [
    `${ROOT}/Bad__/_manifests/revisions/${path}/link`,
    `${ROOT}/Bad__/_manifests/tags/v1/index/${path}/link`,
  ] as const;
  for (const key of keys) world.bucket.seed(key, digest);
  await world.reindex();
  return { world, keys };
}

async function pruned(world: World): Promise<boolean> {
  world.clock.advance(DAY + MINUTE);
  await world.reindexAndPrune({ mode: 'offline' });
  return !(await world.keys()).has(dataKey(digest));
}

describe('links of unknown layout', () => {
  it('keep the blob they end in, and are reported', async () => {
    const { world, keys } = await strangeWorld();
    const { unreadable, unrecognised } = await world.reindex();
    expect(unreadable.map(({ what }) => what)).toEqual(keys);
    expect(unrecognised).toBe(2);
    expect(await pruned(world)).toBe(false);
  });

  it('keep it as long as one of them is left', async () => {
    const { world, keys } = await strangeWorld();
    await world.bucket.deleteMany([keys[1]]);
    expect(await pruned(world)).toBe(false);
    await world.bucket.deleteMany([keys[0]]);
    expect(await pruned(world)).toBe(true);
  });

  it('lose nothing and poison nothing when their release is cut short', async () => {
    const { world, keys } = await strangeWorld();
    await world.bucket.deleteMany(keys);
    const remove = world.table.remove.bind(world.table);
    let calls = 0;
    world.table.remove = async (...args) => {
      if (++calls === 2) throw new Error('cut short');
      return await remove(...args);
    };
    world.clock.advance(MINUTE);
    await expect(world.reindex()).rejects.toThrow('cut short');
    world.table.remove = remove;
    expect(await pruned(world)).toBe(true);
  });
});

describe('a link below a name that no registry can serve', () => {
  it.each(['', 'a\nb', '_x', '_layers', 'app/_x', 'a//b', '/', '../x'])(
    'of %j keeps the blob it ends in',
    async (name) => {
      const world = new World();
      world.bucket.seed(dataKey(digest), bytes);
      const key = `${ROOT}/${name}/_layers/${path}/link`;
      world.bucket.seed(key, digest);
      expect(await pruned(world)).toBe(false);
      expect((await world.reindex()).unreadable.map(({ what }) => what)).toContain(key);
    },
  );
});
