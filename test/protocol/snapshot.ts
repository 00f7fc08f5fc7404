/** A world's start, made once and put back for each schedule. */
import type { Item } from '../../lambdas/store/table.ts';
import { World, type WorldOptions } from '../support/world.ts';

interface Stored {
  readonly key: string;
  readonly body: Uint8Array;
  readonly modified: number;
  /** Under a delete marker of that time. */
  readonly hiddenAt?: number;
}

export class Snapshot {
  readonly items: readonly Item[];
  /** Items that are queued and due, as `pk|sk`. */
  readonly due: ReadonlySet<string>;
  /** What the start has made for those who work then: a plan, a run to be undone. */
  readonly prepared: unknown;
  readonly #objects: readonly Stored[];
  readonly #now: number;
  readonly #options: WorldOptions;

  private constructor(
    items: readonly Item[],
    objects: readonly Stored[],
    {
      now,
      options,
      prepared,
    }: { readonly now: number; readonly options: WorldOptions; readonly prepared: unknown },
  ) {
    this.prepared = prepared;
    this.#options = options;
    this.items = items;
    this.#objects = objects;
    this.#now = now;
    const isDue = ({ dueAt }: Item): boolean => typeof dueAt === 'number' && dueAt <= now;
    this.due = new Set(items.filter(isDue).map(({ pk, sk }) => `${pk}|${sk}`));
  }

  /** Of a world that is thrown away then. Of each key the newest version counts, seen or hidden. */
  static async of(world: World, options: WorldOptions, prepared?: unknown): Promise<Snapshot> {
    const { bucket, clock } = world;
    const keys = new Map<string, { hiddenAt?: number; marker?: string }>();
    for await (const page of bucket.versionsUnder('')) {
      for (const { key, isLatest, isDeleteMarker, lastModified, versionId } of page) {
        if (!isLatest) continue;
        keys.set(key, isDeleteMarker ? { hiddenAt: lastModified.getTime(), marker: versionId } : {});
      }
    }
    const objects: Stored[] = [];
    for (const [key, { hiddenAt, marker }] of keys) {
      if (marker !== undefined) await bucket.deleteVersion(key, marker);
      const object = await bucket.get(key);
      if (object === undefined) continue;
      const hidden = hiddenAt === undefined ? {} : { hiddenAt };
      objects.push({ key, body: object.body, modified: object.lastModified.getTime(), ...hidden });
    }
    return new Snapshot(await world.items(), objects, { now: clock.now(), options, prepared });
  }

  async restore(): Promise<World> {
    const world = new World(this.#options);
    const { bucket, clock, table } = world;
    for (const { key, body, modified, hiddenAt } of this.#objects) {
      bucket.seed(key, body, new Date(modified));
      if (hiddenAt === undefined) continue;
      clock.advance(hiddenAt - clock.now());
      await bucket.deleteMany([key]);
    }
    clock.advance(this.#now - clock.now());
    await table.write(this.items.map((put) => ({ put })));
    return world;
  }
}
