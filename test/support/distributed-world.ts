/** A registry with a little of everything, the same each time, and what runs over it come to. */
import type { Report } from '../../lambdas/prune/report.ts';
import { DAY, HOUR, SECOND } from './clock.ts';
import { cosignTag, digestOf, image, index, layer, referrer, signature } from './images.ts';
import { World } from './world.ts';

/** A brake that lets everything pass: nothing is rehearsed. */
export const UNBRAKED = { manifestShare: 1, byteShare: 1, manifestFloor: 0, byteFloor: 0 };

/** Indexes with children, referrers and signatures in three repositories, each fourth with a tag; links elsewhere. */
export async function mixedRegistry(indexes = 12): Promise<World> {
  const world = new World({ settings: { brake: UNBRAKED } });
  const { registry, clock } = world;
  for (let at = 0; at < indexes; at++) {
    const name = ['base', 'team', 'team/app'][at % 3] ?? 'base';
    const child = image(`child ${at}`, { layers: [layer('base'), layer(`own ${at}`)] });
    const list = index([child]);
    await registry.push(name, child);
    await registry.push(name, list, at % 4 === 0 ? `v${at}` : undefined);
    await registry.push(name, referrer(list.digest, `${at}`));
    await registry.push(name, signature(list.digest, `${at}`), cosignTag(list.digest));
    registry.mount('elsewhere', digestOf(layer(`own ${at}`)));
    clock.advance(SECOND);
  }
  clock.advance(HOUR);
  await world.reindex();
  await world.later(DAY + HOUR);
  return world;
}

/** What two runs over the same registry have in common, in whatever order they come to it. */
export function totalsOf(report: Report | undefined) {
  if (report === undefined) throw new Error('there is no report');
  const { status, mode, trigger, manifests, blobs, links, uploads, spaceReclaimed, refusals } = report;
  const imagesDeleted = report.imagesDeleted.map((one) => JSON.stringify(one)).sort();
  return {
    ...{ status, mode, trigger, manifests, blobs, links, uploads, spaceReclaimed, refusals },
    imagesDeleted,
  };
}

/** What is gone by a report: nothing of it depends on how often something was looked at. */
export function goneBy(report: Report | undefined) {
  const { status, imagesDeleted, manifests, blobs, links, spaceReclaimed } = totalsOf(report);
  return {
    ...{ status, imagesDeleted, spaceReclaimed, links },
    manifests: manifests.deleted,
    blobs: blobs.deleted,
  };
}
