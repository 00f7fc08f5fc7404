import { describe, expect, it } from 'vitest';
import { MarkersOf } from '../../lambdas/store/markers.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';

/** Two keys: one deleted twice, one deleted once. */
async function hidden() {
  const bucket = new MemoryBucket({ versioned: true });
  for (const key of ['a', 'b']) bucket.seed(key, `data of ${key}`);
  await bucket.deleteMany(['a', 'b']);
  await bucket.deleteMany(['a']);
  const versions = async (key: string) => await bucket.versions(key);
  const markersOf = async (key: string) =>
    (await versions(key)).filter(({ isDeleteMarker }) => isDeleteMarker);
  const dataOf = async (key: string) => (await versions(key)).find(({ isDeleteMarker }) => !isDeleteMarker);
  return { bucket, remover: new MarkersOf(bucket), markersOf, dataOf };
}

describe('removing markers', () => {
  it('brings back what they hide, and removes nothing else', async () => {
    const { bucket, remover, markersOf } = await hidden();
    await remover.remove([...(await markersOf('a')), ...(await markersOf('b'))]);
    for (const key of ['a', 'b']) {
      expect(await bucket.versions(key)).toHaveLength(1);
      expect(await bucket.head(key)).toBeDefined();
    }
  });

  it('removes those that were named', async () => {
    const { remover, markersOf } = await hidden();
    const [newest, older] = await markersOf('a');
    await remover.remove([{ key: 'a', versionId: newest?.versionId ?? '' }]);
    expect((await markersOf('a')).map(({ versionId }) => versionId)).toEqual([older?.versionId]);
    expect(await markersOf('b')).toHaveLength(1);
  });

  it.each(['a', 'b'])('removes nothing at all when one of them is data of %s', async (key) => {
    const { bucket, remover, markersOf, dataOf } = await hidden();
    const markers = [...(await markersOf('a')), ...(await markersOf('b'))];
    const data = { key, versionId: (await dataOf(key))?.versionId ?? '' };
    for (const named of [
      [...markers, data],
      [data, ...markers],
    ]) {
      await expect(remover.remove(named)).rejects.toMatchObject({
        name: 'NotAMarkerError',
        message: expect.stringContaining(data.versionId),
      });
    }
    expect([...(await markersOf('a')), ...(await markersOf('b'))]).toEqual(markers);
    expect(await dataOf(key)).toBeDefined();
    expect(bucket.requests.get('DeleteObject')).toBeUndefined();
  });

  it('passes over what somebody else has removed, and what was never there', async () => {
    const { bucket, remover, markersOf } = await hidden();
    const markers = await markersOf('a');
    await remover.remove(markers);
    await remover.remove([...markers, { key: 'nowhere', versionId: '1' }]);
    expect(await bucket.head('a')).toBeDefined();
  });

  it('takes a version that is data now for none, whatever was there before', async () => {
    const { bucket, remover, markersOf } = await hidden();
    const markers = await markersOf('b');
    bucket.seed('b', 'written since');
    await remover.remove(markers);
    expect(await bucket.versions('b')).toHaveLength(2);
    expect((await bucket.get('b'))?.body).toEqual(new TextEncoder().encode('written since'));
  });
});
