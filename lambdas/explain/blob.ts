/** Why a blob is kept, when it goes, or how it went. The decision is the planner's own. */
import { type BlobDecision, planBlob } from '../prune/plan-blob.ts';
import type { Run } from '../prune/run.ts';
import type { Digest } from '../registry/digest.ts';
import { type BlobItem, isInForce, manifestId } from '../store/items.ts';
import type { JournalLine } from '../store/journal-reader.ts';
import type { BlobView } from '../store/metadata.ts';
import { type Archive, taken, whyGone } from './deletion.ts';
import type { BlobExplanation, Verdict } from './explanation.ts';
import { explainManifest } from './manifest.ts';

/** Manifests that need a blob and are looked at; a base layer has thousands. */
const LOOKED_AT = 100;
/** Manifests and links that are told of. */
const LISTED = 1_000;

/** @param view all that is known of the blob. */
export async function explainBlob(
  run: Run,
  archive: Archive,
  digest: Digest,
  view: BlobView,
): Promise<BlobExplanation> {
  const references = view.references.filter(isInForce);
  const links = view.links.filter(isInForce);
  const referencing = new Set(references.map(({ name }) => name));
  const about = {
    digest,
    references: references.length,
    referencedBy: references.slice(0, LISTED).map(({ name, manifest }) => manifestId(name, manifest)),
    links: links.length,
    linkedBy: links.slice(0, LISTED).map(({ name, linkedAt }) => ({
      ...{ repository: name, linkedAt: new Date(linkedAt).toISOString(), stale: !referencing.has(name) },
    })),
  };
  const { item } = view;
  if (item === undefined) {
    const reason = 'the table has no such blob: it was never seen, or went more than 90 days ago';
    return { ...about, state: 'unknown', verdict: 'unknown', reason, dueAt: null };
  }
  const known = { ...about, state: item.state, ...(item.size === undefined ? {} : { size: item.size }) };
  if (item.state === 'deleted') {
    const isIt = (line: JournalLine) => line.action === 'delete-blob' && line.digest === digest;
    return { ...known, ...(await whyGone(archive, item, isIt, 'its data was not there')) };
  }
  if (item.state === 'deleting') return { ...known, ...taken(item.runId) };
  const decision = await planBlob(run, { ...view, item });
  const { path, going } = await lookAbove(run, archive, view);
  const verdict =
    decision.action !== 'keep' && going !== undefined
      ? released(run, going)
      : verdictOf(run, { ...view, item }, decision);
  return { ...known, ...verdict, ...(path ? { path } : {}) };
}

function verdictOf(
  run: Run,
  { item, references, links }: BlobView & { readonly item: BlobItem },
  decision: BlobDecision,
): Verdict {
  const now = new Date(run.now()).toISOString();
  switch (decision.action) {
    case 'unlink': {
      const where = decision.links.map(({ name }) => name).join(', ');
      const reason = `its links go from repositories in which no manifest needs it: ${where}`;
      return { verdict: 'due', because: 'garbage', reason, dueAt: now };
    }
    case 'condemn':
      return {
        ...{ verdict: 'due', because: 'garbage', dueAt: now },
        reason:
          'nothing references or links it: the next run condemns it, and its bytes go after the quarantine',
      };
    case 'sweep': {
      const reason = 'it was condemned, and the quarantine is over: the next run deletes its bytes';
      return { verdict: 'due', because: 'garbage', reason, dueAt: now };
    }
    case 'keep':
      break;
  }
  const kept = (because: Verdict['because'], reason: string, at: number | null = null): Verdict => ({
    ...{ verdict: 'kept', reason, dueAt: at === null ? null : new Date(at).toISOString() },
    ...(because === undefined ? {} : { because }),
  });
  const needing = references.filter(isInForce);
  const [first] = needing;
  const at = typeof decision.queue === 'object' ? decision.queue.at : null;
  if (first !== undefined) {
    const more = needing.length > 1 ? ` and ${needing.length - 1} more` : '';
    return kept('referenced', `${first.name}@${first.manifest}${more} needs it`, null);
  }
  if (item.state === 'condemned' && at !== null && item.touchedAt + run.policy.grace <= run.now())
    return kept('quarantine', 'it is condemned: its bytes go when the quarantine is over', at);
  if (at !== null) return kept('grace', 'it, or a link to it, has not rested for the grace period', at);
  const link = links.find(isInForce);
  if (link !== undefined)
    return kept('linked', `repository ${link.name} links it, and its links may not go now`);
  return kept('unversioned-bucket', 'what goes could not be brought back: the bucket is not versioned');
}

/** How one of the manifests that need it is held, and one of them that the next run takes. */
async function lookAbove(
  run: Run,
  archive: Archive,
  { references }: BlobView,
): Promise<{ readonly path?: BlobExplanation['path']; readonly going?: string }> {
  const found: { path?: BlobExplanation['path']; going?: string } = {};
  for (const { name, manifest } of references.filter(isInForce).slice(0, LOOKED_AT)) {
    const { path, verdict } = await explainManifest(run, archive, name, manifest);
    if (path !== undefined) found.path ??= path;
    if (verdict === 'due') found.going ??= manifestId(name, manifest);
    if (found.path !== undefined && found.going !== undefined) break;
  }
  return found;
}

/** A run looks at manifests first, and what loses one rests anew. */
function released(run: Run, manifest: string): Verdict {
  const dueAt = new Date(run.now() + run.policy.grace).toISOString();
  const reason = `${manifest}, which needs it, goes with the next run; then it has to rest for the grace period`;
  return { verdict: 'kept', because: 'grace', reason, dueAt };
}
