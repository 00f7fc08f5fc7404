/** A registry beside which prunes run: clients go on, and events come late, between the calls of a run. */
import fc from 'fast-check';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { type Arrival, arrivals, clientStep, Deliveries } from './deliveries.ts';
import type { Step } from './generated-registry.ts';
import { intercept } from './intercept.ts';
import { Shadow } from './shadow.ts';
import type { World } from './world.ts';

/** What is not understood keeps whatever its repository still has then, which says nothing of what went before. */
export const step = clientStep.filter((one) => one.do !== 'strange');
export const arrival = arrivals(step);

/** Without waiting: a run's time goes by with the calls it makes. */
export const meanwhile = fc.array(
  fc.record({
    after: fc.nat(400),
    what: fc.oneof(
      step.filter((one) => one.do !== 'wait'),
      arrival,
    ),
  }),
  { maxLength: 6 },
);

export type Meanwhile = readonly { readonly after: number; readonly what: Step | Arrival }[];

export class LiveRegistry {
  readonly shadow = new Shadow();
  readonly deliveries = new Deliveries((step) => this.shadow.take(step));
  readonly world = this.deliveries.world;

  async take(one: Step | Arrival): Promise<void> {
    if (one.do === 'arrive') await this.deliveries.arrive(one);
    else await this.deliveries.take(one);
  }

  /** A run, given what it works with; each of its calls comes after what clients and the indexer do before it. */
  async beside<T>(
    meanwhile: Meanwhile,
    run: (faults: Pick<PruneDependencies, 'table' | 'objects'>) => Promise<T>,
  ): Promise<T> {
    const { world, shadow } = this;
    await world.beat();
    await shadow.prunes();
    let calls = 0;
    const before = async (): Promise<void> => {
      calls++;
      for (const { after, what } of meanwhile) {
        if (after !== calls) continue;
        await this.take(what);
        await shadow.prunes();
      }
    };
    return await run({
      table: intercept(world.table, { before }),
      objects: (guard) => intercept(world.dependencies.objects(guard), { before }),
    });
  }

  async prune(meanwhile: Meanwhile): Promise<Report> {
    return await this.beside(meanwhile, (faults) => this.world.prune({}, faults));
  }
}

/** `<repository>@<digest>` of every manifest that the table has or remembers. */
export async function everIndexed(world: World): Promise<Set<string>> {
  const items = await world.items();
  return new Set(
    items
      .filter(({ pk, sk }) => pk.startsWith('REPO#') && sk.startsWith('MANIFEST#'))
      .map(({ pk, sk }) => `${pk.slice('REPO#'.length)}@${sk.slice('MANIFEST#'.length)}`),
  );
}
