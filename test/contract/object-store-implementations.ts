import { S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import { PreviewBucket } from '../../lambdas/store/preview-bucket.ts';
import { S3Bucket } from '../../lambdas/store/s3-bucket.ts';
import type { Versioning } from '../../lambdas/store/version-stack.ts';
import { startEmbeddedS3 } from '../../local/embedded-s3.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { TEST_CLIENT } from './table-implementations.ts';

export interface BucketUnderTest {
  readonly name: string;
  readonly versioning: Versioning;
  /** What this implementation cannot show, each with the reason. */
  readonly lacks: {
    /** The listing of versions. */
    readonly versions?: string;
    /** Listings in the order of UTF-8, and their pages with prefixes. */
    readonly listOrder?: string;
    /** Keys of any characters. */
    readonly anyKey?: string;
    /** A conditional put that is one step. */
    readonly ifAbsent?: string;
  };
  start(): Promise<{ empty(guard?: () => void): Promise<ObjectStore>; stop(): Promise<void> }>;
}

const nothing = async () => {};

function memory(versioning: Versioning) {
  const versioned = versioning === 'enabled' ? true : versioning === 'suspended' ? versioning : false;
  return (guard?: () => void) => new MemoryBucket({ versioned, ...(guard ? { guard } : {}) });
}

const twins = (['off', 'enabled', 'suspended'] as const).flatMap((versioning): BucketUnderTest[] => [
  {
    name: `memory, versioning ${versioning}`,
    versioning,
    lacks: {},
    start: async () => ({ empty: async (guard) => memory(versioning)(guard), stop: nothing }),
  },
  {
    name: `preview over memory, versioning ${versioning}`,
    versioning,
    lacks: {},
    start: async () => ({
      empty: async (guard) => new PreviewBucket(memory(versioning)(), guard ? { guard } : {}),
      stop: nothing,
    }),
  },
]);

/** Every implementation of the port. */
export const BUCKETS: readonly BucketUnderTest[] = [
  ...twins,
  {
    name: 'S3 (fauxqs)',
    versioning: 'off',
    lacks: {
      versions:
        'fauxqs answers the listing of versions with one of objects; test/store/s3-versions has the answers',
      listOrder: 'fauxqs sorts keys by locale and goes on behind the last object, not behind the last prefix',
      anyKey: 'fauxqs does not encode listings, and XML cannot hold control characters',
      ifAbsent: 'fauxqs ignores If-None-Match; test/store/s3-bucket has the answers',
    },
    start: startS3,
  },
];

async function startS3() {
  const server = await startEmbeddedS3();
  const client = new S3Client({ ...TEST_CLIENT, endpoint: server.endpoint, forcePathStyle: true });
  let serial = 0;
  return {
    client,
    empty: async (guard?: () => void) => {
      const bucket = `registry-${++serial}`;
      server.createBucket(bucket);
      return new S3Bucket({ client, bucket, ...(guard ? { guard } : {}) });
    },
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
