/** Listens to a rehearsed run: its journal, kept as the lists of a plan. */
import { type Digest, isDigest } from '../registry/digest.ts';
import { manifestId } from '../store/items.ts';
import type { Journal, JournalEntry } from '../store/journal.ts';
import type {
  PlannedBlob,
  PlannedLink,
  PlannedManifest,
  PlannedMultipart,
  PlannedUpload,
} from './document.ts';

type Entry<A extends JournalEntry['action']> = Extract<JournalEntry, { readonly action: A }>;

/** A line tells what is about to go. Of several about the same thing the last one counts. */
export class PlanRecorder implements Journal {
  readonly location = undefined;
  readonly #manifests = new Map<string, PlannedManifest>();
  readonly #links = new Map<string, PlannedLink>();
  readonly #blobs = new Map<string, PlannedBlob>();
  readonly #uploads = new Map<string, PlannedUpload>();
  readonly #multipart = new Map<string, PlannedMultipart>();

  async write(entries: readonly JournalEntry[]): Promise<void> {
    // The tags of a manifest come before it, in the same call.
    const tags = entries.filter((entry) => entry.action === 'untag');
    for (const entry of entries) this.#note(entry, tags);
  }

  get lists() {
    return {
      manifests: [...this.#manifests.values()],
      links: [...this.#links.values()],
      blobs: [...this.#blobs.values()],
      uploads: [...this.#uploads.values()],
      multipartUploads: [...this.#multipart.values()],
    };
  }

  #note(entry: JournalEntry, tags: readonly Entry<'untag'>[]): void {
    switch (entry.action) {
      case 'untag':
        return;
      case 'delete-manifest': {
        const { repository, reason, mediaType, size, gains } = entry;
        const digest = checked(entry.digest);
        const mine = tags.filter((one) => one.repository === repository && one.digest === digest);
        this.#manifests.set(manifestId(repository, digest), {
          ...{ repository, digest, reason, mediaType, size, taggedAs: [...entry.taggedAs], gains },
          tags: mine.map(({ tag, etag, versionId }) => ({
            ...{ tag, etag },
            ...(versionId === undefined ? {} : { versionId }),
          })),
        });
        return;
      }
      case 'unlink': {
        const { repository, reason, size, gains } = entry;
        const digest = checked(entry.digest);
        this.#links.set(manifestId(repository, digest), { repository, digest, reason, size, gains });
        return;
      }
      case 'delete-blob': {
        const { reason, size, gains } = entry;
        const digest = checked(entry.digest);
        this.#blobs.set(digest, { digest, reason, size, gains, repositories: [...entry.repositories] });
        return;
      }
      case 'delete-upload': {
        const { repository, upload, reason, size } = entry;
        this.#uploads.set(`${repository}\n${upload}`, { repository, upload, reason, size });
        return;
      }
      case 'abort-multipart': {
        const { key, upload, reason, size } = entry;
        this.#multipart.set(`${key}\n${upload}`, { key, upload, reason, size });
        return;
      }
    }
  }
}

function checked(digest: string): Digest {
  if (!isDigest(digest))
    throw new RangeError(`the journal names ${JSON.stringify(digest)}, which is no digest`);
  return digest;
}
