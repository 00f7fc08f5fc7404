import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DeadlineError,
  type ListPage,
  type ObjectStore,
  type ObjectVersion,
} from '../../lambdas/store/object-store.ts';
import { BUCKETS } from './object-store-implementations.ts';

describe.each(BUCKETS)('the bucket: $name', ({ start, versioning, lacks }) => {
  const versioned = versioning !== 'off';
  let bucket: ObjectStore;
  let running: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.stop());
  beforeEach(async () => {
    bucket = await running.empty();
  });

  const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
  const etagOf = async (key: string) => (await bucket.head(key))?.etag ?? '';

  it('says whether deletions can be taken back', async () => {
    expect(await bucket.versioning()).toBe(versioning);
  });

  describe('an object', () => {
    it('is what was put', async () => {
      await bucket.put('a/b', 'hällo');
      const md5 = createHash('md5').update('hällo').digest('hex');
      const head = await bucket.head('a/b');
      expect(head).toMatchObject({ key: 'a/b', size: 6, etag: `"${md5}"` });
      expect(head?.lastModified).toBeInstanceOf(Date);
      expect(typeof head?.versionId).toBe(versioned ? 'string' : 'undefined');
      const { body, ...rest } = (await bucket.get('a/b')) ?? {};
      expect(text(body)).toBe('hällo');
      expect(rest).toEqual(head);
    });

    it('may be bytes, or empty', async () => {
      await bucket.put('bytes', new Uint8Array([0, 255, 10]));
      await bucket.put('empty', '');
      expect((await bucket.get('bytes'))?.body).toEqual(new Uint8Array([0, 255, 10]));
      expect(await bucket.get('empty')).toMatchObject({ size: 0, body: new Uint8Array() });
    });

    it('is absent where none was put', async () => {
      await bucket.put('a/b', 'x');
      expect(await bucket.head('a')).toBeUndefined();
      expect(await bucket.get('a/b/c')).toBeUndefined();
    });

    it('is replaced', async () => {
      await bucket.put('a', '1');
      const before = await etagOf('a');
      await bucket.put('a', '22');
      expect(text((await bucket.get('a'))?.body)).toBe('22');
      expect(await etagOf('a')).not.toBe(before);
    });

    it('is not read when it is larger than what the reader is ready for', async () => {
      await bucket.put('a', '12345');
      expect((await bucket.get('a', 5))?.size).toBe(5);
      await expect(bucket.get('a', 4)).rejects.toMatchObject({ name: 'ObjectTooLargeError' });
    });
  });

  describe('a put where nothing may be', () => {
    it('happens when nothing is there, once', async () => {
      expect(await bucket.put('a', '1', { ifAbsent: true })).toBe(true);
      expect(await bucket.put('a', '2', { ifAbsent: true })).toBe(false);
      expect(text((await bucket.get('a'))?.body)).toBe('1');
      expect(await bucket.put('a', '3')).toBe(true);
      expect(text((await bucket.get('a'))?.body)).toBe('3');
    });

    it('happens where one has been deleted', async () => {
      await bucket.put('a', '1');
      await bucket.deleteMany(['a']);
      expect(await bucket.put('a', '2', { ifAbsent: true })).toBe(true);
      expect(text((await bucket.get('a'))?.body)).toBe('2');
    });

    it.skipIf(lacks.ifAbsent)('happens once of many side by side', async () => {
      const puts = Array.from({ length: 5 }, (_, n) => bucket.put('a', `${n}`, { ifAbsent: true }));
      const put = await Promise.all(puts);
      expect(put.filter(Boolean)).toHaveLength(1);
      expect(text((await bucket.get('a'))?.body)).toBe(`${put.indexOf(true)}`);
    });
  });

  describe('deleting one', () => {
    it('happens while the ETag is the one read', async () => {
      await bucket.put('a', '1');
      const outcome = await bucket.delete('a', await etagOf('a'));
      expect(outcome).toEqual(versioned ? { deleted: true, marker: expect.any(String) } : { deleted: true });
      expect(await bucket.head('a')).toBeUndefined();
      expect(await bucket.get('a')).toBeUndefined();
    });

    it('does not happen when it has changed', async () => {
      await bucket.put('a', '1');
      const etag = await etagOf('a');
      await bucket.put('a', '2');
      expect(await bucket.delete('a', etag)).toEqual({ deleted: false, reason: 'changed' });
      expect(text((await bucket.get('a'))?.body)).toBe('2');
    });

    it('does not happen when there is none', async () => {
      expect(await bucket.delete('a', '"x"')).toEqual({ deleted: false, reason: 'absent' });
      await bucket.put('a', '1');
      const etag = await etagOf('a');
      await bucket.delete('a', etag);
      expect(await bucket.delete('a', etag)).toEqual({ deleted: false, reason: 'absent' });
    });
  });

  describe('deleting many', () => {
    it('takes any number of keys, present or not, and names each once', async () => {
      const keys = Array.from({ length: 1203 }, (_, n) => `k/${n} <&>"'+%é`);
      for (const key of keys.slice(0, 30)) await bucket.put(key, key);
      await bucket.put('kept', 'x');
      const { deleted, failed } = await bucket.deleteMany([...keys, ...keys.slice(0, 3)]);
      expect(failed).toEqual([]);
      expect(deleted.map(({ key }) => key).sort()).toEqual(keys.toSorted());
      expect(deleted.every(({ marker }) => (marker !== undefined) === versioned)).toBe(true);
      expect((await bucket.list('')).objects.map(({ key }) => key)).toEqual(['kept']);
    });

    it('may be none', async () => {
      expect(await bucket.deleteMany([])).toEqual({ deleted: [], failed: [] });
    });
  });

  describe('the deadline', () => {
    it('stops everything that destroys, and nothing else', async () => {
      const late = await running.empty(() => {
        throw new DeadlineError('too late');
      });
      await late.put('a', '1');
      const etag = (await late.head('a'))?.etag ?? '';
      const upload = { key: 'a', uploadId: 'x', initiated: new Date() };
      const late_ = { name: 'DeadlineError' };
      await expect(late.delete('a', etag)).rejects.toMatchObject(late_);
      await expect(late.deleteMany(['a'])).rejects.toMatchObject(late_);
      await expect(late.deleteVersion('a', 'null')).rejects.toMatchObject(late_);
      await expect(late.deleteVersions([{ key: 'a', versionId: 'null' }])).rejects.toMatchObject(late_);
      await expect(late.abortUpload(upload)).rejects.toMatchObject(late_);
      expect((await late.list('')).objects).toHaveLength(1);
    });
  });

  describe('a listing', () => {
    const keys = ['a', 'a/', 'a/1', 'a/b/1', 'a/b/2', 'a/c/1', 'a0', 'b/x', 'r/_layers/x', 'r/_manifests/y'];

    beforeEach(async () => {
      for (const key of keys.toReversed()) await bucket.put(key, key);
    });

    it('has what begins with a prefix, in order', async () => {
      const page = await bucket.list('');
      expect(page.objects.map(({ key }) => key)).toEqual(keys);
      expect(page.prefixes).toEqual([]);
      expect(page.next).toBeUndefined();
      const { versionId: _, ...head } = (await bucket.head('a/1')) ?? {};
      // HEAD tells whole seconds, a listing may tell more.
      expect(page.objects[2]).toMatchObject({ ...head, lastModified: expect.any(Date) });
      expect((await bucket.list('a/b')).objects.map(({ key }) => key)).toEqual(['a/b/1', 'a/b/2']);
      expect(await bucket.list('none')).toEqual({ objects: [], prefixes: [] });
      const behind = async (after: string) =>
        (await bucket.list('a/b', { after })).objects.map(({ key }) => key);
      expect(await behind('a/b/1')).toEqual(['a/b/2']);
      expect(await behind('a/b/10')).toEqual(['a/b/2']);
      expect(await behind('a/b/2')).toEqual([]);
    });

    it('puts together what lies below a common prefix', async () => {
      const root = await bucket.list('', { delimiter: '/' });
      expect(root.objects.map(({ key }) => key)).toEqual(['a', 'a0']);
      expect(root.prefixes).toEqual(['a/', 'b/', 'r/']);
      const below = await bucket.list('a/', { delimiter: '/' });
      expect(below.objects.map(({ key }) => key)).toEqual(['a/', 'a/1']);
      expect(below.prefixes).toEqual(['a/b/', 'a/c/']);
    });

    it('loses a prefix with the last key below it', async () => {
      await bucket.deleteMany(['a/b/1', 'b/x']);
      expect((await bucket.list('', { delimiter: '/' })).prefixes).toEqual(['a/', 'r/']);
      expect((await bucket.list('a/', { delimiter: '/' })).prefixes).toEqual(['a/b/', 'a/c/']);
      await bucket.put('b/new', 'x');
      expect((await bucket.list('', { delimiter: '/' })).prefixes).toEqual(['a/', 'b/', 'r/']);
    });

    it('comes in pages of at most 1,000', async () => {
      const many = Array.from({ length: 2005 }, (_, n) => `m/${String(n).padStart(5, '0')}`);
      await Promise.all(many.map((key) => bucket.put(key, '')));
      const pages = await pagesOf((next) => bucket.list('m/', next));
      expect(pages.map(({ objects }) => objects.length)).toEqual([1000, 1000, 5]);
      expect(pages.flatMap(({ objects }) => objects.map(({ key }) => key))).toEqual(many);
    });

    it.skipIf(lacks.listOrder)(
      'comes in pages with prefixes among the keys, in the order of UTF-8',
      async () => {
        const numbers = Array.from({ length: 1500 }, (_, n) => String(n).padStart(5, '0'));
        const odd = ['z/Z', 'z/_', 'z/a', 'z/\uffee', 'z/😀'];
        await Promise.all(numbers.map((n) => bucket.put(`m/${n}${Number(n) % 2 ? '/x' : ''}`, '')));
        await Promise.all(odd.toReversed().map((key) => bucket.put(key, '')));
        const pages = await pagesOf((next) => bucket.list('m/', { delimiter: '/', ...next }));
        expect(pages.map(({ objects, prefixes }) => objects.length + prefixes.length)).toEqual([1000, 500]);
        expect(pages.flatMap(({ objects }) => objects)).toHaveLength(750);
        expect(new Set(pages.flatMap(({ prefixes }) => prefixes)).size).toBe(750);
        expect((await bucket.list('z/')).objects.map(({ key }) => key)).toEqual(odd);
      },
    );

    it('keeps odd characters of keys', async () => {
      const odd = ['o/ +%25%+&<>"\'', 'o/é😀', ...(lacks.anyKey ? [] : ['o/\u0001'])];
      for (const key of odd) await bucket.put(key, 'x');
      expect((await bucket.list('o/')).objects.map(({ key }) => key).sort()).toEqual(odd.sort());
    });
  });

  describe.skipIf(lacks.versions)('versions', () => {
    it('are the puts and deletions of exactly this key, newest first', async () => {
      await bucket.put('a/b', 'other');
      expect(await bucket.versions('a')).toEqual([]);
      await bucket.put('a', '1');
      await bucket.put('a', '22');
      const head = await bucket.head('a');
      const versions = await bucket.versions('a');
      expect(versions.map(({ size }) => size)).toEqual(versioning === 'enabled' ? [2, 1] : [2]);
      expect(versions[0]).toMatchObject({
        key: 'a',
        isLatest: true,
        isDeleteMarker: false,
        etag: head?.etag,
      });
      expect(versions[0]?.versionId).toBe(versioned ? head?.versionId : 'null');
      expect(versions.slice(1).every(({ isLatest }) => !isLatest)).toBe(true);
    });

    it.runIf(versioned)('have a marker for each deletion, also of what is absent', async () => {
      await bucket.put('a', '1');
      const { deleted } = await bucket.deleteMany(['a']);
      const [marker, below] = await bucket.versions('a');
      expect(marker).toMatchObject({
        versionId: deleted[0]?.marker,
        isDeleteMarker: true,
        isLatest: true,
        size: 0,
      });
      expect(marker?.etag).toBeUndefined();
      expect(below?.size).toBe(versioning === 'enabled' ? 1 : undefined);
      await bucket.deleteMany(['a', 'b']);
      expect(await bucket.versions('a')).toHaveLength(versioning === 'enabled' ? 3 : 1);
      expect(await bucket.versions('b')).toHaveLength(1);
    });

    it.runIf(versioning === 'enabled')('come back when the marker above them is deleted', async () => {
      await bucket.put('a', '1');
      const head = await bucket.head('a');
      const outcome = await bucket.delete('a', head?.etag ?? '');
      expect((await bucket.list('')).objects).toEqual([]);
      await bucket.deleteVersion('a', outcome.deleted ? (outcome.marker ?? '') : '');
      expect(await bucket.head('a')).toEqual(head);
      expect(text((await bucket.get('a'))?.body)).toBe('1');
      expect((await bucket.list('')).objects.map(({ key }) => key)).toEqual(['a']);
    });

    it('are deleted for good by their id', async () => {
      await bucket.put('a', '1');
      await bucket.put('a', '22');
      const [latest] = await bucket.versions('a');
      await bucket.deleteVersion('a', latest?.versionId ?? '');
      expect((await bucket.head('a'))?.size).toBe(versioning === 'enabled' ? 1 : undefined);
      await bucket.deleteVersion('a', 'none');
      expect(await bucket.versions('a')).toHaveLength(versioning === 'enabled' ? 1 : 0);
    });
  });

  describe.skipIf(lacks.versions)('versions under a prefix', () => {
    it('are those of all its keys, hidden or not', async () => {
      await bucket.put('a/1', '1');
      await bucket.put('a/1', '22');
      await bucket.put('a/2', '1');
      await bucket.deleteMany(['a/2', 'a/3']);
      await bucket.put('a', 'x');
      await bucket.put('b/1', 'x');
      const found = await under(bucket, 'a/');
      const each = await Promise.all(['a/1', 'a/2', 'a/3'].map((key) => bucket.versions(key)));
      expect(found.toSorted(byVersion)).toEqual(each.flat().toSorted(byVersion));
      expect(found).toHaveLength({ off: 1, suspended: 3, enabled: 5 }[versioning]);
      expect(found.filter(({ isLatest }) => isLatest)).toHaveLength(versioned ? 3 : 1);
      expect(await under(bucket, 'c/')).toEqual([]);
    });

    it('come in pages of at most 1,000, and go for good', async () => {
      const keys = Array.from({ length: 1205 }, (_, n) => `m/${n} <&>"'+%é`);
      await Promise.all(keys.map((key) => bucket.put(key, 'x')));
      await bucket.put('kept', 'x');
      await bucket.deleteMany(keys.slice(0, 600));
      const pages: number[] = [];
      for await (const page of bucket.versionsUnder('m/')) pages.push(page.length);
      expect(Math.max(...pages)).toBeLessThanOrEqual(1000);
      const all = await under(bucket, 'm/');
      expect(all).toHaveLength({ off: 605, suspended: 1205, enabled: 1805 }[versioning]);
      const named = all.map(({ key, versionId }) => ({ key, versionId }));
      const { deleted, failed } = await bucket.deleteVersions(named);
      expect(failed).toEqual([]);
      expect(deleted.toSorted(byVersion)).toEqual(named.toSorted(byVersion));
      expect(await under(bucket, '')).toHaveLength(1);
      expect((await bucket.list('')).objects.map(({ key }) => key)).toEqual(['kept']);
    });

    it('are deleted by their ids alone, present or not', async () => {
      await bucket.put('a', '1');
      await bucket.put('a', '22');
      const [latest] = await bucket.versions('a');
      const gone = [
        { key: 'a', versionId: latest?.versionId ?? '' },
        { key: 'a', versionId: 'none' },
      ];
      expect((await bucket.deleteVersions(gone)).deleted).toEqual(gone);
      expect((await bucket.head('a'))?.size).toBe(versioning === 'enabled' ? 1 : undefined);
      expect(await bucket.deleteVersions([])).toEqual({ deleted: [], failed: [] });
    });
  });
});

type Named = { readonly key: string; readonly versionId?: string };
const byVersion = (a: Named, b: Named) =>
  a.key.localeCompare(b.key) || (a.versionId ?? '').localeCompare(b.versionId ?? '');

async function under(bucket: ObjectStore, prefix: string): Promise<ObjectVersion[]> {
  const all: ObjectVersion[] = [];
  for await (const page of bucket.versionsUnder(prefix)) all.push(...page);
  return all;
}

async function pagesOf(read: (next: { next?: string }) => Promise<ListPage>): Promise<ListPage[]> {
  const pages: ListPage[] = [];
  let next: string | undefined;
  do {
    const page = await read(next === undefined ? {} : { next });
    pages.push(page);
    next = page.next;
  } while (next !== undefined);
  return pages;
}
