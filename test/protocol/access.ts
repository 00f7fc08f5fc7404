/** What a call on a store reads or writes, and so which two calls may change places without anybody seeing it. */
import type { Change } from '../../lambdas/store/table.ts';
import type { Call } from '../support/intercept.ts';
import { ROOT } from '../support/registry-writer.ts';

export interface Access {
  /** What is read or written; of a listing or query, how all of it begins. */
  readonly cell: string;
  readonly writes: boolean;
  readonly prefix?: boolean;
}

export type Space = 'table' | 'bucket' | 'bus';

const reads = (cell: string): Access => ({ cell, writes: false });
const writes = (cell: string): Access => ({ cell, writes: true });
const readsUnder = (cell: string): Access => ({ cell, writes: false, prefix: true });

interface Named {
  readonly pk: string;
  readonly sk: string;
}

const item = ({ pk, sk }: Named): string => `t|${pk}|${sk}`;

/** Whoever deletes relies on the lock: a deletion does not change places with a change of the lock. */
export const LOCK = 't|LOCK|prune';

/**
 * Whether an item may ever have an entry of the queue that a run sees. As long as time stands still, only what is due at
 * the start: whatever is touched becomes due after the grace, and a run takes only what is due.
 */
export type MayBeDue = (pk: string, sk: string) => boolean;

/** The accesses of one call. A call that is not known conflicts with every other. */
export function accessesOf(
  space: Space,
  { operation, arguments: args }: Call,
  mayBeDue: MayBeDue,
): readonly Access[] {
  if (space === 'bus') return [];
  const known = space === 'table' ? ofTable(operation, args, mayBeDue) : ofBucket(operation, args);
  return known ?? [{ cell: '', writes: true, prefix: true }];
}

function ofTable(
  operation: string,
  [first, second]: readonly unknown[],
  mayBeDue: MayBeDue,
): Access[] | undefined {
  switch (operation) {
    case 'get':
      return [reads(item(first as Named))];
    case 'getMany':
      return (first as Named[]).map((key) => reads(item(key)));
    case 'query': {
      const { prefix = '' } = (second ?? {}) as { prefix?: string };
      return [readsUnder(`t|${first}|${prefix}`)];
    }
    case 'due':
      return [reads(`q|${first}`)];
    case 'scan':
      return [readsUnder('t|')];
    case 'update': {
      const { set } = (second ?? {}) as Change;
      const taken = set?.['state'] === 'deleting' ? readsOfTaking(first as Named) : [];
      return [...writesOf(first as Named, mayBeDue), ...taken];
    }
    case 'put':
    case 'remove':
      return writesOf(first as Named, mayBeDue);
    case 'write':
      return (first as ({ put: Named } | { remove: Named })[]).flatMap((one) =>
        writesOf('put' in one ? one.put : one.remove, mayBeDue),
      );
    default:
      return undefined;
  }
}

/** What needs a thing when it is taken is judged by (needs.ts), though whoever takes it does not look at that moment. */
function readsOfTaking({ pk, sk }: Named): Access[] {
  if (sk === 'BLOB') return [readsUnder(`t|${pk}|`)];
  const name = pk.slice('REPO#'.length);
  return [
    readsUnder(`t|HOLDERS#${name}@${sk.slice('MANIFEST#'.length)}|`),
    readsUnder(`b|${ROOT}repositories/${name}/_manifests/tags/`),
  ];
}

/** An item and the entry of the queue that it may have, by the first digit of its digest. */
function writesOf(key: Named, mayBeDue: MayBeDue): Access[] {
  const { pk, sk } = key;
  if (!mayBeDue(pk, sk)) return [writes(item(key))];
  const queue =
    sk === 'BLOB'
      ? `blob#${pk.charAt('BLOB#sha256:'.length)}`
      : pk.startsWith('REPO#') && sk.startsWith('MANIFEST#')
        ? `manifest#${sk.charAt('MANIFEST#sha256:'.length)}`
        : undefined;
  return queue === undefined ? [writes(item(key))] : [writes(item(key)), writes(`q|${queue}`)];
}

function ofBucket(operation: string, [first]: readonly unknown[]): Access[] | undefined {
  switch (operation) {
    case 'head':
    case 'get':
    case 'versions':
      return [reads(`b|${first}`)];
    case 'put':
      return [writes(`b|${first}`)];
    case 'list':
    case 'versionsUnder':
      return [readsUnder(`b|${first}`)];
    case 'delete':
    case 'deleteVersion':
      return [writes(`b|${first}`), reads(LOCK)];
    case 'deleteMany':
      return [...(first as string[]).map((key) => writes(`b|${key}`)), reads(LOCK)];
    case 'deleteVersions':
      return [...(first as { key: string }[]).map(({ key }) => writes(`b|${key}`)), reads(LOCK)];
    case 'versioning':
    case 'multipartUploads':
      return [];
    default:
      return undefined;
  }
}

function meet(a: Access, b: Access): boolean {
  if (!a.writes && !b.writes) return false;
  if (a.prefix && b.cell.startsWith(a.cell)) return true;
  if (b.prefix && a.cell.startsWith(b.cell)) return true;
  return a.cell === b.cell;
}

/** Whether the order of two calls can be seen: they touch the same, and not both only read it. */
export const conflict = (some: readonly Access[], others: readonly Access[]): boolean =>
  some.some((a) => others.some((b) => meet(a, b)));

/**
 * What each actor has been seen to access. A call that conflicts with nothing that any other actor ever accesses is no
 * choice: it can go at once, wherever it stands (docs of the search in explore.ts).
 */
export class Footprints {
  readonly #of = new Map<string, Map<string, Access>>();
  readonly #passed = new Map<string, Map<string, Access>>();
  #isFrozen = false;
  /** A call went at once that conflicts with one seen later: the search begins again, knowing more. */
  isOutdated = false;

  readonly #none: boolean;

  /** Whether time that could go by between two calls makes neither of them a choice. */
  #ignoresTime = false;

  /** @param options `none`: no call is private, so that each is a choice. */
  constructor({ none = false }: { readonly none?: boolean } = {}) {
    this.#none = none;
  }

  /**
   * Notes a call.
   *
   * @param mayWait time may go by before it.
   * @returns whether it meets nothing of the others, as far as is known.
   */
  isPrivate(actor: string, accesses: readonly Access[], mayWait: boolean): boolean {
    if (this.#none) return false;
    if (!this.#isFrozen) this.#learn(actor, accesses);
    if (mayWait && !this.#ignoresTime) return false;
    const key = `${actor} ${accesses.map(({ cell, writes }) => cell + writes).join(' ')}`;
    let verdict = this.#verdicts.get(key);
    if (verdict === undefined) {
      verdict = ![...this.#of].some(
        ([other, theirs]) => other !== actor && conflict(accesses, [...theirs.values()]),
      );
      this.#verdicts.set(key, verdict);
      if (verdict) this.#pass(actor, accesses);
    }
    return verdict;
  }

  #learn(actor: string, accesses: readonly Access[]): void {
    let mine = this.#of.get(actor);
    if (mine === undefined) {
      mine = new Map();
      this.#of.set(actor, mine);
    }
    for (const access of accesses) {
      const id = `${access.writes ? 'w' : 'r'}${access.prefix ? '*' : ''}${access.cell}`;
      if (mine.has(id)) continue;
      mine.set(id, access);
      for (const [other, passed] of this.#passed) {
        if (other !== actor && conflict([access], [...passed.values()])) this.isOutdated = true;
      }
      this.#verdicts.clear();
    }
  }

  /** From now on the same schedule has the same choices, whatever is seen. */
  freeze(): void {
    this.again();
    this.#isFrozen = true;
  }

  readonly #verdicts = new Map<string, boolean>();

  #pass(actor: string, accesses: readonly Access[]): void {
    let passed = this.#passed.get(actor);
    if (passed === undefined) {
      passed = new Map();
      this.#passed.set(actor, passed);
    }
    for (const access of accesses) passed.set(access.cell + access.writes + access.prefix, access);
  }

  /**
   * Another search over what is known by now.
   *
   * @param ignoresTime for one that only looks for something wrong, and leaves out most schedules anyway.
   */
  again(ignoresTime = false): void {
    this.#ignoresTime = ignoresTime;
    this.isOutdated = false;
    this.#passed.clear();
    this.#verdicts.clear();
  }
}
