/** The images of the small worlds, what is there before, and the names that schedules are read with. */
import { DAY } from '../support/clock.ts';
import {
  cosignTag,
  digestOf,
  image,
  index,
  layer,
  type Manifest,
  referrer,
  signature,
} from '../support/images.ts';
import type { World } from '../support/world.ts';

export const L = layer('shared');
export const one = image('one', { layers: [L] });
/** It needs the same layer. */
export const twin = image('twin', { layers: [L] });
export const other = image('other', { layers: [layer('of the other')] });
export const list = index([one]);
export const sbom = referrer(one.digest, 'sbom');
export const signed = signature(one.digest);
export const SIGNATURE = cosignTag(one.digest);

const named: Readonly<Record<string, Manifest>> = { one, twin, other, list, sbom, signed };

export const names: Readonly<Record<string, string>> = {
  'layer:L': digestOf(L),
  ...Object.fromEntries(
    Object.entries(named).flatMap(([name, { digest, blobs }]) => [
      [name, digest],
      ...blobs
        .filter((bytes) => bytes !== L)
        .map((bytes, at) => [`${at === 0 ? 'config' : 'layer'}:${name}`, digestOf(bytes)]),
    ]),
  ),
};

/** Old enough for everything, and seen by the indexer. */
export async function rest(world: World): Promise<void> {
  world.clock.advance(2 * DAY);
  await world.reindex();
}

/** Pushed, and rested since. */
export const pushed =
  (push: (world: World) => Promise<unknown>) =>
  async (world: World): Promise<void> => {
    await push(world);
    await rest(world);
  };

/** What a run is asked for that takes tags as well. */
export const untagging = { filters: { dangling: ['false'] }, confirm: 100 };

/** A layer that nothing needs, condemned and due. */
export async function condemnedLayer(world: World): Promise<void> {
  await pushed(({ registry }) => registry.upload('app', L))(world);
  await world.prune();
  await rest(world);
}

/** An image whose tag has moved on: untagged, with a name that it once had. */
export const untagged = pushed(async ({ registry }) => {
  await registry.push('app', one, 'v1');
  await registry.push('app', other, 'v1');
});

/** One of the two images that need a layer is untagged, and nothing but that image is queued. */
export async function oneOfTwins(world: World): Promise<void> {
  await pushed(async ({ registry }) => {
    await registry.push('app', one, 'v1');
    await registry.push('app', twin, 'v2');
  })(world);
  await world.prune();
  world.registry.tag('app', twin.digest, 'v1');
  await rest(world);
  world.clock.advance(2 * DAY);
  await world.beat();
}
