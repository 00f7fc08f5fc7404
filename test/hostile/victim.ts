/** A small registry with images that somebody needs, garbage beside them, and what strangers add to it. */
import fc from 'fast-check';
import { blobsOf, ManifestError, parseManifest } from '../../lambdas/registry/manifest.ts';
import { bytes as bytesOf, digest as documentDigest, everyDocument } from '../registry/documents.ts';
import { DAY } from '../support/clock.ts';
import {
  cosignTag,
  type Digest,
  digestOf,
  image,
  index,
  layer,
  referrer,
  signature,
} from '../support/images.ts';
import { dataKey, layerKey, ROOT, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import type { World } from '../support/world.ts';
import { anyBytes, changed, DIGESTS, NAMES, spoilt } from './arbitraries.ts';

const HEX = 'ab'.repeat(32);
export const UUID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const WORDS = [
  ...[
    '_manifests',
    '_layers',
    '_uploads',
    'revisions',
    'tags',
    'current',
    'index',
    'link',
    'data',
    'startedat',
  ],
  ...[
    'blobs',
    'repositories',
    'sha256',
    'sha384',
    'sha512',
    'md5',
    'ab',
    HEX,
    HEX + HEX,
    UUID,
    'app',
    'v1',
    'safe',
  ],
];
const REPOSITORIES = ['app', 'team/app', 'stranger'] as const;

/** One thing that a stranger writes. */
export type Hostile =
  | { readonly do: 'object'; readonly key: string; readonly body: Uint8Array }
  | {
      readonly do: 'manifest';
      readonly name: (typeof REPOSITORIES)[number];
      readonly bytes: Uint8Array;
      readonly tag: string | undefined;
    }
  | { readonly do: 'multipart'; readonly key: string; readonly age: number };

const part = fc.oneof(fc.constantFrom(...WORDS), fc.constantFrom(...NAMES));
const path = (least: number, most: number) =>
  fc.array(part, { minLength: least, maxLength: most }).map((parts) => parts.join('/'));
const repository = fc.constantFrom<string>(
  ...REPOSITORIES,
  '../x',
  'a//b',
  '_x',
  'Bad__',
  'a\nb',
  '\u202eppa',
);
const sha = fc.constantFrom(
  `sha256/${HEX}`,
  `sha512/${HEX}${HEX}`,
  `sha256/${HEX.slice(1)}`,
  `md5/${HEX}`,
  '../..',
);
const tag = fc.constantFrom('v1', 'v9', '..', '.x', 'a b', `sha256-${HEX}.sig`, `sha256-${HEX}`, '', 'é');

const key = fc.oneof(
  path(1, 8).map((rest) => ROOT + rest),
  path(1, 8).map((rest) => `${ROOT}repositories/${rest}/link`),
  fc.tuple(repository, sha).map(([name, at]) => `${ROOT}repositories/${name}/_layers/${at}/link`),
  fc
    .tuple(repository, sha)
    .map(([name, at]) => `${ROOT}repositories/${name}/_manifests/revisions/${at}/link`),
  fc
    .tuple(repository, tag)
    .map(([name, at]) => `${ROOT}repositories/${name}/_manifests/tags/${at}/current/link`),
  fc
    .tuple(repository, tag, sha)
    .map(([name, at, digest]) => `${ROOT}repositories/${name}/_manifests/tags/${at}/index/${digest}/link`),
  fc.tuple(repository, path(1, 3)).map(([name, rest]) => `${ROOT}repositories/${name}/_uploads/${rest}`),
  fc
    .tuple(repository, path(0, 2))
    .map(([name, rest]) => `${ROOT}repositories/${name}/_uploads/${UUID}/${rest}`),
  sha.map((at) => `${ROOT}blobs/${at.replace('/', '/ab/')}/data`),
);
const body = fc.oneof(
  fc.constantFrom(...DIGESTS).map(bytesOf),
  fc.constantFrom(documentDigest('layer'), `sha256:${HEX}`).map(bytesOf),
  anyBytes,
  fc.constant(new Uint8Array()),
);

/** S3 takes keys of 1 to 1,024 bytes of UTF-8. */
const isKey = (text: string): boolean => text.isWellFormed() && Buffer.byteLength(text) <= 1024;

/** Outside the root, and never anybody's business. */
export const BESIDE = [
  'docker/registry/v2',
  'docker/registry/v2x/repositories/app/_layers/link',
  `docker/registry/v1/blobs/sha256/ab/${HEX}/data`,
  `/docker/registry/v2/blobs/sha256/ab/${HEX}/data`,
  `../docker/registry/v2/blobs/sha256/ab/${HEX}/data`,
  `other/docker/registry/v2/blobs/sha256/ab/${HEX}/data`,
  `docker/registry/v2/../../../secret`,
  'registry-prune/plans/x.json',
  'secret',
];

export const hostile: fc.Arbitrary<Hostile> = fc.oneof(
  fc.record({ do: fc.constant('object'), key: key.filter(isKey), body }),
  fc.record({
    do: fc.constant('manifest'),
    name: fc.constantFrom(...REPOSITORIES),
    bytes: spoilt(changed(...Object.values(everyDocument))),
    tag: fc.option(fc.constantFrom('v2', 'v3', 'latest'), { nil: undefined }),
  }),
  fc.record({
    do: fc.constant('multipart'),
    key: fc.oneof(key, fc.constantFrom(...BESIDE)).filter(isKey),
    age: fc.constantFrom(0, 6 * DAY, 8 * DAY),
  }),
);

export interface Victim {
  /** Untagged in a repository that no stranger writes to by its name. */
  readonly garbage: string;
  /** What the images need, by key, with its bytes; may not change whatever happens. */
  readonly needed: ReadonlyMap<string, string>;
  /** Subjects that somebody may ask about. */
  readonly subjects: readonly string[];
}

/** A registry of some images, tagged and not. */
export async function populate(world: World): Promise<Victim> {
  const { registry, bucket, clock } = world;
  const shared = layer('shared');
  const app = image('app', { layers: [shared, layer('app')], labels: [['keep', '']] });
  const [amd, arm] = [image('amd', { layers: [shared] }), image('arm')];
  const list = index([amd, arm]);
  const sbom = referrer(list.digest, 'sbom');
  const garbage = image('garbage', { layers: [shared, layer('garbage')] });
  const signed = signature(app.digest);
  for (const name of ['safe', 'app'] as const) {
    await registry.push(name, app, 'v1');
    await registry.push(name, signed, cosignTag(app.digest));
    for (const one of [amd, arm]) await registry.push(name, one);
    await registry.push(name, list, 'multi');
    await registry.push(name, sbom);
    await registry.push(name, garbage);
  }
  for (const key of BESIDE) bucket.seed(key, 'beside');
  registry.startUpload('app', UUID.replace('6', '7'), layer('abandoned'));
  for (const key of [...BESIDE, `${ROOT}repositories/app/_uploads/${UUID}/data`]) bucket.seedMultipart(key);
  // What the documents of strangers refer to is there, and linked.
  const texts = [
    'config',
    'layer',
    'base',
    'app',
    'empty',
    'sbom',
    'windows',
    'signature',
    'hello',
    'cached',
    'one',
  ];
  for (const name of REPOSITORIES) for (const text of texts) await registry.upload(name, bytesOf(text));
  const manifests = [app, signed, amd, arm, list, sbom];
  const keys = ['safe', 'app'].flatMap((name) => [
    ...manifests.flatMap(({ digest }) => [
      revisionKey(name, digest),
      dataKey(digest),
      layerKey(name, digest),
    ]),
    ...manifests
      .flatMap(({ blobs }) => blobs.map(digestOf))
      .flatMap((digest) => [layerKey(name, digest), dataKey(digest)]),
    ...['v1', 'multi', cosignTag(app.digest)].map((tag) => tagLinkKey(name, tag)),
  ]);
  const needed = new Map<string, string>();
  for (const one of new Set([...keys, ...BESIDE])) {
    const text = await textAt(world, one);
    if (text !== undefined) needed.set(one, text);
  }
  clock.advance(10 * DAY);
  const subjects = [
    'app:v1',
    'safe:multi',
    `app@${garbage.digest}`,
    app.digest,
    digestOf(shared),
    sbom.digest,
  ];
  return { garbage: revisionKey('safe', garbage.digest), needed, subjects };
}

const textAt = async (world: World, key: string): Promise<string | undefined> => {
  const object = await world.bucket.get(key);
  return object && Buffer.from(object.body).toString('latin1');
};

/** Keys of multipart uploads that nobody has ended. */
export async function multipartKeys({ bucket }: World): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of bucket.multipartUploads('')) keys.push(key);
  return keys;
}

/** Needed keys that are gone or changed, uploads outside the root included. */
export async function damageTo(world: World, { needed }: Victim): Promise<string[]> {
  const uploads = new Set(await multipartKeys(world));
  const damaged: string[] = BESIDE.filter((key) => !uploads.has(key));
  for (const [key, text] of needed) if ((await textAt(world, key)) !== text) damaged.push(key);
  return damaged;
}

export interface Infested {
  /** Keys that have to stay because of it, when only what is untagged is pruned. */
  readonly kept: ReadonlySet<string>;
  /** Digests of manifests that a rebuild has to report. */
  readonly reported: ReadonlySet<string>;
}

/** Writes what the strangers bring. */
export async function infest(world: World, victim: Victim, brought: readonly Hostile[]): Promise<Infested> {
  const { bucket, registry } = world;
  const kept = new Set<string>();
  const reported = new Set<string>();
  for (const one of brought) {
    if (one.do === 'object') {
      if (!victim.needed.has(one.key)) bucket.seed(one.key, one.body);
      continue;
    }
    if (one.do === 'multipart') {
      bucket.seedMultipart(one.key, new Date(world.clock.now() - one.age), 1_000);
      continue;
    }
    const digest = digestOf(one.bytes);
    await registry.putManifest(one.name, { mediaType: '', bytes: one.bytes, digest, blobs: [] }, one.tag);
  }
  for (const one of brought) {
    if (one.do !== 'manifest') continue;
    const digest = digestOf(one.bytes);
    const isTagged = one.tag !== undefined && (await textAt(world, tagLinkKey(one.name, one.tag))) === digest;
    const blobs = keptBlobs(one.bytes, isTagged);
    if (keptBlobs(one.bytes, false) !== undefined) reported.add(digest);
    const keys = (blobs ?? []).flatMap((blob) => [dataKey(blob), layerKey(one.name, blob)]);
    if (blobs !== undefined) keys.push(dataKey(digest), revisionKey(one.name, digest));
    for (const key of keys) if (await bucket.head(key)) kept.add(key);
  }
  return { kept, reported };
}

/** Blobs that stay with a manifest; undefined where it may go. Its own test says that it is read as it is written. */
function keptBlobs(bytes: Uint8Array, isTagged: boolean): Digest[] | undefined {
  try {
    const manifest = parseManifest(bytes);
    const blobs = blobsOf(manifest).filter((digest): digest is Digest => digest.startsWith('sha256:'));
    return isTagged || manifest.kind === 'unknown' ? blobs : undefined;
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return [];
  }
}
