/** The figures as tables, which also say to a screen reader what the pictures show. */
import type { RunItem } from '../../../lambdas/store/runs.ts';
import { bytes } from '../../output.ts';
import { shortDigest } from '../output.ts';
import type { UsageReport, UsageRow, UsageTotals } from '../report.ts';
import type { Share } from '../shares.ts';
import { html, type Markup } from './markup.ts';

interface Column {
  readonly name: string;
  readonly kind?: 'number' | 'digest';
}

function table(caption: string, columns: readonly Column[], rows: readonly (readonly (string | Markup)[])[]) {
  return html`<div class="wide"><table><caption>${caption}</caption>
<thead><tr>${columns.map(({ name, kind = '' }) => html`<th scope="col" class="${kind}">${name}</th>`)}</tr></thead>
<tbody>
${rows.map(
  (cells) =>
    html`<tr>${cells.map((cell, i) => html`<td class="${columns[i]?.kind ?? ''}">${cell}</td>`)}</tr>
`,
)}</tbody></table></div>`;
}

const exactly = (count: number): string => count.toLocaleString('en');
const size = (count: number): Markup => html`<span title="${exactly(count)} bytes">${bytes(count)}</span>`;

const SIZES: readonly Column[] = ['unique', 'shared', 'physical'].map((name) => ({ name, kind: 'number' }));

/** What would free the most, of repositories, tags or images. */
export function usageTable({ by, rows, omitted }: UsageReport): Markup {
  const heads: Record<UsageReport['by'], readonly Column[]> = {
    repository: [{ name: 'repository' }],
    tag: [{ name: 'tag' }, { name: 'manifest', kind: 'digest' }],
    image: [{ name: 'repository' }, { name: 'manifest', kind: 'digest' }, { name: 'tags' }],
  };
  const names = ({ repository, tag, digest = '', tags = [] }: UsageRow): (string | Markup)[] => {
    if (by === 'repository') return [repository];
    const manifest = html`<span title="${digest}">${shortDigest(digest)}</span>`;
    return by === 'tag' ? [`${repository}:${tag}`, manifest] : [repository, manifest, listed(tags)];
  };
  const more = omitted === 0 ? '' : `; ${exactly(omitted)} more are not listed`;
  return table(
    `What would free the most, by ${by}${more}`,
    [...heads[by], ...SIZES],
    rows.map((row) => [...names(row), size(row.uniqueBytes), size(row.sharedBytes), size(row.physicalBytes)]),
  );
}

/** An image can have thousands. */
function listed(tags: readonly string[]): string {
  const shown = tags.slice(0, 8).join(', ');
  return tags.length > 8 ? `${shown} and ${tags.length - 8} more` : shown;
}

/** Blobs by their state, and what nothing needs, as bars against the whole. */
export function stateTable({ bytes: all, states, unused, unheld }: UsageTotals): Markup {
  const rows: [string, { blobs: number; bytes: number }][] = [
    ['live', states.live],
    ['condemned: unlinked, in quarantine', states.condemned],
    ['deleting: a run is at it', states.deleting],
    [`of all: freed if the ${exactly(unheld.manifests)} manifests went that no tag leads to`, unheld],
    ['of all: in no repository', unused],
  ];
  const bar = (part: number) =>
    part === 0 ? '' : html`<span style="width: ${((100 * part) / all).toFixed(2)}%"></span>`;
  return html`<div class="wide"><table><caption>Blobs by state, and what is garbage or soon will be</caption>
<thead><tr><th scope="col">blobs</th><th scope="col" class="number">count</th><th scope="col" class="number">size</th><th scope="col">share of the whole</th></tr></thead>
<tbody>${rows.map(
    ([name, amount]) =>
      html`<tr><td>${name}</td><td class="number">${exactly(amount.blobs)}</td><td class="number">${size(amount.bytes)}</td><td class="bar">${bar(amount.bytes)}</td></tr>
`,
  )}</tbody></table></div>`;
}

/** The rectangles of the map. */
export function shareTable(shares: readonly Share[]): Markup {
  const rows = shares.flatMap(({ name, bytes: all, kind, parts }) =>
    (parts ?? [{ name: '', bytes: all, kind }]).map((part) => [
      name,
      part.kind === 'untagged' ? `${part.name} (no tag leads to it)` : part.name,
      size(part.bytes),
    ]),
  );
  const columns: Column[] = [{ name: 'repository' }, { name: 'image' }, { name: 'size', kind: 'number' }];
  return table('The map: each blob is counted once', columns, rows);
}

export function runTable(runs: readonly RunItem[]): Markup {
  const counted = (counts: Readonly<Record<string, number>> | undefined) => exactly(counts?.['deleted'] ?? 0);
  return table(
    'Runs, the newest first',
    [
      ...[{ name: 'started' }, { name: 'run', kind: 'digest' as const }, { name: 'status' }],
      ...['manifests', 'blobs', 'reclaimed'].map((name) => ({ name, kind: 'number' as const })),
    ],
    runs.map((run) => [
      run.startedAt ?? '',
      run.runId,
      [run.mode, run.status, run.restoredAt === undefined ? '' : 'undone'].filter(Boolean).join(' '),
      counted(run.manifests),
      counted(run.blobs),
      size(run.spaceReclaimed ?? 0),
    ]),
  );
}
