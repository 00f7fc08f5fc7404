import { expect, it } from 'vitest';
import { relink, reviveManifest } from '../../lambdas/store/hold.ts';
import { manifestKey } from '../../lambdas/store/items.ts';
import { HOUR, SECOND } from '../support/clock.ts';
import { digestOf, image, layer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { layerKey, revisionKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

const one = image('one');
const blob = digestOf(layer('one'));

/** A registry whose bucket's clock is ahead of the process's. */
async function ahead() {
  const world = new World();
  await world.registry.push('app', one, 'v1');
  await world.reindex();
  await world.bucket.deleteMany([revisionKey('app', one.digest), layerKey('app', blob)]);
  world.clock.advance(HOUR);
  const bucket = intercept(world.bucket, {
    before: ({ operation }) => {
      if (operation === 'put') world.clock.advance(2 * SECOND);
    },
  });
  const { index } = world;
  Object.assign(index.bucket, { objects: bucket });
  return { world, index };
}

it('knows a revived manifest as pushed when its link was written, or an offline run took it for a push', async () => {
  const { world, index } = await ahead();
  const item = await world.metadata.manifest('app', one.digest);
  const taken = { state: 'deleting', runId: 'run', fence: 1 };
  await world.metadata.transition(manifestKey('app', one.digest), item?.version ?? 0, taken);
  await reviveManifest(index, 'app', one.digest, { at: world.clock.now(), grace: HOUR });
  const link = await world.bucket.head(revisionKey('app', one.digest));
  expect(await world.metadata.manifest('app', one.digest)).toMatchObject({
    state: 'live',
    pushedAt: link?.lastModified.getTime(),
  });
  expect((await world.reindex()).added).toMatchObject({ manifests: 0, links: 0 });
});

it('leaves the push time of a manifest whose link was there all along', async () => {
  const { world, index } = await ahead();
  await world.registry.push('app', one);
  await world.reindex();
  const item = await world.metadata.manifest('app', one.digest);
  await world.metadata.transition(manifestKey('app', one.digest), item?.version ?? 0, { state: 'deleting' });
  world.clock.advance(HOUR);
  await reviveManifest(index, 'app', one.digest, { at: world.clock.now(), grace: HOUR });
  expect((await world.metadata.manifest('app', one.digest))?.pushedAt).toBe(item?.pushedAt);
});

it('knows a link that it writes by the time of the bucket', async () => {
  const { world, index } = await ahead();
  const now = world.clock.now();
  await relink(index, 'app', blob, now);
  const link = await world.bucket.head(layerKey('app', blob));
  expect(link?.lastModified.getTime()).toBe(now + 2 * SECOND);
  expect((await world.metadata.link(blob, 'app'))?.linkedAt).toBe(link?.lastModified.getTime());
});
