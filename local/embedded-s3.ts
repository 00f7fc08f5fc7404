import { startFauxqs } from 'fauxqs';
import { type Embedded, LOOPBACK } from './embedded-dynamodb.ts';

/** An S3, which is an SQS and an SNS as well. */
export interface EmbeddedS3 extends Embedded {
  createBucket(name: string): void;
  emptyBucket(name: string): void;
}

/**
 * Starts an S3 (fauxqs) on a free port of this machine, with its data in memory. It knows no versions, no
 * conditional deletes and no listing of multipart uploads; test/contract lists what that leaves untested.
 * @example const { endpoint, createBucket, stop } = await startEmbeddedS3();
 */
export async function startEmbeddedS3(): Promise<EmbeddedS3> {
  const server = await startFauxqs({ port: 0, host: LOOPBACK, logger: false });
  return {
    endpoint: `http://${LOOPBACK}:${server.port}`,
    createBucket: (name) => {
      server.createBucket(name);
    },
    emptyBucket: (name) => server.emptyBucket(name),
    stop: () => server.stop(),
  };
}
