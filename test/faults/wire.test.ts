import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { BUCKET, type Services, startServices, TABLE } from '../cli/support.ts';
import { addTo, FAULTS, type Fault, FaultPlan, LASTING, PASSING, type Rates } from '../support/faults.ts';
import { followUnderFaults } from '../support/faulty-queue.ts';
import { FaultyWorld, type Place, type Way } from '../support/faulty-world.ts';

const SEEN_THROUGH: Rates = { ...PASSING, slow: 0.01, unanswered: 0.003 };
const ENDED_BY: Rates = { ...LASTING, 'entries refused': 0.9 };

/** Few requests carry many messages. */
const QUEUE: Rates = {
  ...{ throttled: 0.03, 'internal error': 0.1, 'reset before': 0.1, 'reset after': 0.15 },
  ...{ slow: 0.05, truncated: 0.1, 'clock skewed': 0.03, 'entries refused': 0.4 },
};

/** Of each kind one; `FAULT_SEEDS=5` gives each of the ways five times as many, other faults each time. */
const seeds = Number(process.env['FAULT_SEEDS'] ?? 1);
const LIVES: readonly (readonly [number, Way, 'passing' | 'lasting', Rates])[] = [
  [1, 'online', 'passing', SEEN_THROUGH],
  [2, 'planned', 'lasting', ENDED_BY],
  [3, 'offline', 'lasting', ENDED_BY],
  ...Array.from({ length: seeds - 1 }, (_, at) => 10 * (at + 1)).flatMap(
    (seed): [number, Way, 'passing' | 'lasting', Rates][] => [
      [seed + 1, 'online', 'passing', SEEN_THROUGH],
      [seed + 2, 'planned', 'passing', SEEN_THROUGH],
      [seed + 3, 'offline', 'passing', SEEN_THROUGH],
      [seed + 4, 'online', 'lasting', ENDED_BY],
      [seed + 5, 'planned', 'lasting', ENDED_BY],
      [seed + 6, 'offline', 'lasting', ENDED_BY],
    ],
  ),
];

const injected = new Map<Fault, number>();
const ofTheQueue = new Map<Fault, number>();
const codes = new Set<number>();

const placeOf = ({ env }: Services): Place => ({
  endpoints: {
    s3: env['AWS_ENDPOINT_URL_S3'] ?? '',
    dynamodb: env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '',
    events: env['AWS_ENDPOINT_URL_EVENTBRIDGE'] ?? '',
  },
  ...{ bucket: BUCKET, table: TABLE, versioned: false, environment: env },
});

/** @returns what does not hold, and what is left. */
async function lived(seed: number, way: Way, rates: Rates) {
  const services = await startServices();
  const plan = new FaultPlan(seed, rates);
  const world = await FaultyWorld.start(placeOf(services), plan);
  try {
    await world.live(way);
    addTo(injected, plan.injected);
    for (const { ended } of world.steps) codes.add(ended.code);
    return { findings: world.findings, left: await world.left() };
  } finally {
    await world.stop();
    await services.stop();
  }
}

/** A function that removes delete markers is asked where there are versions: versioned.test.ts. */
const HERE = FAULTS.filter((fault) => fault !== 'function failed');

describe('a collector that meets faults at the wire', () => {
  let faultless: ReturnType<typeof lived>;

  beforeAll(() => {
    faultless = lived(0, 'offline', {});
    // Whoever waits for it hears of it.
    faultless.catch(() => undefined);
  });

  it.concurrent.each(LIVES)(
    '%i: %s, with %s ones, loses and leaks nothing, and tells what it did',
    async (seed, way, _, rates) => {
      const [life, { findings, left }] = await Promise.all([lived(seed, way, rates), faultless]);
      expect(findings).toEqual([]);
      expect(life).toEqual({ findings: [], left });
    },
  );

  it.concurrent('index, with its queue behind a proxy too, is in line with the bucket after all', async () => {
    const services = await startServices();
    const plans = { s3: SEEN_THROUGH, dynamodb: SEEN_THROUGH, sqs: QUEUE };
    const [s3, dynamodb, sqs] = [
      new FaultPlan(5, plans.s3),
      new FaultPlan(6, plans.dynamodb),
      new FaultPlan(7, plans.sqs),
    ];
    try {
      expect(await followUnderFaults(services, { s3, dynamodb, sqs })).toEqual([]);
      for (const plan of [s3, dynamodb, sqs]) addTo(injected, plan.injected);
      for (const [fault, count] of sqs.injected) ofTheQueue.set(fault, count);
      expect([...sqs.injected.keys()]).toEqual(expect.arrayContaining(['reset after', 'entries refused']));
    } finally {
      await services.stop();
    }
  });

  afterAll(() => {
    const figures = HERE.map((fault) => `${fault} ${injected.get(fault) ?? 0}`).join(', ');
    process.stdout.write(`faults injected: ${figures}\n`);
    process.stdout.write(`of them at the queue: ${JSON.stringify(Object.fromEntries(ofTheQueue))}\n`);
    expect(HERE.filter((fault) => !injected.has(fault))).toEqual([]);
    for (const code of [EXIT.done, EXIT.error, EXIT.partial]) expect(codes).toContain(code);
  });
});
