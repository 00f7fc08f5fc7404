import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOfItem, partOfRepository, placeOfKey } from '../../lambdas/rebuild/parts.ts';
import { PrintList, PrintSet } from '../../lambdas/rebuild/prints.ts';
import { WorkFiles } from '../../lambdas/rebuild/work-files.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { digestOf } from '../support/images.ts';
import { runs } from '../support/runs.ts';

const listOf = (keys: Iterable<string>): Uint8Array => {
  const list = new PrintList();
  for (const key of keys) list.add(key);
  return list.take();
};

describe('fingerprints', () => {
  it('are a set of what was added, over all files', async () => {
    const keys = fc.array(fc.string(), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(keys, keys, fc.string(), async (first, second, other) => {
        const files = new WorkFiles(new MemoryBucket(), 'work/');
        for (const [at, all] of [first, second].entries())
          await files.putPrints(`claims/part/${at}`, listOf(all));
        const set = await files.prints('claims/part');
        expect(set.size).toBe(first.length + second.length);
        for (const key of [...first, ...second]) expect(set.has(key)).toBe(true);
        expect(set.has(other)).toBe([...first, ...second].includes(other));
        expect((await files.prints('claims/none')).has(other)).toBe(false);
      }),
      runs(50),
    );
  });

  it('outgrow their chunks, and take eight bytes each', () => {
    const count = 200_000;
    const bytes = listOf(Array.from({ length: count }, (_, at) => `key ${at}`));
    expect(bytes.byteLength).toBe(8 * count);
    const set = new PrintSet(Uint8Array.from(bytes));
    expect([0, 63, 64, 65_535, count - 1].map((at) => set.has(`key ${at}`))).toEqual(Array(5).fill(true));
    expect(set.has(`key ${count}`)).toBe(false);
  });
});

describe('a part', () => {
  const digest = digestOf(new TextEncoder().encode('x'));
  const name = 'team/app';

  it.each([
    [`REPO#${name}`, 'TAG#v1'],
    [`REPO#${name}`, `UNREADABLE#LINK#${digest}`],
    [`UPLOAD#${name}`, 'some-uuid'],
    [`HOLDERS#${name}@${digest}`, 'TAG#v1'],
    [`REFERRERS#${name}@${digest}`, `MANIFEST#${digest}`],
    [`BLOB#${digest}`, `LINK#${name}`],
    [`BLOB#${digest}`, `MANIFEST#${name}@${digest}`],
  ])('of a repository has %s / %s', (pk, sk) => {
    expect(partOfItem({ pk, sk })).toBe(partOfRepository(name));
  });

  it('of blobs goes by two digits, and there is one for whatever is none', () => {
    expect(partOfItem({ pk: `BLOB#${digest}`, sk: 'BLOB' })).toBe(`blobs-${digest.slice(7, 9)}`);
    expect(partOfItem({ pk: 'BLOB#junk', sk: 'BLOB' })).toBe('blobs-other');
  });

  it('has the keys of an inventory that are links or blobs', () => {
    const layout = new RegistryLayout('/r');
    const [repositories, blobs] = [layout.repositoriesPrefix, layout.blobsPrefix];
    const place = (key: string) => placeOfKey(layout, key);
    expect(place(layout.layerLink(name, digest))).toEqual({ part: partOfRepository(name), name });
    expect(place(`${repositories}Odd__/_layers/x`)).toMatchObject({ name: 'Odd__' });
    expect(place(layout.blobData(digest))).toEqual({ part: `blobs-${digest.slice(7, 9)}` });
    expect(place(`${blobs}sha256/zz/odd`)).toEqual({ part: 'blobs-other' });
    for (const key of [
      layout.tagCurrent(name, 'v1'),
      layout.revisionLink(name, digest),
      `${repositories}${name}/_uploads/x/_layers/y`,
      `${repositories}_layers/x`,
      `${blobs}sha256/ab`,
      'elsewhere/_layers/x',
    ])
      expect(place(key)).toBeUndefined();
  });
});
