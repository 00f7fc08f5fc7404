/** The other half of a rebuild: what the table claims and no listing has shown. */
import { isDigest } from '../registry/digest.ts';
import { isUploadId, type RegistryKey } from '../registry/layout.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';
import { edgeKeys } from '../store/edges.ts';
import { UnknownItemError } from '../store/items.ts';
import type { Item, Key } from '../store/table.ts';
import { type Comparison, settle } from './comparison.ts';
import type { Kind } from './reindex-report.ts';
import { releaseStrange, strangeKeyOf, strangeLink } from './strange.ts';

/**
 * Looks at the key behind an item and applies what is found: it was deleted, or came after the listing, or the
 * item is left over from a look that did not finish.
 */
export async function relook(comparison: Comparison, item: Item): Promise<void> {
  if (await isStrange(comparison, item)) return;
  const claim = claimIn(comparison, item);
  if (claim === undefined) return;
  const { table } = comparison.context.metadata;
  const before = await table.get(item);
  if (before === undefined) return;
  try {
    await settle(comparison, claim.key, { at: (lastModified) => lastModified.getTime() });
    if (claim.edge !== undefined && !(await claim.edge.holds(comparison))) {
      await table.remove(item);
      await claim.edge.release(comparison);
    }
  } catch (error) {
    // Its manifest's item is in a shape not known, and was reported with the listing: all that it may mean stays.
    if (!(error instanceof UnknownItemError)) throw error;
  }
  const after = await table.get(item);
  const gone = after === undefined || after['removedAt'] !== undefined || after['state'] === 'deleted';
  if (gone) comparison.reporter.removed[claim.kind]++;
}

/** The obstacle of a link that is not of the known layout goes when its key does. */
async function isStrange({ context, reporter }: Comparison, item: Item): Promise<boolean> {
  const key = strangeKeyOf(item);
  if (key === undefined) return false;
  const link = strangeLink(context.bucket.layout, key);
  if (link === undefined || (await context.bucket.objects.head(key)) !== undefined) return true;
  await releaseStrange(context, key, link);
  reporter.removed.links++;
  return true;
}

interface Claim {
  readonly kind: Kind;
  /** The key to look at. */
  readonly key: RegistryKey;
  /** For an edge that has no key of its own: whether it still stands, and what to queue when it does not. */
  readonly edge?: {
    readonly holds: (comparison: Comparison) => Promise<boolean>;
    readonly release: (comparison: Comparison) => Promise<void>;
  };
}

/** An item that says nothing of the kind it seems to be is left as it is and reported. */
function claimIn({ reporter }: Comparison, item: Item): Claim | undefined {
  const claim = readClaim(item);
  if (claim === undefined || isOfLayout(claim.key)) return claim;
  const { pk: repository, sk: what } = item;
  reporter.unreadable.push({ repository, what, detail: 'the item names nothing that a registry could hold' });
  return undefined;
}

function isOfLayout(key: RegistryKey): boolean {
  if (key.kind === 'blob' || key.kind === 'unrecognised') return true;
  if (key.kind === 'tag' && !isTagName(key.tag)) return false;
  return isRepositoryName(key.name) && (key.kind !== 'upload' || isUploadId(key.uuid));
}

function readClaim(item: Item): Claim | undefined {
  const { pk, sk } = item;
  if (pk.startsWith('REPO#')) return repositoryClaim(pk.slice('REPO#'.length), sk);
  if (pk.startsWith('UPLOAD#')) {
    return { kind: 'uploads', key: { kind: 'upload', name: pk.slice('UPLOAD#'.length), uuid: sk, path: '' } };
  }
  if (pk.startsWith('BLOB#')) return blobClaim(item);
  if (pk.startsWith('HOLDERS#')) return holderClaim(item, pk.slice('HOLDERS#'.length));
  if (pk.startsWith('REFERRERS#')) {
    const [name, subject] = splitAt(pk.slice('REFERRERS#'.length));
    const referrer = sk.slice('MANIFEST#'.length);
    return subject === undefined ? undefined : manifestEdge(item, name, referrer, async () => {});
  }
  return undefined;
}

function repositoryClaim(name: string, sk: string): Claim | undefined {
  const what = sk.startsWith('UNREADABLE#') ? sk.slice('UNREADABLE#'.length) : sk;
  const link = what.slice('LINK#'.length);
  if (what.startsWith('LINK#') && isDigest(link)) {
    return { kind: 'links', key: { kind: 'layer', name, digest: link } };
  }
  if (what.startsWith('TAG#')) {
    return { kind: 'tags', key: { kind: 'tag', name, tag: what.slice('TAG#'.length) } };
  }
  const digest = what.slice('MANIFEST#'.length);
  return isDigest(digest) ? { kind: 'manifests', key: { kind: 'revision', name, digest } } : undefined;
}

function blobClaim(item: Item): Claim | undefined {
  const digest = item.pk.slice('BLOB#'.length);
  if (!isDigest(digest)) return undefined;
  if (item.sk === 'BLOB') return { kind: 'blobs', key: { kind: 'blob', digest } };
  if (item.sk.startsWith('LINK#')) {
    const name = item.sk.slice('LINK#'.length);
    // Kept by a strange link, and released with it.
    return isRepositoryName(name) ? { kind: 'links', key: { kind: 'layer', name, digest } } : undefined;
  }
  const [name, manifest = ''] = splitAt(item.sk.slice('MANIFEST#'.length));
  return manifestEdge(item, name, manifest, async ({ context }) => {
    await context.metadata.releaseBlob(digest, { at: context.now(), grace: context.grace });
  });
}

function holderClaim(item: Item, target: string): Claim | undefined {
  const [name, digest] = splitAt(target);
  if (digest === undefined || !isDigest(digest)) return undefined;
  const release = async ({ context }: Comparison) => {
    await context.metadata.releaseManifest(name, digest, { at: context.now(), grace: context.grace });
  };
  if (item.sk.startsWith('INDEX#')) return manifestEdge(item, name, item.sk.slice('INDEX#'.length), release);
  if (item.sk.startsWith('SUBJECT#')) return manifestEdge(item, name, digest, release);
  const tag = item.sk.slice('TAG#'.length);
  const holds = async ({ context }: Comparison) => {
    const link = await context.bucket.tagLink(name, tag);
    // A link that cannot be read keeps what it held before.
    return link === 'unreadable' || link?.digest === digest;
  };
  return { kind: 'edges', key: { kind: 'tag', name, tag }, edge: { holds, release } };
}

/** An edge that a manifest puts: it stands as long as the manifest does, if the manifest names what it says. */
function manifestEdge(
  edge: Key,
  name: string,
  manifest: string,
  release: (comparison: Comparison) => Promise<void>,
): Claim | undefined {
  if (!isDigest(manifest)) return undefined;
  const holds = async ({ context }: Comparison) => {
    const item = await context.metadata.manifest(name, manifest);
    if (item === undefined || item.state === 'deleted') {
      return (await context.bucket.revisionLink(name, manifest)) !== undefined;
    }
    // What cannot be read may name anything.
    if (item.problem?.code === 'unreadable') return true;
    return edgeKeys(item).some(({ pk, sk }) => pk === edge.pk && sk === edge.sk);
  };
  return { kind: 'edges', key: { kind: 'revision', name, digest: manifest }, edge: { holds, release } };
}

/** `<name>@<digest>` */
function splitAt(value: string): [string, string | undefined] {
  const at = value.lastIndexOf('@');
  return at === -1 ? [value, undefined] : [value.slice(0, at), value.slice(at + 1)];
}
