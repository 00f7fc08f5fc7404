import { describe, expect, it } from 'vitest';
import type { Plan } from '../../lambdas/plan/document.ts';
import { PlanLimit } from '../../lambdas/plan/plan-limit.ts';
import type { Doomed } from '../../lambdas/prune/plan-manifest.ts';
import {
  type BlobItem,
  blobKey,
  type ManifestItem,
  manifestKey,
  uploadKey,
} from '../../lambdas/store/items.ts';
import type { Digest } from '../support/images.ts';

const digest = (character: string): Digest => `sha256:${character.repeat(64)}`;
const [a, b, c] = [digest('a'), digest('b'), digest('c')];
const uuid = 'f1111111-0000-4000-8000-000000000000';
const row = { reason: 'untagged', size: 1, gains: 2 };
const planned = { ...row, mediaType: '', taggedAs: [], tags: [{ tag: 'v1', etag: 'e', versionId: 'v' }] };

/** Of a plan only what it names has a say. */
const plan = {
  hash: 'hash',
  manifests: [
    { ...planned, repository: 'app', digest: a },
    { ...planned, repository: 'app', digest: b, gains: 0, tags: [] },
  ],
  links: [{ ...row, repository: 'app', digest: c }],
  blobs: [
    { ...row, digest: c, repositories: [] },
    { ...row, digest: b, repositories: [], gains: 0 },
  ],
  uploads: [{ repository: 'app', upload: uuid, reason: 'abandoned', size: 7 }],
  multipartUploads: [{ key: 'key', upload: 'id', reason: 'abandoned', size: 7 }],
} as unknown as Plan;

const limit = new PlanLimit(plan);

const manifest = (of: Digest, gains?: number, name = 'app') =>
  ({ name, digest: of, ...(gains === undefined ? {} : { gains }) }) as unknown as ManifestItem;
const blob = (of: Digest, gains?: number) =>
  ({ digest: of, ...(gains === undefined ? {} : { gains }) }) as unknown as BlobItem;
const doomed = (item: ManifestItem, ...tags: Doomed['tags']): Doomed => ({ item, tags });

describe('manifests', () => {
  const tag = { tag: 'v1', etag: 'e', versionId: 'v' };

  it('may go when all of them are in the plan and have gained nothing since', () => {
    expect(limit.allowsManifests([doomed(manifest(a, 2), tag)])).toBe(true);
    expect(limit.allowsManifests([doomed(manifest(a, 2))])).toBe(true);
    expect(limit.allowsManifests([doomed(manifest(a, 2), tag), doomed(manifest(b))])).toBe(true);
    expect(limit.allowsManifests([doomed(manifest(a, 3))])).toBe(false);
    expect(limit.allowsManifests([doomed(manifest(a))])).toBe(false);
    expect(limit.allowsManifests([doomed(manifest(b, 1))])).toBe(false);
    expect(limit.allowsManifests([doomed(manifest(a, 2)), doomed(manifest(c, 2))])).toBe(false);
    expect(limit.allowsManifests([doomed(manifest(a, 2, 'web'))])).toBe(false);
  });

  it('may go with the tags of the plan alone, by the very links', () => {
    const others = [
      { ...tag, tag: 'v2' },
      { ...tag, etag: 'f' },
      { ...tag, versionId: 'w' },
      { tag: 'v1', etag: 'e' },
    ];
    for (const other of others) {
      expect(limit.allowsManifests([doomed(manifest(a, 2), other)])).toBe(false);
      expect(limit.allowsManifests([doomed(manifest(a, 2), tag, other)])).toBe(false);
    }
    expect(limit.allowsManifests([doomed(manifest(b), tag)])).toBe(false);
  });

  it('of it that stay are remembered with why', () => {
    const own = new PlanLimit(plan);
    own.keep(manifest(a, 2), { by: 'arriving' });
    expect([...own.kept]).toEqual([[`app@${a}`, { by: 'arriving' }]]);
  });
});

it('blobs and links may go when they are in the plan and have gained nothing since', () => {
  expect(limit.allowsBlob(blob(c, 2))).toBe(true);
  expect(limit.allowsBlob(blob(b))).toBe(true);
  expect(limit.allowsBlob(blob(c, 3))).toBe(false);
  expect(limit.allowsBlob(blob(c))).toBe(false);
  expect(limit.allowsBlob(blob(a, 2))).toBe(false);
  // Not even with nothing gained: what is not in it has no count to compare.
  expect(limit.allowsBlob(blob(a))).toBe(false);
  expect(limit.allowsLink(blob(c, 2), 'app')).toBe(true);
  expect(limit.allowsLink(blob(c, 3), 'app')).toBe(false);
  expect(limit.allowsLink(blob(c), 'app')).toBe(false);
  expect(limit.allowsLink(blob(c, 2), 'web')).toBe(false);
  expect(limit.allowsLink(blob(b), 'app')).toBe(false);
});

it('uploads may go when they have the size they had', () => {
  expect(limit.allowsUpload('app', uuid, 7)).toBe(true);
  expect(limit.allowsUpload('app', uuid, 8)).toBe(false);
  expect(limit.allowsUpload('web', uuid, 7)).toBe(false);
  expect(limit.allowsMultipart({ key: 'key', uploadId: 'id', initiated: new Date(0) })).toBe(true);
  expect(limit.allowsMultipart({ key: 'key', uploadId: 'other', initiated: new Date(0) })).toBe(false);
  expect(limit.allowsMultipart({ key: 'other', uploadId: 'id', initiated: new Date(0) })).toBe(false);
});

it('what is looked at is what the plan names, each once, by kind and shard', () => {
  expect(limit.keys('manifest', 'a')).toEqual([manifestKey('app', a)]);
  expect(limit.keys('manifest', 'b')).toEqual([manifestKey('app', b)]);
  expect(limit.keys('manifest', 'c')).toEqual([]);
  // As a blob and as a link.
  expect(limit.keys('blob', 'c')).toEqual([blobKey(c)]);
  expect(limit.keys('blob', 'b')).toEqual([blobKey(b)]);
  expect(limit.keys('blob', 'a')).toEqual([]);
  expect(limit.keys('upload', 'f')).toEqual([uploadKey('app', uuid)]);
  expect(limit.keys('upload', '0')).toEqual([]);
});

it('a shard has all that falls into it', () => {
  const [first, second] = [digest('d'), `sha256:d${'0'.repeat(63)}` as const];
  const manifests = [first, second].map((of) => ({ ...planned, repository: 'app', digest: of }));
  const uploads = [{ repository: 'app', upload: 'G', reason: 'odd', size: 1 }];
  const wide = new PlanLimit({ ...plan, manifests, uploads } as unknown as Plan);
  expect(wide.keys('manifest', 'd')).toEqual([manifestKey('app', first), manifestKey('app', second)]);
  // An id that begins with no hex digit is in the first, as in the queue.
  expect(wide.keys('upload', '0')).toEqual([uploadKey('app', 'G')]);
});

it('is known by the hash of its plan', () => {
  expect(limit.hash).toBe('hash');
});
