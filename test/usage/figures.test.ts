import { describe, expect, it } from 'vitest';
import { GROUPINGS, type Grouping } from '../../cli/usage/report.ts';
import type { Item } from '../../lambdas/store/table.ts';
import { cosignTag } from '../support/images.ts';
import { usageReport } from '../support/usage-figures.ts';
import { type Contents, named, tableOf } from '../support/usage-rows.ts';

/** By name, `[unique, shared]`, in the order of the rows. */
async function figures(contents: Contents, by: Grouping): Promise<Record<string, [number, number]>> {
  const names = new Map<string, string>();
  for (const { manifests = {} } of Object.values(contents.repositories))
    for (const name of Object.keys(manifests)) names.set(named(name), name);
  const { rows } = await usageReport(await tableOf(contents), by);
  return Object.fromEntries(
    rows.map(({ repository, tag, digest = '', uniqueBytes, sharedBytes }) => [
      by === 'repository' ? repository : `${repository} ${tag ?? names.get(digest)}`,
      [uniqueBytes, sharedBytes],
    ]),
  );
}

describe('a layer that two repositories use', () => {
  const contents: Contents = {
    blobs: { base: 1000, app: 10, tool: 1, m1: 2, m2: 3 },
    repositories: {
      team: { manifests: { m1: { layers: ['base', 'app'] } }, tags: { v1: 'm1' } },
      other: { manifests: { m2: { layers: ['base', 'tool'] } }, tags: { v1: 'm2' } },
    },
  };

  it('is unique to neither', async () => {
    expect(await figures(contents, 'repository')).toEqual({ team: [12, 1000], other: [4, 1000] });
    expect(await figures(contents, 'image')).toEqual({ 'team m1': [12, 1000], 'other m2': [4, 1000] });
    expect(await figures(contents, 'tag')).toEqual({ 'team v1': [12, 1000], 'other v1': [4, 1000] });
  });

  it('is counted once in the total', async () => {
    const { total } = await usageReport(await tableOf(contents), 'repository');
    expect(total).toMatchObject({ bytes: 1016, blobs: 5, repositories: 2, manifests: 2, tags: 2 });
  });
});

it('a tag frees nothing beside a second tag of the same manifest; the manifest does', async () => {
  const contents: Contents = {
    blobs: { m: 1, a: 10, config: 5 },
    repositories: {
      team: { manifests: { m: { layers: ['a'], config: 'config' } }, tags: { v1: 'm', latest: 'm' } },
    },
  };
  expect(await figures(contents, 'tag')).toEqual({ 'team latest': [0, 16], 'team v1': [0, 16] });
  expect(await figures(contents, 'image')).toEqual({ 'team m': [16, 0] });
});

it('a second repository with the same image makes all of it shared', async () => {
  const image = { manifests: { m: { layers: ['a'] } }, tags: { v1: 'm' } };
  const contents: Contents = { blobs: { m: 1, a: 10 }, repositories: { one: image, two: image } };
  expect(await figures(contents, 'repository')).toEqual({ one: [0, 11], two: [0, 11] });
  expect(await figures(contents, 'image')).toEqual({ 'one m': [0, 11], 'two m': [0, 11] });
});

it('an index goes with its children, but not with one that has a tag of its own', async () => {
  const contents: Contents = {
    blobs: { index: 1, amd: 2, arm: 3, x: 10, y: 20, both: 100 },
    repositories: {
      team: {
        manifests: {
          index: { children: ['amd', 'arm', 'not there'] },
          amd: { layers: ['x', 'both'] },
          arm: { layers: ['y', 'both'] },
        },
        tags: { latest: 'index', arm: 'arm' },
      },
    },
  };
  expect(await figures(contents, 'image')).toEqual({
    'team arm': [23, 100],
    'team index': [13, 123],
    'team amd': [12, 100],
  });
  expect(await figures(contents, 'tag')).toEqual({ 'team latest': [13, 123], 'team arm': [0, 123] });
});

it('a referrer goes with its subject, and so does a cosign signature', async () => {
  const contents: Contents = {
    blobs: { m: 1, sbom: 2, signature: 3, a: 10, text: 20, signed: 30 },
    repositories: {
      team: {
        manifests: {
          m: { layers: ['a'] },
          sbom: { layers: ['text'], subject: 'm' },
          signature: { layers: ['signed'] },
        },
        tags: { v1: 'm', [cosignTag(named('m'))]: 'signature' },
      },
    },
  };
  expect(await figures(contents, 'image')).toEqual({
    'team m': [66, 0],
    'team signature': [33, 0],
    'team sbom': [22, 0],
  });
  expect(await figures(contents, 'tag')).toEqual({
    'team v1': [66, 0],
    [`team ${cosignTag(named('m'))}`]: [33, 0],
  });
});

describe('a cosign tag without its subject', () => {
  const of = (subject: object): Contents => ({
    blobs: { signature: 3, signed: 30 },
    repositories: {
      team: {
        manifests: { signature: { layers: ['signed'] }, ...subject },
        tags: { [cosignTag(named('m'))]: 'signature' },
      },
    },
  });
  const tag = `team ${cosignTag(named('m'))}`;

  it('is a tag like any other when the subject was never there', async () => {
    expect(await figures(of({}), 'tag')).toEqual({ [tag]: [33, 0] });
    expect((await usageReport(await tableOf(of({})), 'tag')).total.unheld).toMatchObject({ manifests: 0 });
  });

  it('holds nothing when the subject was deleted', async () => {
    const contents = of({ m: { state: 'deleted' } });
    expect(await figures(contents, 'tag')).toEqual({ [tag]: [0, 33] });
    const { total } = await usageReport(await tableOf(contents), 'tag');
    expect(total.unheld).toEqual({ manifests: 1, blobs: 2, bytes: 33 });
  });
});

it('each manifest of a cycle that nothing holds counts for itself; what only the cycle holds for neither', async () => {
  const contents: Contents = {
    blobs: { index: 1, child: 2, leaf: 4, both: 100, x: 10 },
    repositories: {
      team: {
        manifests: {
          index: { children: ['child', 'leaf'], subject: 'child' },
          child: { layers: ['both', 'x'], children: ['leaf'] },
          leaf: { layers: ['both'] },
        },
      },
    },
  };
  expect(await figures(contents, 'image')).toEqual({
    'team child': [12, 105],
    'team leaf': [4, 100],
    'team index': [1, 116],
  });
  const { total } = await usageReport(await tableOf(contents), 'image');
  expect(total.unheld).toEqual({ manifests: 3, blobs: 5, bytes: 117 });
});

describe('links', () => {
  it('keep a blob that no manifest of the repository names', async () => {
    const contents: Contents = {
      blobs: { m: 1, a: 10 },
      repositories: {
        team: { manifests: { m: { layers: ['a'] } }, tags: { v1: 'm' } },
        mount: { links: ['a'] },
      },
    };
    expect(await figures(contents, 'repository')).toEqual({ team: [1, 10], mount: [0, 10] });
    expect(await figures(contents, 'image')).toEqual({ 'team m': [1, 10] });
  });

  it('keep nothing beside the manifests that name it, nor when they are removed', async () => {
    const contents: Contents = {
      blobs: { m: 1, a: 10, pushed: 50 },
      repositories: {
        team: { manifests: { m: { layers: ['a'] } }, tags: { v1: 'm' }, links: ['a', 'a', 'pushed'] },
        old: { removedLinks: ['a'] },
      },
    };
    expect(await figures(contents, 'repository')).toEqual({ team: [61, 0] });
    expect(await figures(contents, 'image')).toEqual({ 'team m': [11, 0] });
  });
});

it('tells blobs by their state; a tombstone is none, and one of unknown size has no bytes', async () => {
  const contents: Contents = {
    blobs: {
      ...{ m: 1, a: 10, orphan: 7 },
      condemned: { state: 'condemned', size: 100 },
      deleting: { state: 'deleting', size: 1000 },
      deleted: { state: 'deleted', size: 10_000 },
      unseen: { state: 'live' },
    },
    repositories: {
      team: { manifests: { m: { layers: ['a', 'deleted', 'unseen', 'foreign'] } }, tags: { v1: 'm' } },
    },
  };
  expect(await figures(contents, 'repository')).toEqual({ team: [11, 0] });
  const { total } = await usageReport(await tableOf(contents), 'repository');
  expect(total).toMatchObject({
    ...{ blobs: 6, bytes: 1118 },
    states: {
      live: { blobs: 4, bytes: 18 },
      condemned: { blobs: 1, bytes: 100 },
      deleting: { blobs: 1, bytes: 1000 },
    },
    unused: { blobs: 3, bytes: 1107 },
  });
});

it('counts a manifest that is being deleted, and not one that is', async () => {
  const contents: Contents = {
    blobs: { going: 1, gone: 2 },
    repositories: { team: { manifests: { going: { state: 'deleting' }, gone: { state: 'deleted' } } } },
  };
  expect(await figures(contents, 'image')).toEqual({ 'team going': [1, 0] });
});

it('orders by unique bytes, then physical bytes, then name, and leaves out what is over', async () => {
  const contents: Contents = {
    blobs: { big: 100, mid: 50, b: 5, a: 5, shared: 10 },
    repositories: {
      c: { links: ['mid', 'shared'] },
      b: { links: ['b', 'shared'] },
      a: { links: ['a', 'shared'] },
      d: { links: ['big'] },
      e: { links: ['shared'] },
    },
  };
  expect(Object.keys(await figures(contents, 'repository'))).toEqual(['d', 'c', 'a', 'b', 'e']);
  const { rows, omitted } = await usageReport(await tableOf(contents), 'repository', 2);
  expect([rows.map(({ repository }) => repository), omitted]).toEqual([['d', 'c'], 3]);
});

it('is no figure at all of an empty table', async () => {
  const table = await tableOf({ blobs: {}, repositories: {} });
  for (const by of GROUPINGS) expect((await usageReport(table, by)).rows).toEqual([]);
});

describe('rows in an unknown shape', () => {
  const [m, a] = [named('m'), named('a')];
  const manifest = { pk: 'REPO#team', sk: `MANIFEST#${m}`, state: 'live', layers: [], children: [] };
  const rows: Record<string, Item> = {
    'a manifest in an unknown state': { ...manifest, state: 'condemned' },
    'a manifest without layers': { pk: manifest.pk, sk: manifest.sk, state: 'live', children: [] },
    'a manifest with a layer that is no digest': { ...manifest, layers: ['sha256:abc'] },
    'a manifest with a child that is no digest': { ...manifest, children: [1] },
    'a manifest whose config is no digest': { ...manifest, config: 'x' },
    'a manifest whose subject is no digest': { ...manifest, subject: '' },
    'a manifest whose key is no digest': { ...manifest, sk: 'MANIFEST#x' },
    'a tag without a digest': { pk: 'REPO#team', sk: 'TAG#v1' },
    'an unknown row of a repository': { pk: 'REPO#team', sk: 'ELSE#v1' },
    'a blob in an unknown state': { pk: `BLOB#${a}`, sk: 'BLOB', state: 'new', size: 1 },
    'a blob of a strange size': { pk: `BLOB#${a}`, sk: 'BLOB', state: 'live', size: -1 },
    'a blob whose key is no digest': { pk: 'BLOB#x', sk: 'BLOB', state: 'live', size: 1 },
    'an unknown row of a blob': { pk: `BLOB#${a}`, sk: 'ELSE' },
    'a link that was removed at no time': { pk: `BLOB#${a}`, sk: 'LINK#team', removedAt: 'then' },
    'an unknown row': { pk: 'ELSE', sk: 'x' },
  };

  it.each(Object.keys(rows))('are counted and named: %s', async (title) => {
    const row = rows[title] as Item;
    const table = await tableOf({ blobs: {}, repositories: {} });
    await table.put(row);
    const { unreadable, total } = await usageReport(table, 'image');
    expect(unreadable).toEqual({ rows: 1, first: [`${row.pk} / ${row.sk}`] });
    expect(total).toMatchObject({ manifests: 0, tags: 0, blobs: 0 });
  });

  it('are not all named', async () => {
    const table = await tableOf({ blobs: {}, repositories: {} });
    for (let i = 0; i < 30; i++) await table.put({ pk: 'ELSE', sk: `${i}` });
    const { unreadable } = await usageReport(table, 'image');
    expect([unreadable.rows, unreadable.first.length]).toEqual([30, 20]);
  });
});
