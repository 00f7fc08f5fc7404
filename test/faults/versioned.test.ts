import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { parseMarkers } from '../../lambdas/restore/markers-request.ts';
import { MarkersOf } from '../../lambdas/store/markers.ts';
import { S3Bucket } from '../../lambdas/store/s3-bucket.ts';
import { startEmbeddedDynamoDb } from '../../local/embedded-dynamodb.ts';
import { CREDENTIALS, createBucket, REGION } from '../e2e/support/bucket.ts';
import { createBus } from '../e2e/support/bus.ts';
import { cliEnvironment } from '../e2e/support/cli.ts';
import { type Service, startMoto } from '../e2e/support/services.ts';
import { JOURNAL_PREFIX } from '../e2e/support/world.ts';
import { startAccount } from '../support/deployed/account.ts';
import { addTo, type Fault, FaultPlan, LASTING, PASSING, type Rates } from '../support/faults.ts';
import { FaultyWorld, type Place, type Way } from '../support/faulty-world.ts';

/** The restore function is asked often enough to fail. */
const SEEN_THROUGH: Rates = { ...PASSING, 'function failed': 0.3 };
const ENDED_BY: Rates = { ...LASTING, 'function failed': 0.3 };

const LIVES: readonly (readonly [number, Way, Rates])[] = [
  [1, 'online', SEEN_THROUGH],
  [2, 'offline', ENDED_BY],
  ...Array.from({ length: Number(process.env['FAULT_SEEDS'] ?? 1) - 1 }, (_, at) => 10 * (at + 1)).flatMap(
    (seed): [number, Way, Rates][] => [
      [seed + 1, 'planned', ENDED_BY],
      [seed + 2, 'offline', SEEN_THROUGH],
      [seed + 3, 'online', ENDED_BY],
    ],
  ),
];

/**
 * As in wire.test.ts, on a bucket that keeps versions: all that is pruned is undone as well, by way of the restore
 * function, which alone may remove delete markers.
 */
describe('a collector that meets faults at the wire, on a versioned bucket', () => {
  let moto: Service;
  const injected = new Map<Fault, number>();
  let undone = 0;

  beforeAll(async () => {
    moto = await startMoto();
  });

  afterAll(async () => {
    await moto?.stop();
    process.stdout.write(`faults injected: ${JSON.stringify(Object.fromEntries(injected))}\n`);
  });

  async function lived(seed: number, way: Way, rates: Rates) {
    const dynamoDb = await startEmbeddedDynamoDb();
    const [bucket, table] = [`registry-faults-${seed}`, `table-faults-${seed}`];
    await createBucket(moto.url, bucket, { versioned: true });
    const bus = await createBus(moto.url, `bus-faults-${seed}`);
    const restorer = await startAccount(moto.url, restoreFunction(bucket));
    const place: Place = {
      endpoints: { s3: moto.url, dynamodb: dynamoDb.endpoint, events: moto.url, lambda: restorer.url },
      ...{ bucket, table, versioned: true },
      environment: cliEnvironment({
        ...{ endpoint: moto.url, table, bucket, bus: bus.name, journalPrefix: JOURNAL_PREFIX },
      }),
    };
    const plan = new FaultPlan(seed, rates);
    const world = await FaultyWorld.start(place, plan);
    try {
      await world.live(way);
      addTo(injected, plan.injected);
      undone += world.undone;
      return { findings: world.findings, left: await world.left() };
    } finally {
      await world.stop();
      await dynamoDb.stop();
      await restorer.stop();
    }
  }

  /** The function's own code, beyond the faults: it is AWS that runs it. */
  function restoreFunction(bucket: string) {
    const client = new S3Client({
      ...{ endpoint: moto.url, region: REGION, credentials: CREDENTIALS, forcePathStyle: true },
    });
    const remover = new MarkersOf(new S3Bucket({ client, bucket }));
    return async (_: string, payload: unknown) => {
      const markers = parseMarkers(payload, new RegistryLayout(''));
      await remover.remove(markers);
      return { removed: markers.length };
    };
  }

  it('loses and leaks nothing, undone and pruned again, and tells what it did', async () => {
    const faultless = lived(0, 'offline', {});
    const lives = await Promise.all(LIVES.map(([seed, way, rates]) => lived(seed, way, rates)));
    const { findings, left } = await faultless;
    expect(findings).toEqual([]);
    for (const life of lives) expect(life).toEqual({ findings: [], left });
    expect(undone).toBeGreaterThan(1);
    expect(injected.get('function failed')).toBeGreaterThan(0);
  });
});
