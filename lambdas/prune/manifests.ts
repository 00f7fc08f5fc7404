/** One entry of the manifest queue, or one manifest of a repository looked through. */
import type { Digest } from '../registry/digest.ts';
import { uncoverTags } from '../store/hold.ts';
import { type ManifestItem, manifestId, manifestKey } from '../store/items.ts';
import { deleteManifests } from './delete-manifests.ts';
import { type Kept, type ManifestDecision, planManifest, planResolution } from './plan-manifest.ts';
import { repairManifest } from './repair.ts';
import { settleQueue } from './requeue.ts';
import { isUnderWay, type Run } from './run.ts';

/**
 * `progress`: something has changed that may make other things due. `waiting`: what it depends on is just being
 * deleted or written, so it is looked at again in the same run.
 */
export type Handled = 'left' | 'waiting' | 'progress';

/** How often a decision is made again when what it was made from changes under it. */
const ATTEMPTS = 3;

export async function handleManifest(run: Run, name: string, digest: Digest): Promise<Handled> {
  const obstacle = await run.obstacles.of(name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const item = await run.metadata.manifest(name, digest);
    if (item === undefined || item.state === 'deleted') return 'left';
    // Another worker of this run has it and may give it back, or it could not be finished and is for the next run.
    if (item.state === 'deleting' && (await isUnderWay(run, item))) return 'waiting';
    if (item.state === 'deleting') return await resolve(run, item, obstacle);
    if (run.policy.resolveOnly || !run.policy.inScope(name)) return 'left';
    run.tally.examineManifest(manifestId(name, digest));
    if (isSkipped(run, item, obstacle)) {
      run.limit?.keep(item, { by: 'problem', detail: item.problem?.detail ?? obstacle ?? '' });
      return 'left';
    }
    if (await isPushedMeanwhile(run, item)) {
      const message = `${name}@${digest} was pushed during the run, so the registry is not stopped or read-only`;
      run.halt({ code: 'pushes-arriving', message, repository: name, digest });
      return 'left';
    }

    const decision = withinLimit(run, await planManifest(run, item));
    if (decision.action === 'keep') {
      noteKept(run, item, decision.why);
      run.limit?.keep(item, decision.why);
      await settleQueue(run, manifestKey(name, digest), item, decision.queue);
      return decision.why.by === 'arriving' || decision.why.by === 'departing' ? 'waiting' : 'left';
    }
    const reason = decision.group.some(({ tags }) => tags.length > 0) ? 'matched by the filters' : 'untagged';
    const { length } = decision.group;
    const tooMuch = await run.brake?.takeManifests(name, length);
    if (tooMuch !== undefined) {
      run.halt(tooMuch);
      return 'left';
    }
    const outcome = await deleteManifests(run, decision.group, reason);
    if (outcome === 'failed') run.tally.incomplete++;
    if (outcome !== 'conflict') return 'progress';
    run.brake?.giveBackManifests(name, length);
  }
  // Still queued: for the next pass, or the next run.
  return 'waiting';
}

/** In an offline run. A link that the run itself has put back, in repairing what an earlier one left, is no push. */
async function isPushedMeanwhile(
  { request, startedAt, relinked }: Run,
  item: ManifestItem,
): Promise<boolean> {
  const { name, digest, pushedAt } = item;
  if (request.mode !== 'offline' || pushedAt <= startedAt) return false;
  return (await relinked.get(manifestId(name, digest))) !== pushedAt;
}

/** Beyond the plan nothing goes, whatever the filters say. */
function withinLimit({ limit }: Run, decision: ManifestDecision): ManifestDecision {
  if (limit === undefined || decision.action === 'keep' || limit.allowsManifests(decision.group))
    return decision;
  return { action: 'keep', why: { by: 'plan' }, queue: 'leave' };
}

/** Fail closed: what is not understood is kept, with everything of its repository if need be, and reported. */
function isSkipped(run: Run, item: ManifestItem, obstacle: string | undefined): boolean {
  const { name: repository, digest, problem } = item;
  if (problem === undefined && obstacle === undefined) return false;
  run.tally.skipManifest(manifestId(repository, digest));
  if (problem !== undefined) {
    const code = problem.code === 'unreadable' ? 'unreadable' : 'kept';
    const effect = problem.code === 'unreadable' ? '; nothing of its repository is deleted' : '';
    run.tally.refuse({ code, message: `${problem.detail}${effect}`, repository, digest });
  }
  if (obstacle !== undefined && problem?.code !== 'unreadable') {
    const message = `nothing of the repository is deleted: ${obstacle}`;
    run.tally.refuse({ code: 'unreadable', message, repository });
  }
  return true;
}

function noteKept(run: Run, { name: repository, digest }: ManifestItem, why: Kept): void {
  if (why.by === 'problem') {
    run.tally.refuse({
      code: 'kept',
      message: `something above it is not understood: ${why.detail}`,
      repository,
      digest,
    });
  } else if (why.by === 'unversioned-bucket') {
    const message = 'its tag could not be brought back: the bucket is not versioned';
    run.tally.refuse({ code: 'unversioned-bucket', message, repository, digest });
  }
}

/** Left `deleting`: finished if still nothing holds it, else repaired. */
async function resolve(run: Run, item: ManifestItem, obstacle: string | undefined): Promise<Handled> {
  const { name, digest } = item;
  const decision = obstacle === undefined ? withinLimit(run, await planResolution(run, item)) : undefined;
  const items = decision?.action === 'delete' ? decision.group.map((doomed) => doomed.item) : [];
  if (await anyUncovered(run, items)) {
    for (const one of items) await repairManifest(run, one.name, one.digest);
    return 'progress';
  }
  if (decision?.action === 'delete') {
    const outcome = await deleteManifests(run, decision.group, 'left by an earlier run');
    if (outcome === 'failed') {
      run.tally.incomplete++;
      return 'left';
    }
    // Given back, and due as it was: another worker may have finished what held it, and has queued nothing for that.
    return outcome === 'deleted' ? 'progress' : 'waiting';
  }
  await repairManifest(run, name, digest);
  return 'progress';
}

/** Whether a tag that the earlier run did not mean is visible again, and so holds one of them. */
async function anyUncovered(run: Run, items: readonly ManifestItem[]): Promise<boolean> {
  let any = false;
  for (const item of items) if (await uncoverTags(run.bucket, item)) any = true;
  return any;
}
