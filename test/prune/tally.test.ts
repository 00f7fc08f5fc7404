import { describe, expect, it } from 'vitest';
import { parseTotals, Tally } from '../../lambdas/prune/tally.ts';
import { digestOf, utf8 } from '../support/images.ts';

const digest = (seed: string) => digestOf(utf8(seed));

/** A tally that has come through its text. */
function stored(fill: (tally: Tally) => void) {
  const tally = new Tally();
  fill(tally);
  const totals = parseTotals(JSON.stringify(tally));
  if (totals === undefined) throw new Error('it cannot be read');
  return totals;
}

describe('totals of several workers', () => {
  it('add up, and what two have looked at counts once', () => {
    const all = new Tally();
    const worker = (own: string) =>
      stored((tally) => {
        for (const id of ['shared', own]) tally.examineManifest(`app@${id}`);
        tally.skipManifest('app@strange');
        tally.examineBlob(digest('shared'));
        tally.examineBlob(digest(own));
        tally.deleteManifest('app');
        tally.image({ deleted: digest('shared') });
        tally.image({ untagged: `app:${own}`, lastPulledAt: '2026-01-01T00:00:00.000Z' });
        tally.refuse({ code: 'kept', message: 'not understood', repository: 'app' });
        tally.links.deleted += 2;
        tally.uploads.deleted++;
        tally.uploads.bytes += 5;
        tally.spaceReclaimed += 100;
        tally.blobs.deleted++;
        tally.blobs.condemned--;
        tally.restored.push({ digest: digest('back'), size: 3 });
        tally.lost.push(digest('lost'));
        tally.incomplete++;
      });
    all.merge(worker('one'));
    all.merge(worker('two'));
    expect(all.manifests).toEqual({ examined: 4, deleted: 2, skipped: 1 });
    expect(all.blobs).toMatchObject({ examined: 3, deleted: 2, condemned: -2 });
    expect(all.deletedIn).toEqual(new Map([['app', 2]]));
    expect(all.links).toEqual({ deleted: 4 });
    expect(all.uploads).toEqual({ deleted: 2, bytes: 10 });
    expect(all.spaceReclaimed).toBe(200);
    expect(all.images).toEqual([
      { deleted: digest('shared') },
      { untagged: 'app:one', lastPulledAt: '2026-01-01T00:00:00.000Z' },
      { untagged: 'app:two', lastPulledAt: '2026-01-01T00:00:00.000Z' },
    ]);
    expect(all.refusals).toEqual([{ code: 'kept', message: 'not understood', repository: 'app' }]);
    expect(all.restored).toHaveLength(2);
    expect(all.lost).toEqual([digest('lost'), digest('lost')]);
    expect(all.incomplete).toBe(2);
  });

  it('are the same in whatever order, and of large sets too', () => {
    const ids = Array.from({ length: 10_000 }, (_, at) => `app@${at}`);
    const part = (from: number) =>
      stored((tally) => {
        for (const id of ids.slice(from)) tally.examineManifest(id);
      });
    const parts = [part(0), part(5_000), part(9_999)];
    for (const order of [parts, parts.toReversed()]) {
      const all = new Tally();
      for (const one of order) all.merge(one);
      expect(all.manifests.examined).toBe(10_000);
    }
  });

  it.each(['', '{}', '[]', 'null', '{"manifests":', '{"manifests":{"examined":1}}'])(
    'are not read from %j',
    (text) => {
      expect(parseTotals(text)).toBeUndefined();
    },
  );

  it('refuse a set that is none', () => {
    const totals = { ...stored(() => {}), examined: 'AAAA' };
    expect(() => new Tally().merge(totals)).toThrow(/allowed are whole fingerprints/);
  });
});
