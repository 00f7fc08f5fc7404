/** Why a manifest is kept, when it goes, or how it went. The decision is the planner's own. */
import { type Kept, type ManifestDecision, planManifest } from '../prune/plan-manifest.ts';
import type { Run } from '../prune/run.ts';
import { cosignSubject } from '../registry/cosign.ts';
import type { Digest } from '../registry/digest.ts';
import { type ManifestItem, manifestId } from '../store/items.ts';
import type { JournalLine } from '../store/journal-reader.ts';
import { type Archive, taken, whyGone } from './deletion.ts';
import type { ManifestExplanation, PathStep, Verdict } from './explanation.ts';

/** @param archive where journals are read from. */
export async function explainManifest(
  run: Run,
  archive: Archive,
  repository: string,
  digest: Digest,
): Promise<ManifestExplanation> {
  const item = await run.metadata.manifest(repository, digest);
  if (item === undefined) {
    const reason = 'the table has no such manifest: it was never seen there, or went more than 90 days ago';
    return { repository, digest, state: 'unknown', verdict: 'unknown', reason, dueAt: null };
  }
  const about = {
    ...{ repository, digest, state: item.state, size: item.size, mediaType: item.mediaType },
    ...{ pushedAt: new Date(item.pushedAt).toISOString(), taggedAs: item.taggedAs },
  };
  if (item.state === 'deleted') {
    const isIt = (line: JournalLine) =>
      line.action === 'delete-manifest' && line.repository === repository && line.digest === digest;
    return { ...about, ...(await whyGone(archive, item, isIt, 'a client deleted it')) };
  }
  if (item.state === 'deleting') return { ...about, ...taken(item.runId) };
  return { ...about, ...(await judge(run, item)) };
}

type Judgement = Verdict & Pick<ManifestExplanation, 'path' | 'goesWith' | 'afterwards'>;

/** As a run would decide now. */
async function judge(run: Run, item: ManifestItem): Promise<Judgement> {
  if (!run.policy.inScope(item.name)) {
    const reason = 'its repository is not one of those that are asked about';
    return { verdict: 'kept', because: 'scope', reason, dueAt: null };
  }
  const obstacle = item.problem?.detail ?? (await run.obstacles.of(item.name));
  if (obstacle !== undefined) return problem(obstacle);
  const decision = await planManifest(run, item);
  if (decision.action === 'delete') return doomed(run, decision, item);
  const verdict = keptVerdict(run, item, decision.why);
  const path = await pathOf(run, item, decision);
  if (decision.why.by !== 'grace') return { ...verdict, ...path };
  // What comes then, as far as it can be known now.
  const then = await judgeAt(run, item, decision.why.until);
  return then.verdict === 'kept' && then.because === 'tag' && then.path !== undefined
    ? { ...verdict, path: then.path, afterwards: bare(then) }
    : { ...verdict, afterwards: bare(then) };
}

/** The same manifest, at a later time at which nothing else has changed. */
async function judgeAt(run: Run, item: ManifestItem, at: number): Promise<Judgement> {
  const later = { ...run, now: () => at };
  const decision = await planManifest(later, item);
  if (decision.action === 'delete') return doomed(later, decision, item);
  const path = await pathOf(later, item, decision);
  return { ...keptVerdict(later, item, decision.why), ...path };
}

const bare = ({ verdict, because, reason, dueAt }: Judgement): Verdict => ({
  ...{ verdict, reason, dueAt },
  ...(because === undefined ? {} : { because }),
});

const problem = (detail: string): Verdict => ({
  ...{ verdict: 'kept', because: 'problem', dueAt: null },
  reason: `it, or something of its repository, is not understood, so nothing goes: ${detail}`,
});

function doomed(
  run: Run,
  decision: Extract<ManifestDecision, { action: 'delete' }>,
  { name, digest, dueAt = 0 }: ManifestItem,
): Judgement {
  const goesWith = decision.group.flatMap(({ item, tags }) => [
    ...tags.map(({ tag }) => `${name}:${tag}`),
    ...(item.digest === digest ? [] : [manifestId(name, item.digest)]),
  ]);
  const tagged = decision.group.some(({ tags }) => tags.length > 0);
  // A run works on many at a time: what goes by itself first leaves this one to rest anew.
  const isHeld = decision.group.length > 1;
  const reason =
    (tagged ? 'its tags may go by the filters, and nothing else holds it' : 'nothing holds it') +
    (isHeld ? ' but what goes with it; if that goes first, it rests for the grace period once more' : '');
  return {
    ...{ verdict: 'due', because: 'garbage', reason },
    dueAt: new Date(Math.max(dueAt, run.now())).toISOString(),
    ...(goesWith.length === 0 ? {} : { goesWith }),
  };
}

function keptVerdict(run: Run, item: ManifestItem, why: Kept): Verdict {
  const kept = (reason: string, dueAt: string | null = null): Verdict => ({
    ...{ verdict: 'kept', because: why.by === 'plan' ? 'departing' : why.by, reason, dueAt },
  });
  switch (why.by) {
    case 'tag':
      return kept(`tag ${item.name}:${why.tag} holds it`);
    case 'grace': {
      const until = new Date(why.until).toISOString();
      return kept('it, or something that goes only with it, has not rested for the grace period', until);
    }
    case 'problem':
      return kept(`something above it is not understood: ${why.detail}`);
    case 'filter':
      return kept(
        `the filter ${why.reason} spares it, or something that goes only with it`,
        passes(run, item),
      );
    case 'unversioned-bucket':
      return kept('its tag could not be brought back: the bucket is not versioned');
    case 'arriving':
      return kept('something that holds it is just arriving, or is not indexed yet');
    case 'departing':
    case 'plan':
      return kept('something that holds it is just being deleted');
  }
}

/** When a filter by age lets it pass; to the whole second, as Docker cuts the moment that a duration counts back to. */
function passes({ policy: { filters }, now }: Run, { pushedAt }: ManifestItem): string | null {
  const { until, untilAge } = filters;
  if (until === undefined || untilAge === undefined || pushedAt <= until.getTime()) return null;
  const at = Math.ceil(pushedAt / 1000) * 1000 + untilAge;
  return at < now() ? null : new Date(at).toISOString();
}

/** From the tag down to the manifest. */
async function pathOf(
  run: Run,
  { name }: ManifestItem,
  decision: Extract<ManifestDecision, { action: 'keep' }>,
): Promise<{ readonly path?: readonly PathStep[] }> {
  const { why, path: up } = decision;
  if (why.by !== 'tag' || up === undefined) return {};
  const steps: PathStep[] = [{ what: `${name}:${why.tag}` }];
  let holder: ManifestItem | undefined;
  for (const digest of up.toReversed()) {
    const item = await run.metadata.manifest(name, digest);
    steps.push({ what: digest, by: holder === undefined ? 'named' : relation(holder, item) });
    holder = item;
  }
  return { path: steps };
}

function relation(holder: ManifestItem, held: ManifestItem | undefined): 'listed' | 'refers' | 'signs' {
  if (held?.subject === holder.digest) return 'refers';
  const signs = held?.taggedAs.some((tag) => cosignSubject(tag) === holder.digest);
  return signs && held !== undefined && !holder.children.includes(held.digest) ? 'signs' : 'listed';
}
