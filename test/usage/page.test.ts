import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measure } from '../../cli/usage/graph/retained.ts';
import { html } from '../../cli/usage/html/markup.ts';
import { readInventory } from '../../cli/usage/read.ts';
import { type Share, sharesOf } from '../../cli/usage/shares.ts';
import type { Table } from '../../lambdas/store/table.ts';
import { generate, history } from '../support/generated-registry.ts';
import { PATIENCE, runs } from '../support/runs.ts';
import { usageReport } from '../support/usage-figures.ts';
import { type Contents, tableOf } from '../support/usage-rows.ts';
import { World } from '../support/world.ts';

describe('html', () => {
  it('escapes values, and neither markup nor what the template says', () => {
    const hostile = `<script>&"'</script>`;
    const inner = html`<b title="${hostile}">${hostile}</b>`;
    const escaped = '&lt;script&gt;&amp;&quot;&#39;&lt;/script&gt;';
    expect(html`<p>${[inner, 1, ['a&', inner]]}</p>`.text).toBe(
      `<p><b title="${escaped}">${escaped}</b>1a&amp;<b title="${escaped}">${escaped}</b></p>`,
    );
  });

  it('shows what cannot be seen', () => {
    expect(html`${'a\u0000\u001b\u202eb\u2066c\ud800'}`.text).toBe('a\ufffd\ufffd\ufffdb\ufffdc\ufffd');
  });
});

async function shares(table: Table): Promise<Share[]> {
  const inventory = await readInventory(table);
  return sharesOf(inventory, measure(inventory));
}

const sum = (of: readonly { readonly bytes: number }[]) => of.reduce((total, { bytes }) => total + bytes, 0);

describe('the shares', () => {
  it('give each blob to one place', async () => {
    const contents: Contents = {
      blobs: { m: 1, child: 2, x: 10, old: 3, y: 20, both: 100, base: 1000, o: 4, orphan: 10_000 },
      repositories: {
        team: {
          manifests: {
            m: { layers: ['both', 'base'], children: ['child'] },
            child: { layers: ['x'] },
            old: { layers: ['y', 'both'] },
          },
          tags: { v1: 'm', v2: 'm' },
        },
        other: { manifests: { o: { layers: ['base'] } }, tags: { v1: 'o' } },
      },
    };
    expect(await shares(await tableOf(contents))).toEqual([
      {
        kind: 'repository',
        name: 'team',
        bytes: 136,
        parts: [
          { kind: 'untagged', name: expect.stringMatching(/^sha256:[0-9a-f]{12}$/), bytes: 23 },
          { kind: 'image', name: 'v1 +1', bytes: 13 },
          { kind: 'shared', name: 'shared in the repository', bytes: 100 },
        ],
      },
      { kind: 'repository', name: 'other', bytes: 4, parts: [{ kind: 'image', name: 'v1', bytes: 4 }] },
      { kind: 'shared', name: 'shared between repositories', bytes: 1000 },
      { kind: 'unused', name: 'in no repository', bytes: 10_000 },
    ]);
  });

  it('fold what is too small to be told apart', async () => {
    const names = [...Array(50).keys()].map((i) => `r${i}`);
    const manifests = Object.fromEntries(names.map((name) => [name, {}]));
    const contents: Contents = {
      blobs: Object.fromEntries(names.map((name, i) => [name, i + 1])),
      repositories: { one: { manifests } },
    };
    const [one] = await shares(await tableOf(contents));
    expect(one?.parts).toHaveLength(13);
    expect(one?.parts?.at(-1)).toEqual({ kind: 'more', name: '38 more images', bytes: (38 * 39) / 2 });
    const each = Object.fromEntries(names.map((name) => [name, { manifests: { [name]: {} } }]));
    const many = await shares(await tableOf({ ...contents, repositories: each }));
    expect(many).toHaveLength(41);
    expect(many.at(-1)).toEqual({ kind: 'more', name: '10 more repositories', bytes: 55 });
  });

  it('add up to the registry, and within it to what is unique to each repository', {
    timeout: PATIENCE,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        const world = new World();
        await generate(world, steps);
        const all = await shares(world.table);
        const { total, rows } = await usageReport(world.table, 'repository');
        expect(sum(all)).toBe(total.bytes);
        const unique = rows.flatMap(({ repository, uniqueBytes }) =>
          uniqueBytes > 0 ? [[repository, uniqueBytes] as const] : [],
        );
        const groups = all.filter(({ kind }) => kind === 'repository');
        expect(new Map(groups.map(({ name, bytes }) => [name, bytes]))).toEqual(new Map(unique));
        for (const { bytes, parts } of groups) expect(sum(parts ?? [])).toBe(bytes);
      }),
      runs(60),
    );
  });
});
