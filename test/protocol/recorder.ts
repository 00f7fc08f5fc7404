/** The stores as they are, with everything noted that a schedule is judged by: contents, deletions, and who did them. */
import type {
  DeleteOutcome,
  DeleteResult,
  ObjectHead,
  ObjectVersion,
  VersionName,
} from '../../lambdas/store/object-store.ts';
import type { Change, EdgeWrite, Item, Key } from '../../lambdas/store/table.ts';
import type { Digest } from '../support/images.ts';
import { type Call, intercept } from '../support/intercept.ts';
import { layerKey, ROOT } from '../support/registry-writer.ts';
import type { World } from '../support/world.ts';
import type { Space } from './access.ts';
import { ContentHash, hashOf, shown } from './hash.ts';
import { Needs } from './needs.ts';
import type { Actor } from './scheduler.ts';
import { VersionNames } from './versions.ts';

type Method = (...args: unknown[]) => Promise<unknown>;

/** Texts as schedules show them; digests have the same names in all worlds. */
const SHORT = new Map<string, string>();

/** Uploads have data too. */
const BLOB_DATA = /\/blobs\/.*\/data$/;

export interface Gone {
  /** Bytes. */
  readonly size: number;
  /** Others have put it or brought it back meanwhile: whether it counts depends on what came first. */
  isDoubtful: boolean;
}

export class Recorder {
  /** Data that an actor has deleted and not brought back, by key. */
  readonly gone = new Map<string, Map<string, Gone>>();
  /** Links of blobs that the indexer has seen, and when. */
  readonly links = new Map<string, number>();
  /** What must never be, as it was seen to be. */
  readonly violations: string[] = [];
  /** Digests by the names that schedules are read with. */
  readonly names = new Map<string, string>();
  readonly #world: World;
  readonly #grace: number;
  readonly #onChange: (key: string, by: Actor) => void;
  readonly #table = new ContentHash();
  readonly #bucket = new ContentHash();
  readonly #versions = new VersionNames();
  readonly #needs: Needs;
  /** When the indexer last touched what is live. */
  readonly #touched = new Map<string, number>();
  #lock: { owner: string; expiresAt: number } | undefined;

  /** @param grace how long what was touched has to rest, milliseconds. */
  constructor(world: World, grace: number, onChange: (key: string, by: Actor) => void) {
    this.#world = world;
    this.#grace = grace;
    this.#onChange = onChange;
    this.#needs = new Needs(world);
  }

  get value(): string {
    return `${this.#table.value} ${this.#bucket.value}`;
  }

  /** What the invariants know of the way to here: two schedules come to the same only where that is the same too. */
  get noted(): string {
    const touched = [...this.#touched].map(([key, at]) => `${key} ${at}`).sort();
    const links = [...this.links].map(([key, at]) => `${key} ${at}`).sort();
    const gone = [...this.gone]
      .map(([name, keys]) => `${name} ${JSON.stringify([...keys].sort(([a], [b]) => (a < b ? -1 : 1)))}`)
      .sort();
    return shown(hashOf(`${touched}\n${links}\n${gone}\n${this.#needs.value}`));
  }

  /** A call in few words. */
  label({ operation, arguments: [first, second] }: Call): string {
    const what =
      typeof first === 'string' || first === undefined
        ? (first ?? '')
        : Array.isArray(first)
          ? first.map(keyOf).join(', ')
          : keyOf(first);
    const states = /"state":"(\w+)"/.exec(JSON.stringify(second ?? ''))?.[1];
    return `${operation}(${this.short(what)}${states === undefined ? '' : ` → ${states}`})`;
  }

  short(text: string): string {
    const known = SHORT.get(text);
    if (known !== undefined) return known;
    const short = this.#shortened(text);
    SHORT.set(text, short);
    return short;
  }

  #shortened(text: string): string {
    let found = text.replaceAll(ROOT, '').replaceAll(/blobs\/sha256\/..\//g, 'blobs/');
    for (const [digest, name] of this.names) {
      found = found.replaceAll(digest, name).replaceAll(digest.replace(':', '/'), name);
      found = found.replaceAll(digest.slice('sha256:'.length), name);
    }
    return found.replaceAll('repositories/', '');
  }

  over<T extends object>(actor: Actor, space: Space, store: T): T {
    if (space === 'table') return this.#overTable(actor, store);
    return space === 'bucket' ? this.#overBucket(actor, store) : store;
  }

  #overTable<T extends object>(actor: Actor, store: T): T {
    return intercept(store, {
      after: async ({ operation, arguments: [first, second] }, answer) => {
        switch (operation) {
          case 'put':
            if (answer === true) this.#stored(first as Item);
            break;
          case 'update':
            if (answer !== undefined) await this.#updated(actor, answer as Item, second as Change);
            break;
          case 'remove':
            if (answer === true) this.#removed(first as Key);
            break;
          case 'write':
            for (const one of first as EdgeWrite[]) {
              if ('put' in one) this.#stored(one.put);
              else this.#removed(one.remove);
            }
        }
      },
    });
  }

  #stored(item: Item): void {
    this.#table.set(`${item.pk}|${item.sk}`, JSON.stringify(item));
  }

  #noteLink({ pk, sk, removedAt }: Item): void {
    if (!sk.startsWith('LINK#') || removedAt !== undefined) return;
    const key = layerKey(sk.slice('LINK#'.length), pk.slice('BLOB#'.length) as Digest);
    this.links.set(key, this.#world.clock.now());
  }

  /** Whoever touches a thing lets it rest for the grace, whatever is said of it in the end. */
  #assertRest({ name }: Actor, { pk, sk, state }: Item, set: NonNullable<Change['set']>): void {
    const key = `${pk}|${sk}`;
    const now = this.#world.clock.now();
    // By what it is queued for: a slow indexer touches with the time at which it has looked.
    const dueAt = Number(set['dueAt']);
    if (name.startsWith('index') && state === 'live' && 'queue' in set)
      this.#touched.set(key, dueAt - this.#world.settings.grace);
    if (!name.startsWith('run') || (set['state'] !== 'deleting' && set['state'] !== 'condemned')) return;
    const touchedAt = this.#touched.get(key);
    if (touchedAt === undefined || touchedAt + this.#grace <= now) return;
    this.violations.push(`${name} takes ${this.short(`${pk} ${sk}`)}, which was touched a moment ago`);
  }

  #removed({ pk, sk }: Key): void {
    this.#table.set(`${pk}|${sk}`, undefined);
  }

  async #updated(actor: Actor, item: Item, { set }: Change): Promise<void> {
    this.#stored(item);
    this.#assertRest(actor, item, set ?? {});
    if (actor.name.startsWith('index')) this.#noteLink(item);
    if (item['state'] === 'deleting' && actor.name.startsWith('run')) await this.#needs.take(item);
    if (item.pk !== 'LOCK') return;
    const lock = { owner: nameOf(item['owner']), expiresAt: Number(item['expiresAt']) };
    const before = this.#lock;
    if (before !== undefined && before.owner !== lock.owner && before.expiresAt > this.#world.clock.now()) {
      this.violations.push(`the lock is held twice: ${lock.owner} took it from ${before.owner}`);
    }
    // Whoever takes it away by force does not hold it then.
    const isForced = actor.name.startsWith('unlock');
    if (lock.owner !== holderOf(actor) && lock.expiresAt > 0 && !isForced) {
      this.violations.push(`${actor.name} changed the lock of ${lock.owner}`);
    }
    this.#lock = lock;
  }

  #overBucket<T extends object>(actor: Actor, store: T): T {
    const versions = this.#versions;
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        const call = member.bind(target) as Method;
        switch (name) {
          case 'head':
          case 'get':
            return async (...args: unknown[]) =>
              versions.head((await call(...args)) as ObjectHead | undefined);
          case 'versions':
            return async (key: string) => versions.list((await call(key)) as ObjectVersion[]);
          case 'versionsUnder':
            return async function* (prefix: string) {
              for await (const page of call(prefix) as unknown as AsyncIterable<ObjectVersion[]>)
                yield page.map((one) => ({ ...one, versionId: versions.name(one.key, one.versionId) }));
            };
          case 'put':
            return async (key: string, ...rest: unknown[]) => {
              const put = await call(key, ...rest);
              if (put === true) await this.#changed(actor, key);
              if (put === true) this.#isBack(actor, key);
              return put;
            };
          case 'delete':
            return async (key: string, ifMatch: string) => {
              this.#assertLock(actor, [key]);
              const outcome = (await call(key, ifMatch)) as DeleteOutcome;
              if (outcome.deleted) await this.#changed(actor, key);
              return versions.outcome(key, outcome);
            };
          case 'deleteMany':
            return async (keys: readonly string[]) => {
              this.#assertLock(actor, keys);
              await this.#assertNeedless(actor, keys);
              const sizes = new Map<string, number | undefined>();
              for (const key of keys) sizes.set(key, (await this.#world.bucket.head(key))?.size);
              const result = (await call(keys)) as DeleteResult;
              for (const { key } of result.deleted) {
                this.#count(actor, key, sizes.get(key));
                await this.#changed(actor, key);
              }
              return versions.result(result);
            };
          case 'deleteVersion':
            return async (key: string, version: string) => {
              this.#assertLock(actor, [key]);
              await call(key, versions.id(key, version));
              await this.#changed(actor, key);
              this.#isBack(actor, key);
            };
          case 'deleteVersions':
            return async (named: readonly VersionName[]) => {
              this.#assertLock(
                actor,
                named.map(({ key }) => key),
              );
              const result = (await call(
                named.map(({ key, versionId }) => ({ key, versionId: versions.id(key, versionId) })),
              )) as DeleteResult;
              for (const key of new Set(named.map(({ key }) => key))) {
                await this.#changed(actor, key);
                this.#isBack(actor, key);
              }
              return versions.result(result);
            };
          default:
            return call;
        }
      },
    });
  }

  #isBack(actor: Actor, key: string): void {
    for (const [name, keys] of this.gone) {
      const gone = keys.get(key);
      if (name === actor.name) keys.delete(key);
      else if (gone !== undefined) gone.isDoubtful = true;
    }
  }

  #count(actor: Actor, key: string, size: number | undefined): void {
    if (!BLOB_DATA.test(key) || !actor.name.startsWith('run')) return;
    if (size === undefined) {
      this.violations.push(`${actor.name} deletes hidden ${this.short(key)}`);
      return;
    }
    const mine = this.gone.get(actor.name) ?? new Map<string, Gone>();
    this.gone.set(actor.name, mine.set(key, { size, isDoubtful: false }));
  }

  /** A run deletes only while the lock is its own, or nobody's since it has given it back. */
  #assertLock(actor: Actor, keys: readonly string[]): void {
    if (!actor.name.startsWith('run') || this.#lock === undefined) return;
    if (this.#lock.owner === holderOf(actor)) return;
    this.violations.push(
      `a stale runner deletes: ${actor.name} ${keys.map((key) => this.short(key)).join(', ')} ` +
        `while ${this.#lock.owner} has the lock`,
    );
  }

  async #assertNeedless(actor: Actor, keys: readonly string[]): Promise<void> {
    if (!actor.name.startsWith('run')) return;
    for (const key of keys) {
      for (const edge of await this.#needs.of(key)) {
        this.violations.push(
          `${actor.name} deletes ${this.short(key)}, which ${this.short(edge)} needed before it was taken`,
        );
      }
    }
  }

  async #changed(actor: Actor, key: string): Promise<void> {
    const versions = this.#versions.list(await this.#world.bucket.versions(key));
    this.#bucket.set(key, versions.length === 0 ? undefined : JSON.stringify(versions));
    if (key.startsWith(ROOT)) this.#onChange(key, actor);
  }
}

/** Whose lock an actor deletes under: all workers of one run, `run1.a` and `run1.b`, under that of `run1`. */
const holderOf = ({ name }: Actor): string => name.split('.')[0] ?? name;

/** Of an owner as locks show it: `run1@host pid 1`. */
const nameOf = (owner: unknown): string => String(owner).split('@')[0] ?? '';

function keyOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  const inner = 'put' in value ? value.put : 'remove' in value ? value.remove : value;
  const { pk, sk, key } = inner as { pk?: string; sk?: string; key?: string };
  return key ?? `${pk} ${sk}`;
}
