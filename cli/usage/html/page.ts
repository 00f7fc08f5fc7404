/** The report as one page that needs nothing else: no script, no request. */
import type { RunItem } from '../../../lambdas/store/runs.ts';
import { bytes } from '../../output.ts';
import type { UsageReport } from '../report.ts';
import type { Share } from '../shares.ts';
import { html, type Markup } from './markup.ts';
import { STYLE } from './style.ts';
import { runTable, shareTable, stateTable, usageTable } from './tables.ts';
import { timelineSvg } from './timeline.ts';
import { mapSvg } from './treemap.ts';

export interface PageContents {
  readonly about: Pick<UsageReport, 'bucket' | 'generatedAt' | 'total' | 'unreadable'>;
  /** One by each grouping, of the same registry at the same moment. */
  readonly reports: readonly UsageReport[];
  readonly shares: readonly Share[];
  /** Newest first; or why they cannot be read. */
  readonly runs: readonly RunItem[] | string;
}

/** Whatever a name may hold, the browser fetches nothing and runs nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** @returns a whole HTML document. */
export function usagePage({ about, reports, shares, runs }: PageContents): string {
  const { bucket, generatedAt, total, unreadable } = about;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Registry usage: ${bucket}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Registry usage</h1>
<p class="quiet">Bucket <strong>${bucket}</strong>, <time datetime="${generatedAt}">${generatedAt.slice(0, 16).replace('T', ' ')} UTC</time></p>
${unreadable.rows === 0 ? '' : unreadableNote(unreadable)}
${tiles(total)}
<h2>Where the bytes are</h2>
<p>Each blob counts once: with the image that would take it along, or as shared where several would have to go.</p>
${shares.length === 0 ? html`<p class="quiet">There are no bytes.</p>` : map(shares)}
<h2>Garbage</h2>
${stateTable(total)}
<h2>Runs</h2>
${typeof runs === 'string' ? html`<p class="warning">${runs}</p>` : history(runs)}
<h2>What would free the most</h2>
<p>Unique bytes are freed when that one goes, with all that nothing would hold then. Shared bytes stay, because
something else uses them.</p>
${reports.map(usageTable)}
</main>
</body>
</html>
`.text;
}

function unreadableNote({ rows, first }: UsageReport['unreadable']): Markup {
  return html`<div class="warning"><p>${rows} rows of the table are in a shape that this version does not know. They are
in no figure of this page.</p><ul>${first.map((row) => html`<li>${row}</li>`)}</ul></div>`;
}

function tiles({ bytes: size, blobs, repositories, manifests, tags }: UsageReport['total']): Markup {
  const counts = { blobs, repositories, manifests, tags };
  return html`<dl class="tiles"><div><dt>whole registry</dt><dd>${bytes(size)}</dd></div>${Object.entries(
    counts,
  ).map(([name, count]) => html`<div><dt>${name}</dt><dd>${count.toLocaleString('en')}</dd></div>`)}</dl>`;
}

function map(shares: readonly Share[]): Markup {
  return html`<ul class="legend"><li><i class="image"></i>images, a colour for each repository</li>
<li><i class="untagged"></i>no tag leads to it</li><li><i class="shared"></i>shared</li>
<li><i class="unused"></i>in no repository</li></ul>
<div class="wide" tabindex="0" role="group" aria-label="Map">${mapSvg(shares)}</div>
<details><summary>The map as a table</summary>${shareTable(shares)}</details>`;
}

function history(runs: readonly RunItem[]): Markup {
  if (runs.length === 0) return html`<p class="quiet">No run is known.</p>`;
  return html`<p>Bytes that each of the last ${runs.length} runs reclaimed.</p>
<div class="wide" tabindex="0" role="group" aria-label="Runs">${timelineSvg(runs)}</div>
<details><summary>The runs as a table</summary>${runTable(runs)}</details>`;
}
