/** `why`: reads what a run would read of one thing, and says what it would decide and on what grounds. */
import { type PruneDependencies, startRun } from '../prune/engine.ts';
import type { PruneRequest } from '../prune/request.ts';
import type { Run } from '../prune/run.ts';
import type { Digest } from '../registry/digest.ts';
import { isInForce, repositoryPk, toManifest } from '../store/items.ts';
import type { BlobView } from '../store/metadata.ts';
import { explainBlob } from './blob.ts';
import type { Archive } from './deletion.ts';
import type { Explanation, ManifestExplanation, TagExplanation } from './explanation.ts';
import { explainManifest } from './manifest.ts';
import type { Subject } from './subject.ts';

/** Manifests that had a tag which is gone; the newest are told of. */
const FORMER = 10;

/**
 * Why something is kept, when it becomes due, or when and why it went. Answered from the items and keys that are about
 * it, without a scan; only for a tag that is gone the repository's manifests are gone through.
 *
 * @param request the prune that is asked about: its filters and mode.
 * @throws what S3 and DynamoDB throw.
 * @example await explain(dependencies, parseSubject('team/app:v1'), parsePruneRequest({}, new Date()));
 */
export async function explain(
  dependencies: PruneDependencies,
  subject: Subject,
  request: PruneRequest,
): Promise<Explanation> {
  const { now, bucketName, settings } = dependencies;
  const dry = { ...request, dryRun: true };
  // A dry run holds no lock, so there is nothing to end.
  const { run } = await startRun(dependencies, dry, Number.MAX_SAFE_INTEGER, { asks: true });
  const archive: Archive = {
    ...{ table: run.metadata.table, objects: run.bucket.objects, bucketName },
    journalPrefix: settings.journalPrefix,
  };
  const about = await lookUp(run, archive, subject);
  return {
    ...{ subject, at: new Date(now()).toISOString(), ...about },
    refusals: run.tally.refusals.map(({ code, message }) => ({ code, message })),
  };
}

type Found = Pick<Explanation, 'tag' | 'manifests' | 'blob'>;

async function lookUp(run: Run, archive: Archive, subject: Subject): Promise<Found> {
  switch (subject.kind) {
    case 'manifest':
      return { manifests: [await explainManifest(run, archive, subject.repository, subject.digest)] };
    case 'tag': {
      const tag = await explainTag(run, archive, subject.repository, subject.tag);
      if (tag.digest === null) return { tag, manifests: [] };
      return { tag, manifests: [await explainManifest(run, archive, subject.repository, tag.digest)] };
    }
    case 'digest': {
      const { digest } = subject;
      const view = await run.metadata.blob(digest, { all: true });
      const manifests: ManifestExplanation[] = [];
      for (const name of repositoriesOf(view, digest))
        manifests.push(await explainManifest(run, archive, name, digest));
      return { manifests, blob: await explainBlob(run, archive, digest, view) };
    }
  }
}

async function explainTag(
  run: Run,
  archive: Archive,
  repository: string,
  tag: string,
): Promise<TagExplanation> {
  const item = await run.metadata.tag(repository, tag);
  if (item !== undefined) {
    const taggedAt = new Date(item.taggedAt).toISOString();
    return { repository, tag, digest: item.digest, taggedAt, formerly: [] };
  }
  const had: { readonly digest: Digest; readonly at: number }[] = [];
  for await (const page of run.metadata.pages(repositoryPk(repository), { prefix: 'MANIFEST#' })) {
    for (const row of page.items) {
      const { taggedAs } = row;
      if (!Array.isArray(taggedAs) || !taggedAs.includes(tag)) continue;
      const { digest, touchedAt } = toManifest(row);
      had.push({ digest, at: touchedAt });
    }
  }
  const newest = had.sort((a, b) => b.at - a.at).slice(0, FORMER);
  const formerly: ManifestExplanation[] = [];
  for (const { digest } of newest) formerly.push(await explainManifest(run, archive, repository, digest));
  return { repository, tag, digest: null, formerly };
}

/** Repositories that hold the digest as a manifest, or have held it. */
function repositoriesOf({ references }: BlobView, digest: Digest): string[] {
  const own = references.filter(({ manifest }) => manifest === digest);
  return [...own.filter(isInForce), ...own.filter((edge) => !isInForce(edge))].map(({ name }) => name);
}
