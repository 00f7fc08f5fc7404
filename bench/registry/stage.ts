/**
 * How far the garbage of the generated registry has come:
 * - `indexed`: pushed and untagged, then indexed by the first rebuild, which has queued everything; all of it is due;
 * - `settled`: what is held is at rest and queued no more; the garbage was untagged since, queued for it, and is due;
 * - `condemned`: its manifests and links are gone, its blobs condemned and due;
 * - `pruned`: gone.
 */
export type Stage = 'indexed' | 'settled' | 'condemned' | 'pruned';
