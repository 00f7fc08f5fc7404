/** Tags: put anew where none has stood since, and the histories of manifests under tags that stand. */
import type { Digest } from '../registry/digest.ts';
import { holderKey, tagKey } from '../store/items.ts';
import type { LineOf } from '../store/journal-reader.ts';
import type { TagLink } from '../store/registry-bucket.ts';
import type { SkippedCode } from './report.ts';
import { bringInLine, type Restoring } from './restoring.ts';

type Objection = { readonly code: SkippedCode; readonly reason: string };

export const tagOf = ({ repository, tag }: LineOf<'untag'>): string => `${repository}:${tag}`;

/**
 * Tags that the run has deleted. It may have journalled a tag more than once, when its link changed meanwhile: the line
 * that fits decides, so what speaks against a tag is told of at the end.
 */
export class Tags {
  readonly #restoring: Restoring;
  readonly #objections = new Map<string, Objection>();

  constructor(restoring: Restoring) {
    this.#restoring = restoring;
  }

  async restore(line: LineOf<'untag'>): Promise<void> {
    const { tally } = this.#restoring;
    const what = tagOf(line);
    const came = await restoreTag(this.#restoring, line);
    if (typeof came === 'object') {
      this.#objections.set(what, came);
      return;
    }
    if (tally.first(`tag ${what}`)) tally.tags[came]++;
  }

  /** Tells of the tags that did not come back. */
  end(): void {
    const { tally } = this.#restoring;
    for (const [what, objection] of this.#objections) {
      if (!tally.first(`tag ${what}`)) continue;
      tally.tags.skipped++;
      tally.skip({ ...objection, what });
    }
  }
}

async function restoreTag(
  restoring: Restoring,
  line: LineOf<'untag'>,
): Promise<'restored' | 'present' | Objection> {
  const { bucket } = restoring;
  const { repository: name, tag, digest } = line;
  const standing = await bucket.tagLink(name, tag);
  if (standing !== undefined) return await keepTag(restoring, line, standing);
  if ((await bucket.revisionLink(name, digest)) === undefined) {
    return { code: 'manifest-missing', reason: `${digest}, which it named, is not in the repository` };
  }
  const newer = await successorOf(restoring, line);
  if (newer !== undefined) return { code: 'newer-tag', reason: newer };
  // In the registry's order: a tag without a history would not be found by the index, one without a link by nobody.
  await putHistory(restoring, name, tag, digest);
  restoring.tally.changed = true;
  if (!(await bucket.objects.put(bucket.layout.tagCurrent(name, tag), digest, { ifAbsent: true }))) {
    // A client was faster, or the answer to this very request was lost.
    const now = await bucket.tagLink(name, tag);
    if (now !== undefined) return await keepTag(restoring, line, now);
    return { code: 'newer-tag', reason: 'a client has put it and deleted it again meanwhile' };
  }
  await bringInLine(restoring, { kind: 'tag', name, tag });
  return 'restored';
}

/** There is such a tag: the same one, which the table may not know yet, or another that stays. */
async function keepTag(
  restoring: Restoring,
  { repository: name, tag, digest }: LineOf<'untag'>,
  standing: TagLink | 'unreadable',
): Promise<'present' | Objection> {
  if (standing === 'unreadable') {
    return { code: 'newer-tag', reason: 'a tag stands there whose link holds no digest' };
  }
  if (standing.digest !== digest) {
    return { code: 'newer-tag', reason: `a newer tag stands: it names ${standing.digest}` };
  }
  const { table } = restoring.metadata;
  const known = await table.getMany([tagKey(name, tag), holderKey(name, digest, { kind: 'tag', tag })]);
  const isInLine = known.length === 2 && known.every((item) => (item['digest'] ?? digest) === digest);
  if (!isInLine) await bringInLine(restoring, { kind: 'tag', name, tag });
  return 'present';
}

/** @returns why the tag is not the last that stood there, if so. */
async function successorOf(
  { bucket }: Restoring,
  { repository, tag, versionId }: LineOf<'untag'>,
): Promise<string | undefined> {
  if (versionId === undefined)
    return 'the journal has no version of it, so what stood there since is not known';
  const versions = await bucket.objects.versions(bucket.layout.tagCurrent(repository, tag));
  const last = versions.find(({ isDeleteMarker }) => !isDeleteMarker);
  if (last === undefined) return 'no version of it is left, so what stood there since is not known';
  if (last.versionId === versionId) return undefined;
  return `a newer tag has stood since (version ${last.versionId}) and was deleted`;
}

/**
 * The histories of a manifest that is there, under tags that are there. One under a tag that is not would have the registry
 * list that tag.
 */
export async function restoreHistories(
  restoring: Restoring,
  { repository: name, digest, taggedAs }: LineOf<'delete-manifest'>,
): Promise<void> {
  const { bucket, tally } = restoring;
  if (taggedAs.length === 0 || !tally.first(`history ${name}@${digest}`)) return;
  if ((await bucket.revisionLink(name, digest)) === undefined) return;
  for (const tag of taggedAs) {
    if ((await bucket.objects.head(bucket.layout.tagCurrent(name, tag))) === undefined) continue;
    if (!(await putHistory(restoring, name, tag, digest))) continue;
    await bringInLine(restoring, { kind: 'tag-history', name, tag, digest });
  }
}

/** @returns whether it was absent. */
async function putHistory(
  { bucket, tally }: Restoring,
  name: string,
  tag: string,
  digest: Digest,
): Promise<boolean> {
  const key = bucket.layout.tagHistory(name, tag, digest);
  if ((await bucket.objects.head(key)) !== undefined) return false;
  await bucket.objects.put(key, digest);
  tally.changed = true;
  return true;
}
