import { expect, it } from 'vitest';
import { DAY } from '../support/clock.ts';
import { digestOf, image, layer } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { type Body, World } from '../support/world.ts';

const base = layer('base');

/** An untagged image that shares its layer with a tagged one; all else is at rest. */
async function shared(): Promise<World> {
  const world = new World();
  await world.registry.push('app', image('gone', { layers: [base] }), 'v1');
  await world.registry.push('app', image('kept', { layers: [base] }), 'v2');
  await world.reindex();
  await world.later();
  await world.prune();
  world.registry.tag('app', image('kept', { layers: [base] }).digest, 'v1');
  await world.reindex();
  await world.later(2 * DAY);
  return world;
}

/** Queries for other references of the layer in the repository. */
async function looksOf(world: World, body: Body): Promise<{ looks: number; deleted: number; blobs: object }> {
  let looks = 0;
  const table = intercept(world.table, {
    before: ({ operation, arguments: [pk, options] }) => {
      const { prefix } = Object(options);
      if (operation === 'query' && pk === `BLOB#${digestOf(base)}` && prefix === 'MANIFEST#app@') looks++;
    },
  });
  const { manifests, blobs } = await world.prune(body, { table });
  return { looks, deleted: manifests.deleted, blobs };
}

it('an online dry run does not look for who else needs a blob that would rest anyway', async () => {
  const [dry, run] = [await looksOf(await shared(), { dryRun: true }), await looksOf(await shared(), {})];
  expect(dry).toMatchObject({ looks: 0, deleted: 1 });
  expect(run.looks).toBeGreaterThan(0);
  expect(dry.blobs).toEqual(run.blobs);
});

it('one whose releases do not rest does, as the run itself', async () => {
  const offline = { mode: 'offline' };
  const [dry, run] = [
    await looksOf(await shared(), { ...offline, dryRun: true }),
    await looksOf(await shared(), offline),
  ];
  for (const { looks } of [dry, run]) expect(looks).toBeGreaterThan(0);
  expect({ ...dry, looks: 0 }).toEqual({ ...run, looks: 0 });
});
