import { expect, it } from 'vitest';
import { measure } from '../../cli/usage/graph/retained.ts';
import { readInventory } from '../../cli/usage/read.ts';
import { reportOf } from '../../cli/usage/report.ts';
import type { Digest } from '../../lambdas/registry/digest.ts';
import { edges } from '../../lambdas/store/edges.ts';
import { blobKey, linkKey, manifestKey, tagKey } from '../../lambdas/store/items.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { MemoryTable } from '../../local/memory-table.ts';

const REPOSITORIES = 400;
const IMAGES = 220;
/** Of each repository; an index lists ten images. */
const INDEXES = 30;
const BASES = 20;
/** Of the processor, so that it does not matter what else the machine does. */
const LIMIT_SECONDS = 30;

const digest = (kind: number, number: number): Digest =>
  `sha256:${kind.toString(16).padStart(4, '0')}${number.toString(16).padStart(60, '0')}`;
const own = (n: number) => digest(1, n);
const [config, layer, list] = [2, 3, 4].map((kind) => (n: number) => digest(kind, n)) as [
  typeof own,
  typeof own,
  typeof own,
];
/** Three layers of a base image, and one that ten images of a repository share. */
const bases = (n: number) => [0, 1, 2].map((part) => digest(5, (n % BASES) * 3 + part));
const team = (n: number) => digest(6, Math.floor(n / 10));

const candidate = { version: 1, state: 'live', touchedAt: 0 } as const;
const manifest = { ...candidate, mediaType: '', size: 0, pushedAt: 0, taggedAs: [] };

/** 100,000 manifests with all their edges, as an index run would leave them. */
function* rows(): Iterable<Item> {
  const blob = (name: Digest, size: number): Item => ({ ...blobKey(name), ...candidate, size });
  for (let b = 0; b < BASES * 3; b++) yield blob(digest(5, b), 10_000_000);
  for (let r = 0; r < REPOSITORIES; r++) {
    const name = `team-${r % 40}/app-${r}`;
    for (let i = 0; i < IMAGES; i++) {
      const n = r * IMAGES + i;
      const named = { config: config(n), layers: [...bases(r), team(n), layer(n)], children: [] };
      yield { ...manifestKey(name, own(n)), ...manifest, ...named };
      yield* edges({ name, digest: own(n), ...named }, 0);
      for (const link of [config(n), layer(n), ...(i % 10 === 0 ? [team(n)] : [])])
        yield { ...linkKey(link, name), version: 1, linkedAt: 0 };
      yield* [blob(own(n), 500), blob(config(n), 1000), blob(layer(n), 100_000)];
      if (i % 10 === 0) yield blob(team(n), 1_000_000);
      if (i % 2 === 0) yield { ...tagKey(name, `v${i}`), version: 1, digest: own(n), taggedAt: 0 };
    }
    for (const base of bases(r)) yield { ...linkKey(base, name), version: 1, linkedAt: 0 };
    for (let x = 0; x < INDEXES; x++) {
      const n = r * INDEXES + x;
      const children = [...Array(10).keys()].map((i) => own(r * IMAGES + x * 7 + i));
      yield { ...manifestKey(name, list(n)), ...manifest, layers: [], children };
      yield* edges({ name, digest: list(n), layers: [], children }, 0);
      yield blob(list(n), 700);
      yield { ...tagKey(name, `all-${x}`), version: 1, digest: list(n), taggedAt: 0 };
    }
  }
}

it('takes seconds for 100,000 manifests', { timeout: 180_000 }, async () => {
  const table = new MemoryTable();
  let count = 0;
  for (const put of rows()) {
    await table.put(put);
    count++;
  }
  const heap = process.memoryUsage().heapUsed;
  const cpu = process.threadCpuUsage();
  const started = performance.now();
  const inventory = await readInventory(table);
  const read = performance.now();
  const measured = measure(inventory);
  const options = { top: 20, bucket: 'registry', generatedAt: new Date(0) };
  const byImage = reportOf(inventory, measured, { ...options, by: 'image' });
  const ended = performance.now();
  const { user, system } = process.threadCpuUsage(cpu);
  const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
  const grown = Math.round((process.memoryUsage().heapUsed - heap) / 2 ** 20);
  console.log(
    `usage of 100,000 manifests, ${count.toLocaleString('en')} rows: ${seconds(started, read)} s to read, ` +
      `${seconds(read, ended)} s to compute; heap grew by ${grown} MiB`,
  );

  expect(byImage.total).toMatchObject({ repositories: REPOSITORIES, manifests: 100_000, tags: 56_000 });
  const images = REPOSITORIES * IMAGES;
  const bytes =
    BASES * 3 * 10_000_000 +
    images * (500 + 1000 + 100_000) +
    (images / 10) * 1_000_000 +
    REPOSITORIES * INDEXES * 700;
  expect(byImage.total).toMatchObject({ bytes, unused: { blobs: 0 } });
  expect(byImage.unreadable.rows).toBe(0);
  const repositories = reportOf(inventory, measured, {
    ...options,
    by: 'repository',
    top: REPOSITORIES,
  }).rows;
  const unique = repositories.reduce((sum, { uniqueBytes }) => sum + uniqueBytes, 0);
  expect(unique).toBe(bytes - BASES * 3 * 10_000_000);
  expect((user + system) / 1e6).toBeLessThan(LIMIT_SECONDS);
});
