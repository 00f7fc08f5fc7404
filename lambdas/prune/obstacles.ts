/** Why nothing of a repository may be deleted, remembered for a little while. */
import type { Metadata } from '../store/metadata.ts';
import type { Obstacles } from './run.ts';

/** An obstacle that comes up meanwhile is seen this much later at most (milliseconds); far below any grace. */
const REMEMBER = 10_000;

export class KnownObstacles implements Obstacles {
  readonly #metadata: Metadata;
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly until: number; readonly why: Promise<string | undefined> }>();
  readonly #added = new Map<string, string>();

  constructor(metadata: Metadata, now: () => number) {
    this.#metadata = metadata;
    this.#now = now;
  }

  async of(repository: string): Promise<string | undefined> {
    const added = this.#added.get(repository);
    if (added !== undefined) return added;
    const known = this.#known.get(repository);
    if (known !== undefined && known.until > this.#now()) return await known.why;
    const why = this.#look(repository);
    this.#known.set(repository, { until: this.#now() + REMEMBER, why });
    return await why;
  }

  add(repository: string, why: string): void {
    this.#added.set(repository, why);
  }

  async #look(repository: string): Promise<string | undefined> {
    const [first] = await this.#metadata.obstacles(repository, 1);
    // `MANIFEST#sha256:…` reads as `manifest sha256:…`.
    return (
      first &&
      `${first.what.replace(/^([A-Z]+)#/, (_, kind: string) => `${kind.toLowerCase()} `)}: ${first.detail}`
    );
  }
}
