/**
 * A run's journal: one JSON object a line, in numbered objects under the run's own prefix. A line is stored
 * before what it tells of happens, so that whatever is gone can be explained and, on a versioned bucket, undone.
 */
import { coalesce } from './coalesce.ts';
import type { ObjectStore } from './object-store.ts';

interface Deletion {
  readonly reason: string;
  readonly digest: string;
}

/** A line. `time` and `run` are added by the journal. */
export type JournalEntry =
  | (Deletion & {
      readonly action: 'delete-manifest';
      readonly repository: string;
      readonly mediaType: string;
      readonly size: number;
      readonly taggedAs: readonly string[];
      /** Of the item, when it was decided on. */
      readonly gains: number;
      readonly lastPulledAt?: string;
    })
  | (Deletion & {
      readonly action: 'untag';
      readonly repository: string;
      readonly tag: string;
      readonly etag: string;
      readonly versionId?: string;
      readonly lastPulledAt?: string;
    })
  | (Deletion & {
      readonly action: 'unlink';
      readonly repository: string;
      /** Of the blob, and of its item. */
      readonly size: number;
      readonly gains: number;
    })
  | (Deletion & {
      readonly action: 'delete-blob';
      readonly size: number;
      readonly gains: number;
      readonly repositories: readonly string[];
    })
  | {
      readonly action: 'delete-upload';
      readonly reason: string;
      readonly repository: string;
      readonly upload: string;
      readonly keys: readonly string[];
      readonly size: number;
    }
  | {
      readonly action: 'abort-multipart';
      readonly reason: string;
      readonly key: string;
      readonly upload: string;
      readonly size: number;
    };

export interface Journal {
  /** Returns when the lines are stored. */
  write(entries: readonly JournalEntry[]): Promise<void>;
  /** Where the lines are, for the report; undefined while there are none. */
  readonly location: string | undefined;
}

export interface JournalOptions {
  readonly objects: ObjectStore;
  readonly bucket: string;
  /** Prefix in the bucket, outside the registry's root. */
  readonly prefix: string;
  readonly runId: string;
  /** Tells this writer's objects from those of other writers of the same run. */
  readonly writer: string;
  readonly now: () => Date;
  /** See {@link coalesce}. */
  readonly gather?: () => Promise<void>;
}

/** Where, below a run's journal, the workers of a distributed run put what they have counted. */
export const TOTALS = 'totals/';

/** Lines of one object at most; keeps an object and the memory it takes small. */
const MAX_LINES = 5_000;

/** Journal in S3. Objects cannot be appended to, so each is written once, for all that waited for it. */
export class BucketJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #location: string;
  #written = false;
  readonly #store: (lines: readonly string[]) => Promise<void>;

  constructor(options: JournalOptions) {
    this.#options = options;
    const { bucket, objects, runId, writer, gather } = options;
    const prefix = `${options.prefix.replace(/\/*$/, '/')}${runId}/`;
    this.#location = `s3://${bucket}/${prefix}`;
    let sequence = 0;
    this.#store = coalesce({
      limit: MAX_LINES,
      ...(gather === undefined ? {} : { gather }),
      send: async (lines) => {
        const number = String(++sequence).padStart(6, '0');
        const key = `${prefix}${writer}-${number}.ndjson`;
        // Its role may write a journal and not write one over. False: an attempt before, whose answer was lost, has put it.
        await objects.put(key, `${lines.join('\n')}\n`, { ifAbsent: true, unique: true });
      },
    });
  }

  get location(): string | undefined {
    return this.#written ? this.#location : undefined;
  }

  async write(entries: readonly JournalEntry[]): Promise<void> {
    if (entries.length === 0) return;
    this.#written = true;
    const { now, runId } = this.#options;
    const time = now().toISOString();
    await this.#store(entries.map((entry) => JSON.stringify({ time, run: runId, ...entry })));
  }
}

/** Keeps nothing: the journal of a dry run. */
export const noJournal: Journal = { location: undefined, write: async () => {} };
