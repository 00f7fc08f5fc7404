/**
 * Removing delete markers, and nothing else. It takes `s3:DeleteObjectVersion`, which could also destroy data, so in
 * AWS a small function with a role of its own does it (protocol section 6); the others ask it to.
 */
import type { ObjectStore } from './object-store.ts';
import { sideBySide } from './side-by-side.ts';

export interface Marker {
  readonly key: string;
  readonly versionId: string;
}

export interface MarkerRemover {
  /**
   * Returns when every one is gone, whoever removed it.
   *
   * @throws NotAMarkerError when one is a version of an object; nothing is removed then.
   */
  remove(markers: readonly Marker[]): Promise<void>;
}

/** What was to be removed as a delete marker holds data. */
export class NotAMarkerError extends Error {
  override readonly name = 'NotAMarkerError';
}

const AT_ONCE = 8;

/** Removes them itself. A version id is never used twice, so what was seen to be a marker stays one. */
export class MarkersOf implements MarkerRemover {
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async remove(markers: readonly Marker[]): Promise<void> {
    const keys = [...Map.groupBy(markers, ({ key }) => key)];
    const there = await sideBySide(keys, ([key, named]) => this.#seen(key, named), AT_ONCE);
    await sideBySide(
      there.flat(),
      ({ key, versionId }) => this.#objects.deleteVersion(key, versionId),
      AT_ONCE,
    );
  }

  /** Those of a key that are there. */
  async #seen(key: string, named: readonly Marker[]): Promise<Marker[]> {
    const wanted = new Set(named.map(({ versionId }) => versionId));
    const there = (await this.#objects.versions(key)).filter(({ versionId }) => wanted.has(versionId));
    const other = there.find(({ isDeleteMarker }) => !isDeleteMarker);
    if (other === undefined) return there;
    throw new NotAMarkerError(`version ${other.versionId} of ${key} is no delete marker: it is kept`);
  }
}
