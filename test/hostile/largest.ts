/** Run as a thread of its own, whose memory is bounded: reads manifests as large as the registry takes. */
import { parentPort } from 'node:worker_threads';
import {
  blobsOf,
  MAX_MANIFEST_BYTES,
  ManifestError,
  parseManifest,
} from '../../lambdas/registry/manifest.ts';
import { GROWING } from './corpus.ts';

let read = 0;
for (const make of Object.values(GROWING)) {
  const bytes = new TextEncoder().encode(make(MAX_MANIFEST_BYTES - 5_000));
  try {
    blobsOf(parseManifest(bytes));
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
  }
  read += 1;
}
parentPort?.postMessage(read);
