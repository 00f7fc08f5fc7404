/**
 * What the measured process and the process that plays DynamoDB and S3 say to each other. Two processes, so that
 * the memory and the time of the measured one hold nothing of the registry that is being measured.
 */
import type { Use } from '../local/memory-table.ts';
import type { Inspection, RegistryFacts } from './registry/facts.ts';
import type { Stage } from './registry/stage.ts';

/** What is in the stores at the start; `pushed` is a bucket with an empty table. */
export type Start = 'pushed' | Exclude<Stage, 'pruned'>;

export interface GenerateOptions {
  readonly images: number;
  readonly garbage: number;
  readonly seed: number;
  readonly start: Start;
  /** The moment the generated registry is looked at (milliseconds since the epoch). */
  readonly now: number;
  /** Milliseconds, as the runs have them. */
  readonly grace: number;
  readonly quarantine: number;
}

export interface Call {
  readonly id: number;
  readonly target: 'table' | 'bucket' | 'control';
  readonly method: string;
  readonly args: readonly unknown[];
}

/** All calls of one turn of the event loop, at a moment of the measured process's clock. */
export interface Batch {
  readonly now: number;
  readonly calls: readonly Call[];
}

export type Answer = {
  readonly id: number;
  /** Of DynamoDB and S3, in requests of this one call. */
  readonly requests: number;
  /** Units of DynamoDB, by partition key or queue. */
  readonly uses: readonly Use[];
} & ({ readonly value: unknown } | { readonly error: string });

/** What the services have counted since they began. */
export interface Counted {
  readonly dynamodb: ReadonlyMap<string, number>;
  readonly s3: ReadonlyMap<string, number>;
  /** Request units. */
  readonly units: { readonly read: number; readonly write: number };
  /** Resident bytes of the services' process. */
  readonly rss: number;
}

/** What was pushed: the keys in the order in which they were written, with those that have a tag's former target. */
export interface Pushed {
  readonly keys: readonly string[];
  readonly images: number;
  readonly manifests: number;
  readonly blobs: number;
}

/** What is asked of the services beside DynamoDB and S3. */
export interface Control {
  generate(options: GenerateOptions): Promise<RegistryFacts>;
  counted(): Promise<Counted>;
  inspect(): Promise<Inspection>;
  /** Releases pushed to as many repositories in turn. */
  push(releases: number): Promise<Pushed>;
}
