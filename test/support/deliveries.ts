/** A bucket's events on their way to the indexer: any of them next, some twice, some a long time later. */
import fc from 'fast-check';
import { MINUTE } from './clock.ts';
import { type Step, step, Writer } from './generated-registry.ts';
import { busEvent, LiveIndexer, notification } from './indexer.ts';
import { World } from './world.ts';

/**
 * What clients do through a registry, and what may become of the bucket without them: links lost, data and uploads
 * left over. Not that data is deleted or spoilt by others, nor a manifest whose config comes after it: no event of
 * its own tells of that, and a rebuild finds it (docs/safety.md, section 8).
 */
export const clientStep: fc.Arbitrary<Step> = step.filter(
  (one) =>
    one.do !== 'reindex' &&
    one.do !== 'multipart' &&
    !(one.do === 'strange' && !['unknown', 'malformed'].includes(one.what)),
);

/** Some events arrive: which of those on their way, counted round, and whether each comes once more. */
export interface Arrival {
  readonly do: 'arrive';
  readonly which: readonly { readonly at: number; readonly again: boolean }[];
  /** What a client does while they are looked at. */
  readonly meanwhile: Step | undefined;
}

/** @param meanwhile what clients may do while events are looked at. */
export const arrivals = (meanwhile: fc.Arbitrary<Step>): fc.Arbitrary<Arrival> =>
  fc.record({
    do: fc.constant('arrive'),
    which: fc.array(fc.record({ at: fc.nat(60), again: fc.boolean() }), { minLength: 1, maxLength: 10 }),
    meanwhile: fc.option(
      meanwhile.filter((one) => one.do !== 'wait'),
      { nil: undefined, freq: 2 },
    ),
  });

export class Deliveries {
  readonly world: World;
  readonly #writer: Writer;
  readonly #onTake: (step: Step) => Promise<void>;
  readonly #live: LiveIndexer;
  #onTheWay: string[] = [];
  #serial = 0;

  /** @param onTake told of each step of a client before it is taken. */
  constructor(onTake: (step: Step) => Promise<void> = async () => {}) {
    this.#onTake = onTake;
    this.world = new World({ onChange: (key) => this.#onTheWay.push(this.#event(key)) });
    this.#writer = new Writer(this.world);
    this.#live = new LiveIndexer(this.world);
  }

  /** In two batches side by side, as two functions would have them. */
  async arrive({ which, meanwhile }: Arrival): Promise<void> {
    const chosen: string[][] = [[], []];
    for (const [turn, { at, again }] of which.entries()) {
      const place = at % Math.max(1, this.#onTheWay.length);
      const body = again ? this.#onTheWay[place] : this.#onTheWay.splice(place, 1)[0];
      if (body !== undefined) chosen[turn % 2]?.push(body);
    }
    await Promise.all([
      ...chosen.map((bodies) => this.#index(bodies)),
      ...(meanwhile === undefined ? [] : [this.take(meanwhile)]),
    ]);
  }

  /** A client does something. */
  async take(step: Step): Promise<void> {
    await this.#onTake(step);
    await this.#writer.take(step);
  }

  /** All that is on the way arrives, and what that causes, in an order that the numbers choose. */
  async arriveAll(order: readonly number[]): Promise<void> {
    let turn = 0;
    for (let rest = await this.#rest(); rest > 0; rest = await this.#rest()) {
      if (turn > 10_000) throw new Error('the events never come to an end');
      const which = Array.from({ length: Math.min(10, rest) }, () => ({
        at: (order[turn++ % Math.max(1, order.length)] ?? 0) + turn * 7,
        again: false,
      }));
      await this.arrive({ do: 'arrive', which, meanwhile: undefined });
    }
  }

  /** What was put off comes again, though not at once. */
  async #rest(): Promise<number> {
    this.world.clock.advance(MINUTE);
    const messages = await this.#live.queue.receive({ waitSeconds: 0 });
    await this.#live.queue.remove(messages);
    this.#onTheWay.push(...messages.map(({ body }) => body));
    return this.#onTheWay.length + (await this.#live.queue.depth());
  }

  async #index(bodies: readonly string[]): Promise<void> {
    const result = await this.#live.bodies(bodies);
    for (const { error } of result.failed) throw error;
  }

  /** In both forms in turn. */
  #event(key: string): string {
    return this.#serial++ % 2 === 0 ? busEvent(key) : notification(key);
  }
}
