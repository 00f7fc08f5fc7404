/** Reports as a person reads them. */
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { Counts, ReindexReport } from '../lambdas/index/reindex-report.ts';
import type { Report } from '../lambdas/prune/report.ts';
import { type Paint, plain } from './terminal.ts';

/** Lines of a list before it is cut short; the journal and `--json` have the rest. */
const MAX_LINES = 20;

export const bytes = (count: number): string => prettyBytes(count, { binary: true });

/** @example counted(1, 'manifest') // '1 manifest' */
export const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

/** A table without colours, so that it reads the same in a log. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [] } });
  made.push(...rows.map((row) => [...row]));
  return `${made.toString()}\n`;
}

/** @param paint @default no colours */
export function reportText(report: Report, paint: Paint = plain): string {
  const { manifests, blobs, links, uploads } = report;
  const would = report.dryRun ? 'would be deleted' : 'deleted';
  const rows = [
    [
      'manifests',
      `${manifests.examined}`,
      `${manifests.deleted}`,
      `${manifests.kept} kept, ${manifests.skipped} skipped`,
    ],
    ['blobs', `${blobs.examined}`, `${blobs.deleted}`, blobNotes(blobs)],
    ['layer links', '', `${links.deleted}`, ''],
    ['uploads', '', `${uploads.deleted}`, bytes(uploads.bytes)],
  ];
  return [
    list(
      report.imagesDeleted.map(
        (image) =>
          ('untagged' in image ? `untagged: ${image.untagged}` : `deleted: ${image.deleted}`) +
          (image.lastPulledAt === undefined ? '' : ` (last pulled ${image.lastPulledAt})`),
      ),
    ),
    table(['', 'examined', would, ''], rows),
    list(
      report.refusals.map(
        (refusal) => `${paint('refusal', `${refusal.code}:`)} ${where(refusal)}${refusal.message}`,
      ),
    ),
    `${paint('total', `${report.dryRun ? 'Reclaimable' : 'Total reclaimed'} space: ${bytes(report.spaceReclaimed)}`)} (${report.spaceReclaimed} bytes)\n`,
    `${report.dryRun ? 'Dry run' : 'Run'} ${report.runId} ${report.status} in ${seconds(report.durationMs)}\n`,
    report.journal === undefined ? '' : `Journal: ${report.journal}\n`,
  ].join('');
}

function blobNotes(blobs: Report['blobs']): string {
  return [
    ...(blobs.condemned > 0 ? [`${blobs.condemned} condemned (${bytes(blobs.condemnedBytes)})`] : []),
    ...(blobs.rescued > 0 ? [`${blobs.rescued} rescued`] : []),
    ...(blobs.failed > 0 ? [`${blobs.failed} failed`] : []),
  ].join(', ');
}

export function reindexText(report: ReindexReport): string {
  const kinds = Object.keys(report.found) as (keyof Counts)[];
  const rows = kinds.map((kind) => [
    kind,
    `${report.found[kind]}`,
    `${report.added[kind]}`,
    `${report.removed[kind]}`,
  ]);
  return [
    table(['', 'in the bucket', 'added', 'removed'], rows),
    list(report.unreadable.map(({ repository, what, detail }) => `kept: ${repository} ${what}: ${detail}`)),
    list(report.restored.map((digest) => `restored: blob ${digest} is needed and was deleted`)),
    list(report.lost.map((digest) => `lost: blob ${digest} is needed and not in the bucket`)),
    report.unrecognised > 0
      ? `${report.unrecognised} objects are not of the registry's layout; left alone.\n`
      : '',
    report.postponed > 0
      ? `${report.postponed} keys wait for a prune to end; run reindex again after it.\n`
      : '',
    report.postponed > 0
      ? `Index almost in line with the bucket after ${seconds(report.durationMs)}\n`
      : `Index in line with the bucket after ${seconds(report.durationMs)}\n`,
  ].join('');
}

const where = ({ repository, digest }: Report['refusals'][number]): string =>
  [repository, digest].filter((part) => part !== undefined).join('@') + (repository || digest ? ': ' : '');

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** @param rest says where the others are. */
export function list(lines: readonly string[], rest = 'the journal has a line for each'): string {
  const shown = lines.slice(0, MAX_LINES).map((line) => `${line}\n`);
  const more = lines.length - shown.length;
  return shown.join('') + (more > 0 ? `… and more; ${rest}\n` : '');
}
