/** What a run works with, put together by the function and by the command line. */
import type { RegistryLayout } from '../registry/layout.ts';
import type { EventBus } from '../store/event-bus.ts';
import type { MarkerRemover } from '../store/markers.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Table } from '../store/table.ts';
import type { BrakeSettings } from './brake.ts';
import type { Tally } from './tally.ts';

/** The times and rights of all runs, in milliseconds (environment of the functions). */
export interface PruneSettings {
  readonly grace: number;
  readonly quarantine: number;
  readonly maxIndexLag: number;
  /** Prefixes in the registry's bucket, outside the registry's root. */
  readonly journalPrefix: string;
  readonly heartbeatPrefix: string;
  readonly allowUnversioned: boolean;
  /** How long the bucket's lifecycle rule keeps what a run deletes. */
  readonly undoWindow: number;
  readonly brake: BrakeSettings;
}

export interface PruneDependencies {
  readonly table: Table;
  /** @param guard is called right before each destructive request is signed. */
  readonly objects: (guard: () => void) => ObjectStore;
  /** @default the run removes its delete markers itself */
  readonly markers?: MarkerRemover;
  /** Events that the indexer could not apply. @default none is fed by a queue */
  readonly deadLetters?: () => Promise<number>;
  readonly bus: EventBus;
  readonly layout: RegistryLayout;
  readonly bucketName: string;
  readonly settings: PruneSettings;
  /** Who runs: the function's name and request, or the command line's user, host and process. */
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Unique, sortable ids (ULIDs). */
  readonly newId: () => string;
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /**
   * Called now and then with the counts so far; of the run, or of the rehearsal by which the brake learns what would go.
   */
  readonly onProgress?: (tally: Tally, of: 'run' | 'rehearsal') => void;
}
