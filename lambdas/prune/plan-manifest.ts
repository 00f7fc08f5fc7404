/**
 * What to do with one manifest, decided anew from strongly consistent reads (protocol, "for one manifest"). Reads
 * only; the decision is carried out elsewhere.
 */
import type { FilterableImage, ReasonSpared } from '../filters/prune-filters.ts';
import { cosignSubject } from '../registry/cosign.ts';
import type { Digest } from '../registry/digest.ts';
import { type Standing, walkToRoot } from '../registry/holders.ts';
import type { ManifestItem } from '../store/items.ts';
import type { TagRemoval } from '../store/registry-bucket.ts';
import type { Run } from './run.ts';

/** Why a manifest stays. */
export type Kept =
  /** A tag that this prune may not remove leads down to it. */
  | { readonly by: 'tag'; readonly tag: string }
  /** A manifest above it is not understood, or a tag's link cannot be read. */
  | { readonly by: 'problem'; readonly detail: string }
  /** A holder is on its way in (edges are written first) or out (somebody is deleting it): wait. */
  | { readonly by: 'arriving' | 'departing' }
  /** It, or a manifest or tag above it, has not rested for the grace period. */
  | { readonly by: 'grace'; readonly until: number }
  | { readonly by: 'filter'; readonly reason: ReasonSpared }
  /** It goes only together with a tag, and a deleted tag could not be brought back. */
  | { readonly by: 'unversioned-bucket' }
  /** It, or something that would go with it, is not in the plan, or has been wanted since. */
  | { readonly by: 'plan' };

/** A manifest that goes, with the tags that go with it. */
export interface Doomed {
  readonly item: ManifestItem;
  readonly tags: readonly TagRemoval[];
}

export type ManifestDecision =
  | {
      readonly action: 'keep';
      readonly why: Kept;
      readonly queue: 'unqueue' | 'leave' | { readonly at: number };
      /** From the manifest up to the one that is held by something, by a shortest way. */
      readonly path?: readonly Digest[];
    }
  /** Holders come before what they hold. */
  | { readonly action: 'delete'; readonly group: readonly Doomed[] };

interface Surveyed extends Doomed {
  /** Of those, tags that hold by themselves; a cosign-style tag whose subject is known does not. */
  readonly ownTags: number;
  /** When the youngest of the tags was put (milliseconds since the epoch). */
  readonly taggedAt: number;
}

/** Decides on a `live` manifest of a repository in which everything could be read. */
export async function planManifest(run: Run, start: ManifestItem): Promise<ManifestDecision> {
  const rested = start.touchedAt + run.policy.grace;
  if (rested > run.now()) return keep({ by: 'grace', until: rested });
  const survey = new Survey(run, start, 'prune');
  const walk = await survey.walk();
  if (walk.held) return { ...keep(walk.root), path: walk.path };
  const group = walk.ancestors.map((digest) => survey.member(digest));
  for (const member of group) {
    const objection = objectionTo(run, member);
    if (objection !== undefined) return keep(objection);
  }
  return { action: 'delete', group: group.reverse() };
}

/**
 * Decides on a manifest found `deleting` from an earlier run: what holds it now decides, not what this run was
 * asked for. Everything above it must be `deleting` as well (protocol, "Crashes").
 */
export async function planResolution(run: Run, start: ManifestItem): Promise<ManifestDecision> {
  if (run.policy.resolveOnly) return keep({ by: 'departing' });
  const survey = new Survey(run, start, 'resolve');
  const walk = await survey.walk();
  if (walk.held) return keep(walk.root);
  return { action: 'delete', group: walk.ancestors.map((digest) => survey.member(digest)).reverse() };
}

function keep(why: Kept): Extract<ManifestDecision, { readonly action: 'keep' }> {
  switch (why.by) {
    case 'tag':
      // Whatever ends that queues it again.
      return { action: 'keep', why, queue: 'unqueue' };
    case 'grace':
      return { action: 'keep', why, queue: { at: why.until } };
    default:
      // It may be garbage to another request, or soon.
      return { action: 'keep', why, queue: 'leave' };
  }
}

/** Everything above was found to hold it by nothing but what goes with it; may all of it go now? */
function objectionTo(run: Run, { item, tags, ownTags, taggedAt }: Surveyed): Kept | undefined {
  const { grace, filters, mayDelete } = run.policy;
  const rested = Math.max(item.touchedAt, taggedAt) + grace;
  if (rested > run.now()) return { by: 'grace', until: rested };
  const reason = filters.reasonSpared(imageOf(item, ownTags > 0));
  if (reason !== undefined) return { by: 'filter', reason };
  return tags.length > 0 && !mayDelete ? { by: 'unversioned-bucket' } : undefined;
}

/** The manifest as the filters see it: its age counts from its push; labels that are not known match none. */
const imageOf = ({ labels, pushedAt }: ManifestItem, tagged: boolean): FilterableImage => ({
  tagged,
  labels: labels && Object.fromEntries(labels),
  pushedAt: new Date(pushedAt),
});

/** One walk from a manifest up to whatever holds it, remembering what was read on the way. */
class Survey {
  readonly #run: Run;
  readonly #start: ManifestItem;
  readonly #how: 'prune' | 'resolve';
  readonly #items = new Map<Digest, ManifestItem | undefined>();
  readonly #members = new Map<Digest, Surveyed>();

  constructor(run: Run, start: ManifestItem, how: 'prune' | 'resolve') {
    this.#run = run;
    this.#start = start;
    this.#how = how;
    this.#items.set(start.digest, start);
  }

  walk() {
    return walkToRoot<Kept>(this.#start.digest, (digest) => this.#look(digest));
  }

  member(digest: Digest): Surveyed {
    const member = this.#members.get(digest);
    if (member === undefined) throw new Error(`${digest} was not visited by the walk`);
    return member;
  }

  async #look(digest: Digest): Promise<Standing<Kept>> {
    const item = await this.#item(digest);
    const objection = this.#standsFirm(item);
    if (item === undefined || objection !== undefined) return root(objection ?? { by: 'arriving' });

    const holders: Digest[] = [];
    const tags: TagRemoval[] = [];
    let ownTags = 0;
    let taggedAt = 0;
    for (const edge of await this.#run.metadata.holders(item.name, digest)) {
      if (edge.kind === 'tag') {
        const tag = await this.#tag(item, edge.tag);
        if ('root' in tag) return root(tag.root);
        if (tag.removal === undefined) continue;
        tags.push(tag.removal);
        taggedAt = Math.max(taggedAt, tag.taggedAt);
        if (tag.subject === undefined) ownTags++;
        else holders.push(...tag.subject);
        continue;
      }
      const holder = await this.#item(edge.digest);
      const exists = holder !== undefined && holder.state !== 'deleted';
      if (exists) holders.push(edge.digest);
      // An index writes its edges before its own item. A subject's edge is written by what it holds, so the bucket
      // tells whether it has come (back) meanwhile.
      else if (edge.kind === 'index' || (await this.#isInBucket(edge.digest)))
        return root({ by: 'arriving' });
    }
    this.#members.set(digest, { item, tags, ownTags, taggedAt });
    return { holders };
  }

  /** What makes a manifest hold, whatever is above it. */
  #standsFirm(item: ManifestItem | undefined): Kept | undefined {
    if (item === undefined) return { by: 'arriving' };
    if (this.#how === 'resolve') {
      return item.state === 'deleting' && !item.rescue ? undefined : { by: 'arriving' };
    }
    if (item.state === 'deleting') return { by: 'departing' };
    if (item.state !== 'live') return { by: 'arriving' };
    if (item.problem !== undefined) return { by: 'problem', detail: item.problem.detail };
    return undefined;
  }

  /** A tag counts only if the bucket says that it names the manifest. */
  async #tag(
    item: ManifestItem,
    tag: string,
  ): Promise<
    | { readonly root: Kept }
    | { readonly removal?: TagRemoval; readonly subject?: readonly Digest[]; readonly taggedAt: number }
  > {
    const { bucket, policy } = this.#run;
    const link = await bucket.tagLink(item.name, tag);
    if (link === 'unreadable')
      return { root: { by: 'problem', detail: `the link of tag ${tag} holds no digest` } };
    if (link === undefined || link.digest !== item.digest) return { taggedAt: 0 };
    const removal: TagRemoval = {
      tag,
      etag: link.etag,
      // Where versioning is off or suspended, there is no version to return to.
      ...(policy.recoverable && link.versionId !== undefined ? { versionId: link.versionId } : {}),
    };
    const taggedAt = link.lastModified.getTime();
    const subject = cosignSubject(tag);
    if (subject !== undefined) {
      const holder = await this.#item(subject);
      if (holder !== undefined && holder.state !== 'deleted')
        return { removal, taggedAt, subject: [subject] };
      if (holder !== undefined) {
        if (await this.#isInBucket(subject)) return { root: { by: 'arriving' } };
        return { removal, taggedAt, subject: [] };
      }
    }
    const mayGo =
      this.#how === 'prune' && !policy.filters.dangling && policy.filters.matches(imageOf(item, true));
    return mayGo ? { removal, taggedAt } : { root: { by: 'tag', tag } };
  }

  async #isInBucket(digest: Digest): Promise<boolean> {
    return (await this.#run.bucket.revisionLink(this.#start.name, digest)) !== undefined;
  }

  async #item(digest: Digest): Promise<ManifestItem | undefined> {
    if (!this.#items.has(digest)) {
      this.#items.set(digest, await this.#run.metadata.manifest(this.#start.name, digest));
    }
    return this.#items.get(digest);
  }
}

const root = (why: Kept): Standing<Kept> => ({ root: why, holders: [] });
