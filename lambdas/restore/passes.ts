/** The passes through a run's journal that bring back what it tells of. */
import { readJournal } from '../store/journal-reader.ts';
import { restoreBlob, restoreLink } from './blobs.ts';
import { RestoreRefusedError } from './errors.ts';
import { restoreManifest } from './manifests.ts';
import { eachLine, type Restoring } from './restoring.ts';
import { restoreHistories, Tags, tagOf } from './tags.ts';

/**
 * Data before what needs it, manifests before their tags, and histories last, under the tags that stand then.
 *
 * @param journal where the run said that it is; absent when it has deleted nothing, or died.
 * @throws RestoreRefusedError when it is gone: without it nobody knows what to bring back.
 */
export async function bringBack(restoring: Restoring, journal: string | undefined): Promise<void> {
  const found = await survey(restoring);
  if (found.size === 0 && restoring.tally.isClean && journal !== undefined) {
    throw new RestoreRefusedError(
      `run ${restoring.runId} cannot be undone: its journal ${journal} is not there any more`,
    );
  }
  if (found.has('delete-blob')) {
    await eachLine(
      restoring,
      ['delete-blob'],
      ({ digest }) => digest,
      (line) => restoreBlob(restoring, line),
    );
  }
  const ofManifest = ({ repository, digest }: { repository: string; digest: string }) =>
    `${repository}@${digest}`;
  if (found.has('delete-manifest')) {
    await eachLine(restoring, ['delete-manifest'], ofManifest, (line) => restoreManifest(restoring, line));
  }
  if (found.has('unlink')) {
    await eachLine(restoring, ['unlink'], ofManifest, (line) => restoreLink(restoring, line));
  }
  if (found.has('untag')) {
    const tags = new Tags(restoring);
    await eachLine(restoring, ['untag'], tagOf, (line) => tags.restore(line));
    tags.end();
  }
  if (found.has('delete-manifest')) {
    await eachLine(restoring, ['delete-manifest'], ofManifest, (line) => restoreHistories(restoring, line));
  }
}

/** Which actions the journal has; tells of lines that cannot be read, and counts what cannot be undone. */
async function survey({ bucket, journalPrefix, tally }: Restoring): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { lines, problems } of readJournal(bucket.objects, journalPrefix)) {
    for (const { action } of lines) {
      found.add(action);
      if (action === 'delete-upload' || action === 'abort-multipart') tally.uploads++;
    }
    for (const { key, line, reason } of problems) {
      tally.skip({ code: 'unreadable', what: line === undefined ? key : `${key}:${line}`, reason });
    }
  }
  return found;
}
