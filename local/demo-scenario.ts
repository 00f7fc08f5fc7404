/** What clients did to the demo's registry: a little of everything that a collector can get wrong. */
import {
  type Artifact,
  attestation,
  image,
  index,
  layer,
  noise,
  sbom,
  signature,
  signatureTag,
} from './demo-images.ts';
import type { DemoRegistry } from './demo-registry.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Nothing in it may be deleted: one of its manifests cannot be read. */
export const DAMAGED_REPOSITORY = 'legacy/import';

export interface Scenario {
  /** Pushed and signed; a client deletes it later, and its signature stays behind. */
  readonly withdrawn: { readonly repository: string; readonly artifact: Artifact };
}

/** Pushes, retags, signs, gives up uploads. */
export async function fillRegistry(registry: DemoRegistry): Promise<Scenario> {
  const base = layer('debian', 2 * MIB);
  const node = layer('node', 1.5 * MIB);

  // `latest` moves on: the image it named stays without a tag.
  const web = (version: string) => image([base, node, layer(`web ${version}`, 640 * KIB)]);
  await registry.push('web', web('1.0'), '1.0');
  await registry.push('web', web('2.0-rc'), 'latest');
  await registry.push('web', web('2.0'), '2.0', 'latest');

  // A new index takes the tag. It shares one platform with the old one, which stays with the rest of its children.
  const arm = image([layer('debian arm64', MIB), layer('api arm64', 300 * KIB)], 'arm64');
  const api = (build: string) => {
    const amd = image([base, layer(`api ${build}`, 320 * KIB)]);
    return index([amd, arm, attestation(amd)]);
  };
  await registry.push('team/api', api('build 41'), 'main');
  await registry.push('team/api', api('build 42'), 'main');

  // Signed images; one has a bill of materials as well.
  const checkout = (version: string) => image([base, layer(`checkout ${version}`, 512 * KIB)]);
  const [old, current] = [checkout('1.0'), checkout('1.1')];
  for (const [artifact, tag] of [
    [old, '1.0'],
    [current, '1.1'],
  ] as const) {
    await registry.push('shop/checkout', artifact, tag);
    await registry.push('shop/checkout', signature(artifact), signatureTag(artifact));
  }
  await registry.push('shop/checkout', sbom(current));

  // An image without a tag, a layer that came to nothing, an upload that was never finished.
  await registry.push('team/ci', image([base, node, layer('ci run 7', 900 * KIB)]));
  await registry.upload('team/ci', layer('ci run 8', 700 * KIB));
  await registry.startUpload('team/ci', noise('ci run 9', 400 * KIB));

  // What a disk did to a manifest: nobody can tell which layers it needed.
  const broken = image([base, layer('import of 2019', 200 * KIB)]);
  await registry.push(DAMAGED_REPOSITORY, image([base, layer('import of 2024', 250 * KIB)]), 'stable');
  await registry.push(DAMAGED_REPOSITORY, image([base, layer('import of 2021', 150 * KIB)]));
  await registry.push(DAMAGED_REPOSITORY, broken);
  await registry.damage(broken);

  return { withdrawn: { repository: 'shop/checkout', artifact: old } };
}
