/** The report as a person reads it, and as a spreadsheet does. */
import { stringify } from 'csv-stringify/sync';
import { bytes, list, table } from '../output.ts';
import type { UsageReport, UsageRow } from './report.ts';

/** Of a digest, as Docker shows it. */
export const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(':') + 13);

export function usageText(report: UsageReport): string {
  const { total, unreadable } = report;
  const amount = (name: string, { blobs, bytes: size }: { blobs: number; bytes: number }) =>
    `${name} ${bytes(size)} (${count(blobs, 'blob')})`;
  return [
    table([...HEADS[report.by], 'unique', 'shared', 'physical'], report.rows.map(cells)),
    report.omitted === 0 ? '' : `… and ${report.omitted} more; --top shows more of them\n`,
    `Total: ${bytes(total.bytes)} (${total.bytes} bytes) in ${count(total.blobs, 'blob')}: `,
    `${amount('live', total.states.live)}, ${amount('condemned', total.states.condemned)}, `,
    `${amount('deleting', total.states.deleting)}\n`,
    `No repository links or names: ${bytes(total.unused.bytes)} (${count(total.unused.blobs, 'blob')})\n`,
    `No tag leads to: ${count(total.unheld.manifests, 'manifest')}; without them `,
    `${bytes(total.unheld.bytes)} (${count(total.unheld.blobs, 'blob')}) would be free\n`,
    unreadable.rows === 0
      ? ''
      : `Not counted: ${count(unreadable.rows, 'row')} of the table in a shape this version does not know\n`,
    list(unreadable.first.map((row) => `unreadable: ${row}`)),
  ].join('');
}

const HEADS = {
  repository: ['repository'],
  tag: ['tag', 'digest'],
  image: ['image', 'tags'],
} as const;

function cells({ repository, tag, digest = '', tags, ...sizes }: UsageRow): string[] {
  const names =
    tag !== undefined
      ? [`${repository}:${tag}`, shortDigest(digest)]
      : tags === undefined
        ? [repository]
        : [`${repository}@${shortDigest(digest)}`, tagsText(tags)];
  return [...names, ...[sizes.uniqueBytes, sizes.sharedBytes, sizes.physicalBytes].map(bytes)];
}

/** The first, and how many there are besides. */
export function tagsText([first, ...others]: readonly string[]): string {
  return first === undefined ? '' : others.length === 0 ? first : `${first} +${others.length}`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

/** One line a row under a header, bytes as plain integers; the totals are not in it. */
export function usageCsv({ by, rows }: UsageReport): string {
  const columns = [
    'repository',
    ...(by === 'repository' ? [] : by === 'tag' ? ['tag', 'digest'] : ['digest', 'tags']),
    ...['unique_bytes', 'shared_bytes', 'physical_bytes'],
  ];
  const lines = rows.map((row) => ({
    ...row,
    tags: row.tags?.join(' '),
    unique_bytes: row.uniqueBytes,
    shared_bytes: row.sharedBytes,
    physical_bytes: row.physicalBytes,
  }));
  // A spreadsheet must not take a name for a formula.
  return stringify(lines, { header: true, columns, escape_formulas: true });
}
