/** Sorts what comes in any order into the directories of the parts it belongs to. */
import pMap from 'p-map';
import type { WorkFiles } from './work-files.ts';

/** Characters held until they are written; with what JavaScript adds, less than a tenth of the function's memory. */
const HELD = 32 * 1024 * 1024;
const FILES_AT_ONCE = 16;

/** Lines by directory, written when there are many, or when asked to. */
export class Divider {
  readonly #files: WorkFiles;
  readonly #name: string;
  readonly #byDirectory = new Map<string, string[]>();
  #held = 0;
  #written = 0;

  /** @param name of the files: of the slice that writes them. */
  constructor(files: WorkFiles, name: string) {
    this.#files = files;
    this.#name = name;
  }

  async add(directory: string, line: string): Promise<void> {
    const lines = this.#byDirectory.get(directory);
    if (lines === undefined) this.#byDirectory.set(directory, [line]);
    else lines.push(line);
    this.#held += line.length;
    if (this.#held > HELD) await this.flush();
  }

  async flush(): Promise<void> {
    const name = `${this.#name}-${this.#written++}`;
    await pMap(
      this.#byDirectory,
      ([directory, lines]) => this.#files.putLines(`${directory}/${name}`, lines),
      { concurrency: FILES_AT_ONCE },
    );
    this.#byDirectory.clear();
    this.#held = 0;
  }
}
