/**
 * How far the garbage of the generated registry has come:
 * - `settled`: pushed and indexed, everything held at rest; the garbage was untagged, queued for it, and is due;
 * - `condemned`: its manifests and links are gone, its blobs condemned and due;
 * - `pruned`: gone.
 */
export type Stage = 'settled' | 'condemned' | 'pruned';
