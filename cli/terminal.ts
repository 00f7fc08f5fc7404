/** Where a command writes and asks. */
import { createInterface } from 'node:readline/promises';

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
    // Ctrl-C or Ctrl-D at the question.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    reader.close();
  }
}

/** One line that is written over; only on a terminal, and gone at the end. */
export class Progress {
  readonly #host: Host;
  #last = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  show(text: string): void {
    const { stderr } = this.#host;
    const now = Date.now();
    if (!stderr.isTTY || now - this.#last < 100) return;
    this.#last = now;
    stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (this.#host.stderr.isTTY && this.#last > 0) this.#host.stderr.write('\r\u001b[K');
  }
}
