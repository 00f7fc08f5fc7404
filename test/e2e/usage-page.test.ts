import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measure } from '../../cli/usage/graph/retained.ts';
import { usagePage } from '../../cli/usage/html/page.ts';
import { readInventory } from '../../cli/usage/read.ts';
import { GROUPINGS, reportOf } from '../../cli/usage/report.ts';
import { type Share, sharesOf } from '../../cli/usage/shares.ts';
import type { RunItem } from '../../lambdas/store/runs.ts';
import type { Table } from '../../lambdas/store/table.ts';
import { generate, history } from '../support/generated-registry.ts';
import { type Contents, tableOf } from '../support/usage-rows.ts';
import { World } from '../support/world.ts';
import { launchChromium } from './support/chromium.ts';

const SCREENSHOTS = join(import.meta.dirname, '.screenshots');
/** As text: the project's code knows no browser. */
const POOR_CONTRASTS = readFileSync(join(import.meta.dirname, 'support/poor-contrasts.js'), 'utf8');
const HOSTILE = `"><img src="https://example.com/x.png"><script>throw 1</script>&amp;\u202etxt`;

interface Made {
  readonly html: string;
  readonly shares: readonly Share[];
}

async function pageOf(table: Table, runs: readonly RunItem[] | string, bucket = 'registry'): Promise<Made> {
  const inventory = await readInventory(table);
  const measured = measure(inventory);
  const reports = GROUPINGS.map((by) =>
    reportOf(inventory, measured, { by, top: 20, bucket, generatedAt: new Date('2026-03-01T09:30:00Z') }),
  );
  const [about] = reports;
  if (about === undefined) throw new Error('no report');
  const shares = sharesOf(inventory, measured);
  return { html: usagePage({ about, reports, shares, runs }), shares };
}

/** A registry as a company has it: many repositories on few bases, some garbage, and names that mean harm. */
function company(): Contents {
  const random = fc.sample(fc.integer({ min: 1, max: 1000 }), { seed: 7, numRuns: 5000 });
  const next = () => random.pop() ?? 1;
  const blobs: Record<string, Contents['blobs'][string]> = {
    orphan: 900_000_000,
    base: 80_000_000,
    sdk: 700_000_000,
  };
  blobs['old'] = { state: 'condemned', size: 1_200_000_000 };
  blobs['going'] = { state: 'deleting', size: 200_000_000 };
  const repositories: Record<string, Contents['repositories'][string]> = {};
  for (let r = 0; r < 60; r++) {
    const name =
      r === 3 ? HOSTILE : `team-${r % 7}/${['api', 'web', 'worker', 'ingest', 'billing'][r % 5]}-${r}`;
    const manifests: Record<string, { layers: string[] }> = {};
    const tags: Record<string, string> = {};
    blobs[`own ${r}`] = next() * 200_000;
    for (let i = 0; i < 2 + (next() % 30); i++) {
      const id = `${r}.${i}`;
      blobs[id] = 1200;
      blobs[`layer ${id}`] = Math.round((next() ** 2 * 900_000) / (1 + r));
      manifests[id] = { layers: [r % 4 === 0 ? 'sdk' : 'base', `own ${r}`, `layer ${id}`] };
      if (i % 5 !== 4) tags[r === 3 && i === 0 ? HOSTILE : `v1.${i}`] = id;
    }
    repositories[name] = { manifests, tags };
  }
  return { blobs, repositories };
}

function runsOf(count: number): RunItem[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ runId: `01KAV3M2Q8Z5N6W4R7T9Y${String(count - i).padStart(5, '0')}`, version: 1 },
    ...{ status: i % 9 === 4 ? HOSTILE : 'completed', mode: 'online' },
    startedAt: new Date(Date.UTC(2026, 1, 28) - i * 86_400_000 - (i % 3) * 7_200_000).toISOString(),
    spaceReclaimed: i % 4 === 3 ? 0 : ((i * 7919) % 1000) * 12_000_000,
    manifests: { deleted: i },
    blobs: { deleted: 3 * i },
  }));
}

const PAGES = {
  company: async () => pageOf(await tableOf(company()), runsOf(60), HOSTILE),
  generated: async () => {
    const world = new World();
    const [steps = []] = fc.sample(history, { seed: 11, numRuns: 1 });
    await generate(world, steps);
    return await pageOf(world.table, runsOf(1));
  },
  empty: async () => pageOf(await tableOf({ blobs: {}, repositories: {} }), 'a run is in an unknown shape'),
};

let browser: Browser;
let directory: string;

beforeAll(async () => {
  browser = await launchChromium();
  directory = mkdtempSync(join(tmpdir(), 'usage-page-'));
  mkdirSync(SCREENSHOTS, { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const ROUNDING = 0.02;

const overlap = (a: Rectangle, b: Rectangle): boolean =>
  Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > ROUNDING &&
  Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > ROUNDING;

async function rectangles(page: Page, selector: string): Promise<Rectangle[]> {
  return await page.locator(selector).evaluateAll((found) =>
    found.map((rect) => {
      const number = (name: string) => Number(rect.getAttribute(name));
      return { x: number('x'), y: number('y'), width: number('width'), height: number('height') };
    }),
  );
}

describe.each(Object.keys(PAGES) as (keyof typeof PAGES)[])('the page of the %s registry', (name) => {
  let made: Made;

  beforeAll(async () => {
    made = await PAGES[name]();
    writeFileSync(join(directory, `${name}.html`), made.html);
  });

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    let page: Page;
    const requests: string[] = [];
    const complaints: string[] = [];

    beforeAll(async () => {
      page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } });
      const address = pathToFileURL(join(directory, `${name}.html`)).href;
      await page.route('**', async (route) => {
        if (route.request().url() === address) return await route.continue();
        requests.push(route.request().url());
        return await route.abort();
      });
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(address);
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}.png`), fullPage: true });
    });

    afterAll(() => page?.close());

    it('asks for nothing and complains of nothing', () => {
      expect(requests).toEqual([]);
      expect(complaints).toEqual([]);
    });

    it('shows names as text, and makes no element of them', async () => {
      expect(await page.locator('img, script, iframe').count()).toBe(0);
      expect(await page.locator('h1').textContent()).toBe('Registry usage');
      if (name !== 'company') return;
      const shown = HOSTILE.replace('\u202e', '\ufffd');
      expect(await page.title()).toContain(shown);
      expect(await page.locator('td', { hasText: shown }).count()).toBeGreaterThan(0);
    });

    it('can be read: each text against what is behind it', async () => {
      const poor = await page.evaluate<{ texts: number; found: string[] }>(POOR_CONTRASTS);
      expect(poor.texts).toBeGreaterThan(20);
      expect(poor.found).toEqual([]);
    });

    it('does not reach beyond the window', async () => {
      const [width, room] = await page.evaluate<[number, number]>(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      );
      expect(width).toBe(room);
    });

    it('has a map whose rectangles lie within it, side by side, as large as their bytes', async () => {
      const total = made.shares.reduce((sum, { bytes }) => sum + bytes, 0);
      // What is smaller than a dot is in the table only.
      const seen = (shares: readonly Share[]) => shares.filter(({ bytes }) => bytes >= total / 50_000);
      const shares = seen(made.shares);
      const [leaves, groups] = await Promise.all(
        ['leaf', 'group'].map((kind) => rectangles(page, `svg.map .${kind}`)),
      );
      expect(leaves).toHaveLength(shares.flatMap(({ parts, ...share }) => seen(parts ?? [share])).length);
      expect(groups).toHaveLength(shares.filter(({ parts }) => parts !== undefined).length);
      if (name === 'empty') return;
      expect(leaves?.length).toBeGreaterThan(name === 'company' ? 150 : 5);
      for (const set of [leaves ?? [], groups ?? []]) {
        for (const [i, one] of set.entries()) {
          expect(one.width * one.height).toBeGreaterThan(0);
          expect(isWithin(one, { x: 0, y: 0, width: 1200, height: 680 })).toBe(true);
          for (const other of set.slice(i + 1)) expect(overlap(one, other)).toBe(false);
        }
      }
      for (const one of leaves ?? []) {
        const around = (groups ?? []).filter((group) => overlap(one, group));
        expect(around.every((group) => isWithin(one, group))).toBe(true);
        expect(around.length).toBeLessThanOrEqual(1);
      }
    });

    it('gives the rectangles of a repository areas in proportion to their bytes', async () => {
      for (const [place, { parts = [] }] of made.shares.toSorted((a, b) => b.bytes - a.bytes).entries()) {
        if (place > 5 || parts.length < 2) continue;
        const selector = `svg.map > g:nth-of-type(${place + 1}) .leaf`;
        const areas = (await rectangles(page, selector)).map(({ width, height }) => width * height);
        const sizes = parts.map(({ bytes }) => bytes).sort((a, b) => b - a);
        const [area, size] = [areas, sizes].map((all) => Math.max(...all));
        for (const [i, one] of areas.sort((a, b) => b - a).entries())
          expect(one / (area ?? 1)).toBeCloseTo((sizes[i] ?? 0) / (size ?? 1), 2);
      }
    });

    it('keeps every text of the map within its rectangle', async () => {
      const outside = await page.locator('svg.map g > text').evaluateAll((texts) =>
        texts.flatMap((text) => {
          const rect = text.parentElement?.querySelector(':scope > rect')?.getBoundingClientRect();
          const box = text.getBoundingClientRect();
          const fits = rect && box.left >= rect.left && box.right <= rect.right && box.bottom <= rect.bottom;
          return fits ? [] : [text.textContent];
        }),
      );
      expect(outside).toEqual([]);
    });

    it('has the same figures as text', async () => {
      const captions = await page.locator('caption').allTextContents();
      expect(captions.filter((caption) => caption.startsWith('What would free the most'))).toHaveLength(3);
      const rows = page.locator('table', { hasText: 'each blob is counted once' }).locator('tbody tr');
      const leaves = made.shares.flatMap(({ parts, ...share }) => parts ?? [share]);
      expect(await rows.count()).toBe(name === 'empty' ? 0 : leaves.length);
    });

    it('has a line for each run', async () => {
      const count = { company: 60, generated: 1, empty: 0 }[name];
      expect(await page.locator('svg.timeline circle').count()).toBe(count);
      if (name === 'empty') expect(await page.locator('.warning').textContent()).toContain('unknown shape');
    });
  });
});

const isWithin = (inner: Rectangle, outer: Rectangle): boolean =>
  inner.x >= outer.x - ROUNDING &&
  inner.y >= outer.y - ROUNDING &&
  inner.x + inner.width <= outer.x + outer.width + ROUNDING &&
  inner.y + inner.height <= outer.y + outer.height + ROUNDING;
