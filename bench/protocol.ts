/**
 * What the measured process and the process that plays DynamoDB and S3 say to each other. Two processes, so that
 * the memory and the time of the measured one hold nothing of the registry that is being measured.
 */
import type { Use } from '../local/memory-table.ts';
import type { Inspection, RegistryFacts } from './registry.ts';
import type { RegistrySize } from './releases.ts';

/** The services' arguments. */
export interface ServicesOptions extends RegistrySize {
  readonly seed: number;
  /** The moment the generated registry is looked at (milliseconds since the epoch). */
  readonly now: number;
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

/** What is asked of the services beside DynamoDB and S3. */
export interface Control {
  generate(options: ServicesOptions): Promise<RegistryFacts>;
  counted(): Promise<Counted>;
  inspect(): Promise<Inspection>;
}
