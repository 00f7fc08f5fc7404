/** What the registry has acknowledged, and so owes. */
import type { Artifact } from '../support/images.ts';

export interface Tagged {
  readonly repo: string;
  readonly tag: string;
  readonly artifact: Artifact;
  /** Of the acknowledgement, milliseconds since the epoch. */
  readonly at: number;
}

/** Acknowledged, and alive as long as its subject has a tag. */
export interface Referring {
  readonly repo: string;
  readonly subject: string;
  readonly artifact: Artifact;
}

export interface Retired {
  readonly artifact: Artifact;
  readonly at: number;
}

const id = (repo: string, tag: string) => `${repo}:${tag}`;
/** Of images without a tag, those remembered for a push to come. */
const REMEMBERED = 60;

export class Model {
  readonly #tags = new Map<string, Tagged>();
  readonly #referring = new Set<Referring>();
  readonly #retired = new Map<string, Retired[]>();
  readonly #changing = new Map<string, number>();
  readonly #unsettled = new Map<string, { readonly repo: string; readonly tag: string }>();

  get tagged(): Tagged[] {
    return [...this.#tags.values()];
  }

  get referring(): Referring[] {
    return [...this.#referring];
  }

  find(repo: string, tag: string): Tagged | undefined {
    return this.#tags.get(id(repo, tag));
  }

  /** Tags of the repository that name the digest. */
  tagsOf(repo: string, digest: string): Tagged[] {
    return this.tagged.filter((tagged) => tagged.repo === repo && tagged.artifact.digest === digest);
  }

  inRepo(repo: string): Tagged[] {
    return this.tagged.filter((tagged) => tagged.repo === repo);
  }

  /** Images of the repository that have lost their last tag, latest last. */
  retired(repo: string): readonly Retired[] {
    return this.#retired.get(repo) ?? [];
  }

  /** Tags of which nobody can say what they name, because a request that failed may have changed them. */
  get unsettled(): { readonly repo: string; readonly tag: string }[] {
    return [...this.#unsettled.values()];
  }

  unsettle(repo: string, tag: string): void {
    const tagged = this.find(repo, tag);
    if (tagged !== undefined) this.remove(tagged);
    this.#unsettled.set(id(repo, tag), { repo, tag });
  }

  /** Whether it is owed as it is: acknowledged, not overtaken, and no request under way that changes it. */
  isOwed(tagged: Tagged): boolean {
    const key = id(tagged.repo, tagged.tag);
    return this.#tags.get(key) === tagged && !this.#changing.has(key);
  }

  /** While a request is under way that may change the tags, nothing is known of them. */
  async changing<T>(repo: string, tags: readonly string[], request: () => Promise<T>): Promise<T> {
    const keys = tags.map((tag) => id(repo, tag));
    for (const key of keys) this.#changing.set(key, (this.#changing.get(key) ?? 0) + 1);
    try {
      return await request();
    } finally {
      for (const key of keys) {
        const left = (this.#changing.get(key) ?? 1) - 1;
        if (left > 0) this.#changing.set(key, left);
        else this.#changing.delete(key);
      }
    }
  }

  acknowledge(tagged: Tagged): void {
    const key = id(tagged.repo, tagged.tag);
    const before = this.#tags.get(key);
    this.#tags.set(key, tagged);
    this.#unsettled.delete(key);
    this.#unretire(tagged.repo, tagged.artifact.digest);
    if (before !== undefined) this.#released(before);
  }

  attach(referring: Referring): void {
    this.#referring.add(referring);
  }

  remove({ repo, tag }: Tagged): void {
    const before = this.#tags.get(id(repo, tag));
    this.#tags.delete(id(repo, tag));
    if (before !== undefined) this.#released(before);
  }

  #released({ repo, artifact }: Tagged): void {
    if (this.tagsOf(repo, artifact.digest).length > 0) return;
    for (const referring of this.#referring) {
      if (referring.repo === repo && referring.subject === artifact.digest) this.#referring.delete(referring);
    }
    const retired = [...this.retired(repo), { artifact, at: Date.now() }];
    this.#retired.set(repo, retired.slice(-REMEMBERED));
  }

  #unretire(repo: string, digest: string): void {
    const kept = this.retired(repo).filter(({ artifact }) => artifact.digest !== digest);
    this.#retired.set(repo, kept);
  }
}
