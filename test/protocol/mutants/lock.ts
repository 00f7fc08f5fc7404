/** Sentences about crashes and the lock (docs/safety.md, section 4), taken out. */
import type { Mutant } from './mutant.ts';

export const LOCK: readonly Mutant[] = [
  {
    name: 'crashes: a blob found deleting is left',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: "return (await isUnderWay(run, item)) ? left : { next: 'resolve', item };",
        to: 'return left; void isUnderWay;',
      },
    ],
    worlds: ['crash of a sweep'],
  },
  {
    name: 'crashes: a blob that another worker of the run deletes is taken from it',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: "return (await isUnderWay(run, item)) ? left : { next: 'resolve', item };",
        to: "return { next: 'resolve', item }; void isUnderWay;",
      },
    ],
    worlds: ['two workers beside a push'],
  },
  {
    name: 'crashes: a manifest that another worker of the run deletes is taken from it',
    changes: [
      {
        file: 'prune/manifests.ts',
        from: "if (item.state === 'deleting' && (await isUnderWay(run, item))) return 'waiting';",
        to: 'void isUnderWay;',
      },
    ],
    worlds: ['two workers beside a tag'],
  },
  {
    name: 'crashes: a manifest found deleting is left',
    changes: [
      {
        file: 'prune/manifests.ts',
        from: "if (item.state === 'deleting') return await resolve(run, item, obstacle);",
        to: "if (item.state === 'deleting') return 'left'; void resolve;",
      },
    ],
    worlds: ['crash of a deletion'],
  },
  {
    name: 'lock: a lease without the skew',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline + SKEW };',
        to: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline };',
      },
    ],
    worlds: ['deletion under way'],
  },
  {
    name: 'lock: a lease shorter than the process lives',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline + SKEW };',
        to: 'const set = { owner, runId, acquiredAt: now(), expiresAt: now() + 300_000 };',
      },
    ],
    worlds: ['deletion under way'],
  },
  {
    name: 'lock: taken away with the fence as it was',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const change = { set: { expiresAt: freeAt }, add: { version: 1, fence: 1 } };',
        to: 'const change = { set: { expiresAt: freeAt }, add: { version: 1 } };',
      },
    ],
    worlds: ['unlocked beside'],
  },
  {
    name: 'lock: free at once when it is taken away',
    changes: [
      {
        file: 'operations/unlock.ts',
        from: 'return Math.min(lock.expiresAt, now + UNLOCK_REST + (isHere ? 0 : SKEW));',
        to: 'return Math.min(lock.expiresAt, now + (isHere ? 0 : SKEW) - 1); void UNLOCK_REST;',
      },
    ],
    worlds: ['unlocked beside a run that lives', 'unlocked beside'],
  },
  {
    name: 'lock: no guard before a deletion',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'if (this.#held && inTime && now - this.#seenAt <= LOOK_LASTS) return;',
        to: 'if (this.#held || !inTime) return;',
      },
    ],
    worlds: ['stale runner'],
  },
  {
    name: 'lock: taken whoever has it',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const free = { any: [{ absent: true } as const, { lessThan: { expiresAt: now() } }] };',
        to: 'const free = { any: [{ absent: true } as const, { exists: true } as const] };',
      },
    ],
    worlds: ['two runs'],
  },
];
