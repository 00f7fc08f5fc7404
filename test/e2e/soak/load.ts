/** The busy part of a soak: clients that push, and watchers that look at what was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../../bench/random.ts';
import type { Figures } from './figures.ts';
import { Locks } from './locks.ts';
import type { Model } from './model.ts';
import type { SoakOptions } from './options.ts';
import { Prober } from './prober.ts';
import { runClient } from './workload.ts';
import type { SoakWorld } from './world.ts';

export interface Load {
  readonly world: SoakWorld;
  readonly figures: Figures;
  readonly model: Model;
  /** Throws when it is of no use to go on. */
  readonly failed: () => void;
  readonly log: (line: string) => void;
}

const WATCHERS = 4;
const SAMPLE_MS = 250;
const LOG_MS = 10_000;
/**
 * Clients wait while more events than this do. The grace has to be longer than the delay of the index
 * (docs/safety.md, section 3), and on two cores one indexer is slower than the clients are.
 */
const MOST_WAITING = 250;

/** Pushes for the time and up to the number asked for, whichever comes later. */
export async function load(
  options: SoakOptions,
  { world, figures, model, failed, log }: Load,
): Promise<void> {
  const { client, queue } = world;
  const random = new Random(options.seed);
  const prober = new Prober(client, model, () => random.next());
  const pushing = new AbortController();
  const looking = new AbortController();
  let waiting = 0;
  const pace = async () => {
    while (waiting > MOST_WAITING && !pushing.signal.aborted) await delay(SAMPLE_MS / 5);
  };
  const workload = {
    ...{ client, model, pace, locks: new Locks(), signal: pushing.signal },
    onPush: (tagged: Parameters<Prober['watch']>[0]) => {
      figures.pushes++;
      prober.watch(tagged);
    },
    onDone: (...done: Parameters<Figures['done']>) => figures.done(...done),
  };
  const looks = Array.from({ length: WATCHERS }, () => prober.run(looking.signal));
  const clients = Array.from({ length: options.clients }, (_, at) =>
    runClient(workload, options.seed * 1_000 + at),
  );
  const startedAt = Date.now();
  let logged = startedAt;
  try {
    while (figures.pushes < options.pushes || Date.now() - startedAt < options.seconds * 1_000) {
      failed();
      await delay(SAMPLE_MS);
      waiting = await queue.depth();
      figures.depths.push(waiting);
      if (Date.now() - logged < LOG_MS) continue;
      logged += LOG_MS;
      log(figures.line(Date.now() - startedAt));
    }
    figures.elapsed = Date.now() - startedAt;
  } finally {
    pushing.abort();
    await Promise.all(clients);
    looking.abort();
    await Promise.all(looks);
    figures.probed = prober.probed;
  }
}
