/** Runs over time, each as high as what it reclaimed. */
import type { RunItem } from '../../../lambdas/store/runs.ts';
import { bytes } from '../../output.ts';
import { html, type Markup } from './markup.ts';

const [WIDTH, HEIGHT] = [1200, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [90, 20, 16, 26];

interface Point {
  readonly run: RunItem;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly reclaimed: number;
}

export function timelineSvg(runs: readonly RunItem[]): Markup {
  const points = runs
    .map((run): Point => ({ run, at: Date.parse(run.startedAt ?? ''), reclaimed: run.spaceReclaimed ?? 0 }))
    .filter(({ at }) => Number.isFinite(at));
  if (points.length === 0) return html``;
  const times = points.map(({ at }) => at);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(1, ...points.map(({ reclaimed }) => reclaimed));
  const span = Math.max(1, last - first);
  const [floor, room] = [HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP];
  const x = (at: number) => LEFT + 12 + ((at - first) / span) * (WIDTH - LEFT - RIGHT - 24);
  const y = (reclaimed: number) => floor - (reclaimed / most) * room;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Bytes reclaimed by each run; the table below has the same figures" class="timeline">
${[0, most / 2, most].map(
  (value) => html`<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>
<text class="quiet" x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${bytes(Math.round(value))}</text>
`,
)}
${points.map(({ run, at, reclaimed }) => {
  const [left, top] = [x(at).toFixed(1), y(reclaimed).toFixed(1)];
  return html`<g><line class="run" x1="${left}" x2="${left}" y1="${floor}" y2="${top}"/><circle class="run" cx="${left}" cy="${top}" r="3.5"/><title>${run.startedAt ?? ''}: ${bytes(reclaimed)} reclaimed, ${run.status}</title></g>
`;
})}
<text class="quiet" x="${LEFT}" y="${HEIGHT - 6}">${day(first)}</text>
<text class="quiet" x="${WIDTH - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">${day(last)}</text>
</svg>`;
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
