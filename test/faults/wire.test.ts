import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { BUCKET, type Services, startServices, TABLE } from '../cli/support.ts';
import { FAULTS, type Fault, FaultPlan, type Rates } from '../support/faults.ts';
import { FaultyWorld, type Place, type Way } from '../support/faulty-world.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Of what the clients see through: they try again. */
const PASSING: Rates = {
  ...{ throttled: 0.005, 'internal error': 0.03, 'reset before': 0.03, 'reset after': 0.04 },
  ...{ slow: 0.01, truncated: 0.03, 'clock skewed': 0.02, 'error in a 200': 0.1 },
  ...{ 'writes left over': 0.2, 'reads left over': 0.2, 'entries refused': 0.4 },
};
/** Of what they do not: commands fail, or end in part. */
const LASTING: Rates = {
  ...{ 'reset after': 0.05, 'keys refused': 0.3, 'keys disowned': 0.3 },
  ...{ 'entries refused': 0.9, 'token expired': 0.002 },
};

const LIVES: readonly (readonly [number, Way, 'passing' | 'lasting', Rates])[] = [
  [1, 'online', 'passing', PASSING],
  [2, 'offline', 'passing', PASSING],
  [3, 'planned', 'lasting', LASTING],
  [4, 'offline', 'lasting', LASTING],
];

const injected = new Map<Fault, number>();
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
    for (const [fault, count] of plan.injected) injected.set(fault, (injected.get(fault) ?? 0) + count);
    for (const { ended } of world.steps) codes.add(ended.code);
    return { findings: world.findings, left: await world.left() };
  } finally {
    await world.stop();
    await services.stop();
  }
}

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

  afterAll(() => {
    const figures = FAULTS.map((fault) => `${fault} ${injected.get(fault) ?? 0}`).join(', ');
    process.stdout.write(`faults injected: ${figures}\n`);
    expect(FAULTS.filter((fault) => !injected.has(fault))).toEqual([]);
    for (const code of [EXIT.done, EXIT.error, EXIT.partial]) expect(codes).toContain(code);
  });
});
