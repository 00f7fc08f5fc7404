/** What the generated registry's table has seen: what became of each release, and when. */
import { tombstoneExpiry } from '../../lambdas/store/metadata.ts';
import type { Catalog } from './catalog.ts';
import type { Fate, Times } from './items.ts';
import { pushedAt } from './releases.ts';
import type { Stage } from './stage.ts';

export interface PastOptions {
  readonly catalog: Catalog;
  readonly stage: Exclude<Stage, 'pruned'>;
  readonly times: Times;
}

export class Past {
  readonly catalog: Catalog;
  readonly stage: PastOptions['stage'];
  readonly times: Times;

  constructor({ catalog, stage, times }: PastOptions) {
    this.catalog = catalog;
    this.stage = stage;
    this.times = times;
  }

  /** When a release was pushed, milliseconds since the epoch. */
  pushedAt(release: number): number {
    return pushedAt(this.catalog.options, this.catalog.place(release));
  }

  fate(release: number): Fate {
    if (this.stage === 'indexed') return 'queued';
    if (!this.catalog.isGarbage(release)) return 'held';
    return this.stage === 'settled' ? 'untagged' : 'deleted';
  }

  /**
   * When a rebuild takes the edges that a manifest puts to have been put: for what had a tag, the moment at which the last
   * of them went elsewhere, which `main` did with the newest release.
   */
  since(manifest: number): number {
    const catalog = this.catalog;
    const { release } = catalog.placeOf(manifest);
    const by = manifest === catalog.topOf(release) ? catalog.mainOf(catalog.repositoryOf(release)) : release;
    return this.pushedAt(by);
  }
}

/** The attributes of an edge that was removed and is kept for a while. */
export const removed = (removedAt: number) => ({ removedAt, expireAt: tombstoneExpiry(removedAt) });
