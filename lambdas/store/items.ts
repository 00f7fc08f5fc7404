/** The metadata table's items: their keys, their shapes, and nothing else (docs/metadata.md is the contract). */
import * as v from 'valibot';
import { type Digest, hexOf, isDigest } from '../registry/digest.ts';
import { isUploadId } from '../registry/layout.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';
import type { Item, Key } from './table.ts';

export type State = 'live' | 'condemned' | 'deleting' | 'deleted';

/** Why a manifest is kept whatever the filters say: the run cannot know everything that needs it or that it needs. */
export type ProblemCode = 'unreadable' | 'unknown-media-type' | 'config-missing' | 'config-unreadable';

/** Each queue is split so that workers can share a run without meeting; a digest's first hex digit is its shard. */
export const SHARDS: readonly string[] = [...'0123456789abcdef'];

export type QueueKind = 'manifest' | 'blob' | 'upload';

export const queueName = (kind: QueueKind, shard: string): string => `${kind}#${shard}`;
export const manifestQueue = (digest: Digest): string => queueName('manifest', hexOf(digest).charAt(0));
export const blobQueue = (digest: Digest): string => queueName('blob', hexOf(digest).charAt(0));
export const uploadQueue = (uuid: string): string => {
  const shard = uuid.charAt(0).toLowerCase();
  return queueName('upload', SHARDS.includes(shard) ? shard : '0');
};

export const repositoriesPk = 'REPOSITORIES';
export const repositoryKey = (name: string): Key => ({ pk: repositoriesPk, sk: name });
export const repositoryPk = (name: string): string => `REPO#${name}`;
export const manifestKey = (name: string, digest: Digest): Key => ({
  pk: repositoryPk(name),
  sk: `MANIFEST#${digest}`,
});
export const tagKey = (name: string, tag: string): Key => ({ pk: repositoryPk(name), sk: `TAG#${tag}` });
/** Something in the repository that could not be read, so that nothing of it may be deleted. */
export const obstacleKey = (name: string, what: string): Key => ({
  pk: repositoryPk(name),
  sk: `UNREADABLE#${what}`,
});
/** A manifest in a repository, as messages and reports name it. */
export const manifestId = (repository: string, digest: string): string => `${repository}@${digest}`;

export const holdersPk = (name: string, digest: Digest): string => `HOLDERS#${name}@${digest}`;
export const referrersPk = (name: string, digest: Digest): string => `REFERRERS#${name}@${digest}`;
export const referrerKey = (name: string, subject: Digest, digest: Digest): Key => ({
  pk: referrersPk(name, subject),
  sk: `MANIFEST#${digest}`,
});
export const blobPk = (digest: Digest): string => `BLOB#${digest}`;
export const blobKey = (digest: Digest): Key => ({ pk: blobPk(digest), sk: 'BLOB' });
/** Whether it is the key of a blob itself, and not of an edge to it. */
export const isBlobKey = ({ sk }: Key): boolean => sk === 'BLOB';
export const linkKey = (digest: Digest, name: string): Key => ({ pk: blobPk(digest), sk: `LINK#${name}` });
export const referenceKey = (blob: Digest, name: string, manifest: Digest): Key => ({
  pk: blobPk(blob),
  sk: `MANIFEST#${name}@${manifest}`,
});
export const uploadKey = (name: string, uuid: string): Key => ({ pk: `UPLOAD#${name}`, sk: uuid });
export const lockKey: Key = { pk: 'LOCK', sk: 'prune' };
export const runsPk = 'RUNS';
export const heartbeatKey: Key = { pk: 'INDEX', sk: 'heartbeat' };
export const reindexKey: Key = { pk: 'INDEX', sk: 'reindex' };
/** Tells this table from one that was built anew for the same registry. */
export const originKey: Key = { pk: 'INDEX', sk: 'origin' };
/** The last rebuild that was done in units, and, beside it, the units of each. */
export const rebuildKey: Key = { pk: 'REINDEX', sk: 'current' };
export const rebuildUnits = (
  id: string,
  phase?: string,
): { readonly pk: string; readonly prefix: string } => ({
  pk: rebuildKey.pk,
  prefix: `UNIT#${id}#${phase === undefined ? '' : `${phase}#`}`,
});
export const rebuildUnitKey = (id: string, phase: string, unit: string): Key => {
  const { pk, prefix } = rebuildUnits(id, phase);
  return { pk, sk: `${prefix}${unit}` };
};
export const lastSuccessKey: Key = { pk: 'LAST', sk: 'success' };

export type HolderEdge =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'index'; readonly digest: Digest }
  | { readonly kind: 'subject'; readonly digest: Digest };

export const holderKey = (name: string, digest: Digest, holder: HolderEdge): Key => ({
  pk: holdersPk(name, digest),
  sk:
    holder.kind === 'tag'
      ? `TAG#${holder.tag}`
      : `${holder.kind === 'index' ? 'INDEX' : 'SUBJECT'}#${holder.digest}`,
});

/** An item in a shape this version does not know. It is kept and reported, with everything it may name. */
export class UnknownItemError extends Error {
  override readonly name = 'UnknownItemError';
  readonly key: Key;

  constructor(key: Key, reason: string) {
    super(`the item ${key.pk} / ${key.sk} is in a shape this version does not know: ${reason}`);
    this.key = key;
  }
}

const digest = v.custom<Digest>(isDigest, 'not a digest');
const tag = v.custom<string>((value) => typeof value === 'string' && isTagName(value), 'not a tag');
const time = v.pipe(v.number(), v.integer());
const state = v.picklist(['live', 'condemned', 'deleting', 'deleted']);
const candidate = {
  version: v.number(),
  state,
  touchedAt: time,
  queue: v.exactOptional(v.string()),
  dueAt: v.exactOptional(time),
  runId: v.exactOptional(v.string()),
  fence: v.exactOptional(v.number()),
  /** The worker that took it, in a distributed run. */
  slice: v.exactOptional(v.string()),
  rescue: v.exactOptional(v.boolean()),
  expireAt: v.exactOptional(v.number()),
  /** How often it has gained an edge or was pushed: whoever read it before sees that it was wanted since. Absent for 0. */
  gains: v.exactOptional(v.number()),
};

const manifestSchema = v.object({
  ...candidate,
  mediaType: v.string(),
  artifactType: v.exactOptional(v.string()),
  size: v.number(),
  pushedAt: time,
  createdAt: v.exactOptional(time),
  /** Pairs, not a map: a label may be called `__proto__` or `constructor`. Absent when they are not known. */
  labels: v.exactOptional(v.array(v.tuple([v.string(), v.string()]))),
  config: v.exactOptional(digest),
  layers: v.array(digest),
  children: v.array(digest),
  subject: v.exactOptional(digest),
  /** Referenced blobs for which the registry keeps no `_layers` link (foreign layers, unknown media types). */
  unlinked: v.exactOptional(v.array(digest)),
  taggedAs: v.array(tag),
  /** While it is `deleting`: the tag links that go with it. */
  untagging: v.exactOptional(v.array(v.object({ tag, versionId: v.string() }))),
  /** Of the last change that was more than a touch. */
  stamp: v.exactOptional(v.string()),
  /** Absent while no pull of it is known. */
  lastPulledAt: v.exactOptional(time),
  problem: v.exactOptional(
    v.object({
      code: v.picklist(['unreadable', 'unknown-media-type', 'config-missing', 'config-unreadable']),
      detail: v.string(),
    }),
  ),
});

const blobSchema = v.object({
  ...candidate,
  /** Absent while the blob is known only by a link or reference. */
  size: v.exactOptional(v.number()),
  condemnedAt: v.exactOptional(time),
  deleteMarker: v.exactOptional(v.string()),
});

const tagSchema = v.object({
  version: v.number(),
  digest,
  taggedAt: time,
  /** By this name, whatever it named then. */
  lastPulledAt: v.exactOptional(time),
});

const linkSchema = v.object({
  version: v.number(),
  linkedAt: time,
  removedAt: v.exactOptional(time),
  /** The worker of a distributed run that removed it. */
  slice: v.exactOptional(v.string()),
});

const uploadSchema = v.object({ version: v.number(), startedAt: time, queue: v.string(), dueAt: time });

const lockSchema = v.object({
  version: v.number(),
  owner: v.string(),
  runId: v.string(),
  fence: v.number(),
  acquiredAt: time,
  expiresAt: time,
  /** The fence before, where the run itself has raised it: to go on, and at its end. */
  ...{ tookOverFrom: v.exactOptional(v.number()), endedFrom: v.exactOptional(v.number()) },
});

const heartbeatSchema = v.object({ version: v.number(), writtenAt: time, seenAt: time });
const reindexSchema = v.object({ version: v.number(), startedAt: time, finishedAt: time });

const lastSuccessSchema = v.object({ version: v.number(), runId: v.string(), finishedAt: time });

export type ManifestItem = v.InferOutput<typeof manifestSchema> & {
  readonly name: string;
  readonly digest: Digest;
};
export type BlobItem = v.InferOutput<typeof blobSchema> & { readonly digest: Digest };
export type TagItem = v.InferOutput<typeof tagSchema> & { readonly tag: string };
export type LinkEdge = v.InferOutput<typeof linkSchema> & { readonly name: string };
export type UploadItem = v.InferOutput<typeof uploadSchema> & {
  readonly name: string;
  readonly uuid: string;
};
export type LockItem = v.InferOutput<typeof lockSchema>;
export type HeartbeatItem = v.InferOutput<typeof heartbeatSchema>;
export type ReindexItem = v.InferOutput<typeof reindexSchema>;
export type LastSuccessItem = v.InferOutput<typeof lastSuccessSchema>;

/** A manifest that names a blob. `removedAt` is kept for a manifest's own bytes (protocol, blob step 5). */
export interface ReferenceEdge {
  readonly name: string;
  readonly manifest: Digest;
  readonly removedAt?: number;
}

/** An edge that was removed is kept, marked, for a while; until then it holds. */
export const isInForce = (edge: { readonly removedAt?: number }): boolean => edge.removedAt === undefined;

/** @throws UnknownItemError */
export function decode<S extends v.GenericSchema>(schema: S, item: Item): v.InferOutput<S> {
  const result = v.safeParse(schema, item);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new UnknownItemError(item, `${v.getDotPath(issue) ?? 'item'}: ${issue.message}`);
}

function after(item: Item, part: 'pk' | 'sk', prefix: string): string {
  const value = item[part];
  if (!value.startsWith(prefix)) throw new UnknownItemError(item, `${part} does not begin with ${prefix}`);
  return value.slice(prefix.length);
}

function digestAfter(item: Item, part: 'pk' | 'sk', prefix: string): Digest {
  const value = after(item, part, prefix);
  if (!isDigest(value)) throw new UnknownItemError(item, `${part} holds no digest`);
  return value;
}

/** Of names that no registry can serve no key can be made. */
function checked(item: Item, is: (value: string) => boolean, what: string, value: string): string {
  if (!is(value)) throw new UnknownItemError(item, `${JSON.stringify(value.slice(0, 100))} is no ${what}`);
  return value;
}

const nameIn = (item: Item, value: string): string =>
  checked(item, isRepositoryName, 'repository name', value);
const tagIn = (item: Item, value: string): string => checked(item, isTagName, 'tag', value);

export function toManifest(item: Item): ManifestItem {
  const name = nameIn(item, after(item, 'pk', 'REPO#'));
  return { ...decode(manifestSchema, item), name, digest: digestAfter(item, 'sk', 'MANIFEST#') };
}

export function toTag(item: Item): TagItem {
  return { ...decode(tagSchema, item), tag: tagIn(item, after(item, 'sk', 'TAG#')) };
}

export function toBlob(item: Item): BlobItem {
  return { ...decode(blobSchema, item), digest: digestAfter(item, 'pk', 'BLOB#') };
}

/** Its name may be any: a link of unknown layout keeps its blob under the name as it is written. */
export function toLink(item: Item): LinkEdge {
  return { ...decode(linkSchema, item), name: after(item, 'sk', 'LINK#') };
}

export function toUpload(item: Item): UploadItem {
  const name = nameIn(item, after(item, 'pk', 'UPLOAD#'));
  return { ...decode(uploadSchema, item), name, uuid: checked(item, isUploadId, 'upload id', item.sk) };
}

export const toLock = (item: Item): LockItem => decode(lockSchema, item);
export const toHeartbeat = (item: Item): HeartbeatItem => decode(heartbeatSchema, item);
export const toReindex = (item: Item): ReindexItem => decode(reindexSchema, item);
export const toLastSuccess = (item: Item): LastSuccessItem => decode(lastSuccessSchema, item);

export function toReference(item: Item): ReferenceEdge {
  const value = after(item, 'sk', 'MANIFEST#');
  const at = value.lastIndexOf('@');
  const manifest = value.slice(at + 1);
  if (at < 1 || !isDigest(manifest)) throw new UnknownItemError(item, 'sk is no <name>@<digest>');
  const removedAt = item['removedAt'];
  return {
    name: nameIn(item, value.slice(0, at)),
    manifest,
    ...(typeof removedAt === 'number' ? { removedAt } : {}),
  };
}

export function toHolder(item: Item): HolderEdge {
  if (item.sk.startsWith('TAG#')) return { kind: 'tag', tag: tagIn(item, item.sk.slice('TAG#'.length)) };
  if (item.sk.startsWith('INDEX#')) return { kind: 'index', digest: digestAfter(item, 'sk', 'INDEX#') };
  if (item.sk.startsWith('SUBJECT#')) return { kind: 'subject', digest: digestAfter(item, 'sk', 'SUBJECT#') };
  throw new UnknownItemError(item, 'sk is no TAG#, INDEX# or SUBJECT#');
}

export const toReferrer = (item: Item): Digest => digestAfter(item, 'sk', 'MANIFEST#');
