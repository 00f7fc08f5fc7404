/** Runs, what became of them, and what undoing one did, as a person reads them. */
import type { History, HistoryLine } from '../lambdas/restore/history.ts';
import type { Restored, RestoreReport } from '../lambdas/restore/report.ts';
import type { RunItem } from '../lambdas/store/runs.ts';
import { bytes, list, seconds, table } from './output.ts';

export function restoreText(report: RestoreReport): string {
  const { manifests, tags, links, blobs, uploads, dryRun } = report;
  const row = (name: string, { restored, present, skipped }: Restored) => [
    name,
    `${restored}`,
    `${present}`,
    `${skipped}`,
  ];
  const rows = [
    row('manifests', manifests),
    row('tags', tags),
    row('layer links', links),
    row('blobs', { ...blobs, skipped: blobs.lost }),
  ];
  return [
    table(['', dryRun ? 'would come back' : 'came back', 'there already', 'not brought back'], rows),
    list(report.skipped.map(({ code, what, reason }) => `${code}: ${what}: ${reason}`)),
    uploads === 0 ? '' : `${uploads} deleted uploads cannot be brought back.\n`,
    `${dryRun ? 'Data that would come back' : 'Data that came back'}: ${bytes(blobs.bytes)} (${blobs.bytes} bytes)\n`,
    `${dryRun ? 'Dry run of the undo' : 'Undo'} of run ${report.runId}: ${report.status} in ${seconds(report.durationMs)}\n`,
  ].join('');
}

export function runsText(runs: readonly RunItem[]): string {
  if (runs.length === 0) return 'No run is known.\n';
  const rows = runs.map((run) => [
    run.runId,
    run.startedAt ?? '',
    [run.mode, run.status].filter(Boolean).join(' '),
    `${run.manifests?.['deleted'] ?? 0}`,
    `${run.blobs?.['deleted'] ?? 0}`,
    run.spaceReclaimed === undefined ? '' : bytes(run.spaceReclaimed),
    undoText(run),
  ]);
  return table(['run', 'started', '', 'manifests', 'blobs', 'reclaimed', 'undo'], rows);
}

function undoText({ recoverable, recoverableUntil, restoredAt }: RunItem): string {
  if (restoredAt !== undefined) return `undone ${restoredAt}`;
  return recoverable === true && recoverableUntil !== undefined
    ? `until ${recoverableUntil}`
    : 'not possible';
}

export function runText(run: RunItem): string {
  const counts = (of: Readonly<Record<string, number>> | undefined) =>
    of &&
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['run', run.runId],
    ['status', run.status],
    ['mode', run.mode],
    ['trigger', run.trigger],
    ['started', run.startedAt],
    ['took', run.durationMs === undefined ? undefined : seconds(run.durationMs)],
    ['manifests', counts(run.manifests)],
    ['blobs', counts(run.blobs)],
    ['layer links', counts(run.links)],
    ['uploads', counts(run.uploads)],
    ['reclaimed', run.spaceReclaimed === undefined ? undefined : bytes(run.spaceReclaimed)],
    ['refusals', run.refusals === undefined ? undefined : `${run.refusals}`],
    ['journal', run.journal],
    ['undo', undoText(run)],
  ];
  return rows
    .flatMap(([name, value]) => (value === undefined ? [] : `${name.padEnd(12)}${value}\n`))
    .join('');
}

export function historyText({ digest, lines, problems, now }: History): string {
  const rows = lines.map((line) => [line.time, line.run, line.action, placeOf(line), line.reason]);
  return [
    lines.length === 0
      ? `No journal tells of ${digest}.\n`
      : table(['when', 'run', 'action', 'of', 'why'], rows),
    ...problems.map(
      ({ key, line, reason }) => `cannot be read: ${key}${line === undefined ? '' : `:${line}`}: ${reason}\n`,
    ),
    `Now: the blob is ${now.blob}\n`,
    ...now.manifests.map(({ repository, state }) => `Now: the manifest is ${state} in ${repository}\n`),
    ...now.tags.map(
      ({ repository, tag, digest: named }) =>
        `Now: ${repository}:${tag} ${named === null ? 'is no tag that the table knows' : `names ${named === digest ? 'it' : named}`}\n`,
    ),
  ].join('');
}

function placeOf(line: HistoryLine): string {
  switch (line.action) {
    case 'untag':
      return `${line.repository}:${line.tag}`;
    case 'delete-blob':
      return line.repositories.join(', ');
    default:
      return line.repository;
  }
}
