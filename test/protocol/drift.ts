/** Where the table says something else than the bucket, though every event has been applied. */
import type { Item } from '../../lambdas/store/table.ts';
import type { Digest } from '../support/images.ts';
import { layerKey, ROOT, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import type { World } from '../support/world.ts';
import type { Simulation } from './simulation.ts';

const LINK = /\/(_layers|_manifests\/revisions)\/[^/]+\/[^/]+\/link$|\/tags\/[^/]+\/current\/link$/;

export async function drift({ world, scheduler }: Simulation): Promise<string[]> {
  const { recorder } = scheduler;
  const said = new Map<string, string>();
  for (const item of await world.items()) {
    const claim = claimOf(item);
    if (claim !== undefined) said.set(...claim);
  }
  const there = await linksOf(world);
  const keys = [...new Set([...said.keys(), ...there.keys()])].sort();
  return keys
    .filter((key) => said.get(key) !== there.get(key))
    .map((key) => {
      const [table, bucket] = [said.get(key), there.get(key)].map((of) => recorder.short(of ?? 'nothing'));
      return `at rest, the table says ${table} of ${recorder.short(key)}, the bucket ${bucket}`;
    });
}

/** The link that an item says to be there, with the digest in it. */
function claimOf({ pk, sk, state, removedAt, digest }: Item): [string, string] | undefined {
  const [kind, what = ''] = sk.split(/#(.*)/s);
  if (pk.startsWith('REPO#') && kind === 'MANIFEST') {
    const name = pk.slice('REPO#'.length);
    return state === 'deleted' ? undefined : [revisionKey(name, what as Digest), what];
  }
  if (pk.startsWith('REPO#') && kind === 'TAG')
    return [tagLinkKey(pk.slice('REPO#'.length), what), String(digest)];
  if (pk.startsWith('BLOB#') && kind === 'LINK' && removedAt === undefined) {
    const blob = pk.slice('BLOB#'.length) as Digest;
    return [layerKey(what, blob), blob];
  }
  return undefined;
}

async function linksOf({ bucket }: World): Promise<Map<string, string>> {
  const links = new Map<string, string>();
  for (const { key } of (await bucket.list(`${ROOT}repositories/`)).objects) {
    if (LINK.test(key)) links.set(key, new TextDecoder().decode((await bucket.get(key))?.body));
  }
  return links;
}
