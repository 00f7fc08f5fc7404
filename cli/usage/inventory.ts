/** What a registry holds, as far as bytes are concerned: names and digests once, everything else by their numbers. */
import type { State } from '../../lambdas/store/items.ts';
import type { Key } from '../../lambdas/store/table.ts';

/** Strings that are numbered in the order in which they come. */
export class Numbered {
  readonly #numbers = new Map<string, number>();
  readonly #strings: string[] = [];

  get size(): number {
    return this.#strings.length;
  }

  find(text: string): number | undefined {
    return this.#numbers.get(text);
  }

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#strings.length);
    return this.#strings.push(text) - 1;
  }

  text(number: number): string {
    return this.#strings[number] as string;
  }
}

/** A manifest in a repository. */
export interface Manifest {
  readonly repository: number;
  readonly digest: number;
  /** The blobs that it names: its own bytes, its config, its layers. */
  readonly blobs: readonly number[];
  readonly children: readonly number[];
  /** Absent in most. */
  readonly subject: number | undefined;
}

export interface Tag {
  readonly repository: number;
  readonly name: string;
  /** The manifest that it names, which need not be there. */
  readonly digest: number;
}

/** A blob that is there. */
export interface Blob {
  readonly state: BlobState;
  readonly bytes: number;
}

/** A tombstone is no blob. */
export type BlobState = Exclude<State, 'deleted'>;

/** Rows of the table that could not be understood, and are in no figure. */
export interface Unreadable {
  readonly rows: number;
  /** The first of them, as `<pk> / <sk>`. */
  readonly first: readonly string[];
}

/** At most so many rows are named. */
const NAMED_ROWS = 20;

const PAIR = 2 ** 32;

/** Filled by {@link readInventory}; a repository is in it when a manifest, a tag or a link of it is there. */
export class Inventory {
  readonly repositories = new Numbered();
  readonly digests = new Numbered();
  readonly manifests: Manifest[] = [];
  readonly tags: Tag[] = [];
  /** By digest; nothing where there is no such blob. */
  readonly blobs: (Blob | undefined)[] = [];
  /** Links in force, of a repository to a blob: the numbers at the same place in both. */
  readonly links: { readonly repositories: number[]; readonly blobs: number[] } = {
    repositories: [],
    blobs: [],
  };
  readonly #manifestOf = new Map<number, number>();
  readonly #deleted = new Set<string>();
  readonly #unreadable: string[] = [];
  #unreadableRows = 0;

  addManifest(manifest: Manifest): void {
    this.#manifestOf.set(manifest.repository * PAIR + manifest.digest, this.manifests.length);
    this.manifests.push(manifest);
  }

  /** The place of a manifest in `manifests`. */
  manifestOf(repository: number, digest: number): number | undefined {
    return this.#manifestOf.get(repository * PAIR + digest);
  }

  addDeleted(repository: string, digest: string): void {
    this.#deleted.add(`${repository}@${digest}`);
  }

  /** Whether the manifest was in the repository once, and its tombstone still is. */
  wasDeleted(repository: number, digest: string): boolean {
    return this.#deleted.has(`${this.repositories.text(repository)}@${digest}`);
  }

  addUnreadable({ pk, sk }: Key): void {
    this.#unreadableRows++;
    if (this.#unreadable.length < NAMED_ROWS) this.#unreadable.push(`${pk} / ${sk}`);
  }

  get unreadable(): Unreadable {
    return { rows: this.#unreadableRows, first: this.#unreadable };
  }

  /** 0 where there is no such blob. */
  bytesOf(blob: number): number {
    return this.blobs[blob]?.bytes ?? 0;
  }
}
