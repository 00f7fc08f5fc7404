/** Where a command writes and asks. */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { type Amount, cut, progressLine, Rate } from './progress.ts';

/** The process, or what a test puts in its place. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Asks on the terminal. @returns whether the answer was yes; anything else is no, as in Docker. */
export async function confirm({ stdin, stderr }: Host, question: string): Promise<boolean> {
  const reader = createInterface({ input: stdin, output: stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
  } catch (error) {
    // Ctrl-C or Ctrl-D at the question; what is said next begins a line.
    if (error instanceof Error && error.name === 'AbortError') {
      stderr.write('\n');
      return false;
    }
    throw error;
  } finally {
    reader.close();
  }
}

/** What the command line has colours for; everything else is plain. */
export type Emphasis = 'error' | 'refusal' | 'total';

export type Paint = (emphasis: Emphasis, text: string) => string;

const STYLES = { error: 'red', refusal: 'yellow', total: 'bold' } as const;

/** Colours for a stream as its reader wants them: NO_COLOR, FORCE_COLOR, TERM=dumb, and none for a file or a pipe. */
export function painter(stream: NodeJS.WritableStream): Paint {
  return (emphasis, text) => styleText(STYLES[emphasis], text, { stream });
}

/** For what is no stream. */
export const plain: Paint = (_, text) => text;

/** Complains on standard error, with the program's name in front. */
export function complain({ stderr }: Host, text: string, emphasis?: Emphasis): void {
  const name = 'registry-prune:';
  stderr.write(`${emphasis === undefined ? name : painter(stderr)(emphasis, name)} ${text}\n`);
}

const ERASE_LINE = '\r\u001b[K';
/** Faster than this nobody reads (milliseconds). */
const REFRESH = 100;
const USUAL_COLUMNS = 80;

/** Whether what is on a line can be taken back. */
export const canErase = ({ stderr, env }: Host): boolean => stderr.isTTY === true && env['TERM'] !== 'dumb';

/** Takes back what is on the line under way; elsewhere begins a new one. */
export const eraseLine = (host: Host): string => (canErase(host) ? ERASE_LINE : '\n');

/** One line that is written over; only on a terminal, and gone at the end. */
export class Progress {
  readonly #host: Host;
  readonly #now: () => number;
  readonly #rate: Rate;
  #shownAt: number | undefined;
  #label: string | undefined;

  /** @param now milliseconds since any moment. */
  constructor(host: Host, now: () => number = Date.now) {
    this.#host = host;
    this.#now = now;
    this.#rate = new Rate(now);
  }

  /** What is done so far, with its rate and, where a total is known, the time that remains. */
  update(amount: Amount): void {
    if (!canErase(this.#host)) return;
    this.#rate.record(amount);
    // What has begun is shown at once: it may be long before there is more to tell.
    if (amount.label !== this.#label) this.#shownAt = undefined;
    this.#label = amount.label;
    this.#write((width) => progressLine(amount, this.#rate.perSecond, width));
  }

  show(text: string): void {
    if (canErase(this.#host)) this.#write((width) => cut(text, width));
  }

  clear(): void {
    if (this.#shownAt !== undefined) this.#host.stderr.write(ERASE_LINE);
    this.#shownAt = undefined;
  }

  #write(lineOf: (width: number) => string): void {
    const now = this.#now();
    if (this.#shownAt !== undefined && now - this.#shownAt < REFRESH) return;
    this.#shownAt = now;
    const { stderr } = this.#host;
    // The last column stays free: some terminals wrap as soon as it is taken.
    stderr.write(`${ERASE_LINE}${lineOf((stderr.columns || USUAL_COLUMNS) - 1)}`);
  }
}
