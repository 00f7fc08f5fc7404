/** Records when manifests and tags were last pulled. */
import { manifestKey, tagKey } from '../store/items.ts';
import type { Metadata } from '../store/metadata.ts';
import { sideBySide } from '../store/side-by-side.ts';
import type { Item, Key } from '../store/table.ts';
import type { Pull } from './envelope.ts';

/** Each manifest and each tag is written to at most once in this time (milliseconds). */
export const RESOLUTION = 3_600_000;

/** Manifests and tags of one envelope, by what came of them. */
export interface PullCounts {
  readonly recorded: number;
  /** Known well enough: a pull at most {@link RESOLUTION} before, or one after it, is recorded. */
  readonly unchanged: number;
  /** Not in the table: deleted, or not indexed yet. */
  readonly unknown: number;
}

/** Keys of which an instance remembers when they were last pulled; a few MB. */
const MAX_REMEMBERED = 10_000;
const CONCURRENCY = 16;

/** How often an item is read anew when it changes between the read and the write. */
const ATTEMPTS = 8;

interface Target {
  readonly key: Key;
  readonly at: number;
}

export class PullRecorder {
  readonly #metadata: Metadata;
  readonly #maxRemembered: number;
  /** What is recorded, so that an image that is pulled all the time costs no reads. Oldest look first. */
  readonly #recorded = new Map<string, number>();

  constructor(metadata: Metadata, options: { readonly maxRemembered?: number } = {}) {
    this.#metadata = metadata;
    this.#maxRemembered = options.maxRemembered ?? MAX_REMEMBERED;
  }

  /**
   * Records each manifest and tag of the pulls once.
   *
   * @throws what the table throws, and when an item keeps changing; what was recorded by then stays so, and doing it again does no harm.
   */
  async record(pulls: readonly Pull[]): Promise<PullCounts> {
    const counts = { recorded: 0, unchanged: 0, unknown: 0 };
    await sideBySide(
      targetsOf(pulls),
      async (target) => {
        counts[await this.#record(target)]++;
      },
      CONCURRENCY,
    );
    return counts;
  }

  async #record({ key, at }: Target): Promise<keyof PullCounts> {
    const remembered = this.#recorded.get(nameOf(key));
    if (remembered !== undefined && isRecent(remembered, at)) return 'unchanged';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // A read costs a fifth of a write, also of one whose condition fails.
      const item = await this.#metadata.table.get(key);
      const version = versionOf(item);
      if (version === undefined) return 'unknown';
      const last = item?.['lastPulledAt'];
      if (typeof last === 'number' && isRecent(last, at)) {
        this.#remember(key, last);
        return 'unchanged';
      }
      // On the version that was read: then it exists still, and nobody has recorded a later pull meanwhile.
      const written = await this.#metadata.transition(key, version, { lastPulledAt: at });
      if (written === undefined) continue;
      this.#remember(key, at);
      return 'recorded';
    }
    throw new Error(`the item ${key.pk} / ${key.sk} kept changing while a pull of it was recorded`);
  }

  #remember(key: Key, at: number): void {
    const name = nameOf(key);
    this.#recorded.delete(name);
    this.#recorded.set(name, at);
    if (this.#recorded.size <= this.#maxRemembered) return;
    for (const oldest of this.#recorded.keys()) {
      this.#recorded.delete(oldest);
      return;
    }
  }
}

/** Each key once, with its latest pull. */
function targetsOf(pulls: readonly Pull[]): Target[] {
  const targets = new Map<string, Target>();
  for (const { repository, digest, tag, at } of pulls) {
    const keys = [manifestKey(repository, digest), ...(tag === undefined ? [] : [tagKey(repository, tag)])];
    for (const key of keys) {
      const known = targets.get(nameOf(key));
      if (known === undefined || known.at < at) targets.set(nameOf(key), { key, at });
    }
  }
  return [...targets.values()];
}

const isRecent = (last: number, at: number): boolean => at - last < RESOLUTION;

const nameOf = ({ pk, sk }: Key): string => `${pk}\n${sk}`;

/**
 * The version of an item that may be changed. A tombstone is not, and neither is what this version does not know: the
 * registry would send the same event again for ever if that were an error.
 */
function versionOf(item: Item | undefined): number | undefined {
  const version = item?.['version'];
  const state = item?.['state'] ?? 'live';
  const changeable = state === 'live' || state === 'deleting';
  return changeable && typeof version === 'number' && version > 0 ? version : undefined;
}
