/**
 * Removing delete markers, and nothing else. It takes `s3:DeleteObjectVersion`, which could also destroy data, so in
 * AWS a small function with a role of its own does it (protocol section 6); the others ask it to.
 */
import type { ObjectStore } from './object-store.ts';

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

/** Removes them itself. A version id is never used twice, so what was seen to be a marker stays one. */
export class MarkersOf implements MarkerRemover {
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async remove(markers: readonly Marker[]): Promise<void> {
    const there: Marker[] = [];
    for (const [key, named] of Map.groupBy(markers, (marker) => marker.key)) {
      const wanted = new Set(named.map(({ versionId }) => versionId));
      for (const version of await this.#objects.versions(key)) {
        if (!wanted.has(version.versionId)) continue;
        if (!version.isDeleteMarker) {
          throw new NotAMarkerError(`version ${version.versionId} of ${key} is no delete marker: it is kept`);
        }
        there.push(version);
      }
    }
    for (const { key, versionId } of there) await this.#objects.deleteVersion(key, versionId);
  }
}
