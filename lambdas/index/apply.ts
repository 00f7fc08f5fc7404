/**
 * Brings the table in line with the bucket for one key (protocol, "The indexer"). A key is only a hint to look:
 * the item is read first, then the bucket; edges are written before anything is touched; the key's own item is
 * written last, on the version that was read. Applying a key twice, late or out of order comes to the same.
 */
import type { RegistryKey } from '../registry/layout.ts';
import { applyData, applyLink } from './apply-blob.ts';
import { applyHistory, applyRevision } from './apply-manifest.ts';
import { applyTag } from './apply-tag.ts';
import { applyUpload } from './apply-upload.ts';
import { APPLIED, type Hints, type IndexContext, type Outcome, retry } from './context.ts';
import { keepStrange, releaseStrange, strangeLink } from './strange.ts';

/** How often a key is looked at anew when its item changes under the indexer, before it is put off. */
const ATTEMPTS = 8;

/** Looks at one key and applies what is found. */
export async function apply(context: IndexContext, key: RegistryKey, hints: Hints = {}): Promise<Outcome> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await look(context, key, hints);
    if (outcome !== undefined) return outcome;
  }
  return retry('the item kept changing while it was looked at');
}

/** @returns undefined when the item changed meanwhile, so that the look is void. */
async function look(context: IndexContext, key: RegistryKey, hints: Hints): Promise<Outcome | undefined> {
  switch (key.kind) {
    case 'revision':
      return await applyRevision(context, key.name, key.digest, hints);
    case 'tag-history':
      return await applyHistory(context, key.name, key.tag, key.digest);
    case 'tag':
      return await applyTag(context, key.name, key.tag, hints);
    case 'layer':
      return await applyLink(context, key.name, key.digest, hints);
    case 'blob':
      return await applyData(context, key.digest, hints);
    case 'upload':
      return await applyUpload(context, key.name, key.uuid);
    case 'unrecognised':
      return await applyStrange(context, key.key);
  }
}

/** A link that is not of the known layout is kept, with all that it may mean, until it is gone. */
async function applyStrange(context: IndexContext, key: string): Promise<Outcome> {
  const link = strangeLink(context.bucket.layout, key);
  if (link === undefined) return { status: 'ignored' };
  const object = await context.bucket.objects.head(key);
  if (object === undefined) await releaseStrange(context, key, link);
  else await keepStrange(context, key, link, object.lastModified.getTime());
  return APPLIED;
}
