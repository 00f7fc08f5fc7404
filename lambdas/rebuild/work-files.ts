/** What the units of a rebuild leave for one another: objects in the registry's bucket, outside the registry's root. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { ObjectStore } from '../store/object-store.ts';
import { listPages } from '../store/pages.ts';
import { PrintSet } from './prints.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** A page of lines, and where it is. */
export interface LinePage {
  readonly file: string;
  /** How many lines of the file are before the page's end. */
  readonly until: number;
  readonly lines: readonly string[];
}

/** Something that a rebuild has left for itself was deleted: it cannot be gone on with, and counts for nothing. */
export class WorkFilesGoneError extends Error {
  override readonly name = 'WorkFilesGoneError';
}

/** The first file of a rebuild, and so the first that a lifecycle rule takes. */
const MARK = 'begun';

/** As many as a listing has in a page. */
const PAGE_LINES = 1000;

/** A file is written once, whole. */
export class WorkFiles {
  readonly #objects: ObjectStore;
  readonly #prefix: string;

  /** @param prefix of one rebuild, ending in a slash. */
  constructor(objects: ObjectStore, prefix: string) {
    this.#objects = objects;
    this.#prefix = prefix;
  }

  /** Before anything else is written. */
  async begin(): Promise<void> {
    await this.putLines(MARK, []);
  }

  /** @throws WorkFilesGoneError when they were deleted since. */
  async assertThere(): Promise<void> {
    await this.lines(MARK);
  }

  async putLines(file: string, lines: readonly string[]): Promise<void> {
    await this.#objects.put(`${this.#prefix}${file}`, await compress(lines.join('\n')));
  }

  async putPrints(file: string, prints: Uint8Array): Promise<void> {
    await this.#objects.put(`${this.#prefix}${file}`, prints);
  }

  /** The lines of one file. @throws WorkFilesGoneError when it is not there: what it named would be taken for absent. */
  async lines(file: string): Promise<string[]> {
    const object = await this.#objects.get(`${this.#prefix}${file}`);
    if (object === undefined) throw new WorkFilesGoneError(`${this.#prefix}${file} is gone`);
    const text = (await expand(object.body)).toString('utf8');
    return text === '' ? [] : text.split('\n');
  }

  /** The lines of all files of a directory, in pages, or those behind a page. */
  async *pages(directory: string, after?: Pick<LinePage, 'file' | 'until'>): AsyncGenerator<LinePage> {
    for (const { file } of await this.#files(directory)) {
      if (after !== undefined && file < after.file) continue;
      const lines = await this.lines(file);
      let from = file === after?.file ? after.until : 0;
      for (; from < lines.length; from += PAGE_LINES) {
        const page = lines.slice(from, from + PAGE_LINES);
        yield { file, until: from + page.length, lines: page };
      }
    }
  }

  /** The fingerprints of all files of a directory, in memory once. */
  async prints(directory: string): Promise<PrintSet> {
    const files = await this.#files(directory);
    const all = new Uint8Array(files.reduce((total, { size }) => total + size, 0));
    let at = 0;
    for (const { file, size } of files) {
      const object = await this.#objects.get(`${this.#prefix}${file}`);
      if (object?.size !== size) throw new Error(`${file}: got ${object?.size} bytes, listed were ${size}`);
      all.set(object.body, at);
      at += size;
    }
    return new PrintSet(all);
  }

  /** The names of the directories right below one, in order. */
  async directories(directory: string): Promise<string[]> {
    const prefix = `${this.#prefix}${directory}/`;
    const names: string[] = [];
    for await (const { prefixes } of listPages(this.#objects, prefix, { delimiter: '/' }))
      names.push(...prefixes.map((one) => one.slice(prefix.length, -1)));
    return names;
  }

  /** Deletes all of them. @throws what S3 throws; what it did not delete stays until its lifecycle rule. */
  async clear(): Promise<void> {
    for (;;) {
      const { objects } = await this.#objects.list(this.#prefix);
      const { deleted } = await this.#objects.deleteMany(objects.map(({ key }) => key));
      if (deleted.length === 0) return;
    }
  }

  async #files(directory: string): Promise<{ readonly file: string; readonly size: number }[]> {
    const files: { readonly file: string; readonly size: number }[] = [];
    for await (const { objects } of listPages(this.#objects, `${this.#prefix}${directory}/`))
      files.push(...objects.map(({ key, size }) => ({ file: key.slice(this.#prefix.length), size })));
    return files;
  }
}
