/** The command line in a real terminal, as a person at a keyboard has it. */
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { onTestFinished } from 'vitest';
import { COMPILED } from './compiled.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const COLUMNS = 100;
const ROWS = 30;
const SCROLLBACK = 1000;
/** For whatever is waited for; a machine under load starts a process in seconds. */
const WITHIN = 30_000;

export type Keys = 'ctrl-c' | 'ctrl-d' | 'enter';
const KEYS: Readonly<Record<Keys, string>> = { 'ctrl-c': '\u0003', 'ctrl-d': '\u0004', enter: '\r' };

/** Of the sixteen a terminal has. */
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

export interface TerminalOptions {
  /** Nothing of this process's own environment but `PATH` is handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default 100 */
  readonly columns?: number;
  /** @default the project's folder */
  readonly cwd?: string;
  /** @default `registry-prune` of this project */
  readonly command?: readonly [string, ...string[]];
}

/**
 * Starts `registry-prune` in a terminal of 100 × 30; the child ends with the test at the latest.
 * @example
 * const terminal = openTerminal(['prune'], { env: services.env });
 * await terminal.shows('Continue? [y/N]');
 * terminal.type('y');
 * terminal.press('enter');
 * expect(await terminal.ended()).toBe(0);
 * expect(terminal.screen()).toContain('Total reclaimed space');
 */
export function openTerminal(args: readonly string[], options: TerminalOptions = {}): TerminalSession {
  const session = new TerminalSession(args, options);
  onTestFinished(() => session.close());
  return session;
}

export class TerminalSession {
  readonly #what: string;
  readonly #pty: IPty;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #exit: Promise<number>;
  readonly #watchers = new Set<() => void>();
  #code: number | undefined;
  /** Everything the terminal was sent, its escapes included. */
  raw = '';

  constructor(
    args: readonly string[],
    { env = {}, columns = COLUMNS, cwd = PROJECT, command }: TerminalOptions,
  ) {
    const [file, ...first] = command ?? [process.execPath, join(PROJECT, 'cli/main.ts')];
    const size = { cols: columns, rows: ROWS };
    this.#what = [command === undefined ? 'registry-prune' : file, ...args].join(' ');
    this.#terminal = new xterm.Terminal({ ...size, scrollback: SCROLLBACK, allowProposedApi: true });
    this.#pty = spawn(file, [...first, ...args], {
      ...size,
      // What TERM is to be; the environment alone would not do.
      name: env['TERM'] ?? 'xterm-256color',
      cwd,
      env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...COMPILED, ...env },
    });
    this.#pty.onData((data) => {
      this.raw += data;
      this.#terminal.write(data, () => this.#changed());
    });
    // What was written before the end is on the screen before the exit code is told.
    this.#exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        this.#terminal.write('', () => {
          this.#code = signal ? 128 + signal : exitCode;
          resolve(this.#code);
          this.#changed();
        });
      });
    });
  }

  /** Resolves as soon as the text is on the screen. */
  async shows(text: string | RegExp): Promise<void> {
    const there = () => (typeof text === 'string' ? this.screen().includes(text) : text.test(this.screen()));
    await this.#until(there, `to show ${typeof text === 'string' ? JSON.stringify(text) : text}`, true);
  }

  /** The exit code; 128 and the signal's number if one ended it. */
  async ended(): Promise<number> {
    await this.#until(() => this.#code !== undefined, 'to end');
    return await this.#exit;
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  press(key: Keys): void {
    this.type(KEYS[key]);
  }

  /**
   * What can be read on it, scrolled up to the beginning: a line that the terminal wrapped is one, and blanks at
   * the end of a line are none.
   * @param styles with marks such as `‹red›…‹/›` around what is coloured or bold.
   */
  screen({ styles = false }: { readonly styles?: boolean } = {}): string {
    const buffer = this.#terminal.buffer.normal;
    const lines: string[] = [];
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row);
      if (line === undefined) break;
      const text = styles ? styledText(line) : line.translateToString(false);
      if (line.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return `${lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd()}\n`;
  }

  /** Ends the child if it still runs. */
  close(): void {
    if (this.#code === undefined) this.#pty.kill('SIGKILL');
    this.#terminal.dispose();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #until(holds: () => boolean, what: string, whileItRuns = false): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        leave();
        reject(new Error(`${this.#what}: waited for it ${what}; ${why}. Its screen:\n${this.screen()}`));
      };
      const timer = setTimeout(() => fail(`not within ${WITHIN / 1000} s`), WITHIN);
      const look = () => {
        if (holds()) {
          leave();
          resolve();
        } else if (whileItRuns && this.#code !== undefined) fail(`it has ended with ${this.#code}`);
      };
      const leave = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }
}

type Line = NonNullable<ReturnType<InstanceType<typeof xterm.Terminal>['buffer']['normal']['getLine']>>;

function styledText(line: Line): string {
  let [text, before] = ['', ''];
  for (let column = 0; column < line.length; column++) {
    const cell = line.getCell(column);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const style = [
      ...(cell.isBold() ? ['bold'] : []),
      ...(cell.isFgDefault() ? [] : [COLOURS[cell.getFgColor()] ?? `colour ${cell.getFgColor()}`]),
    ].join(' ');
    if (style !== before) text += (before === '' ? '' : '‹/›') + (style === '' ? '' : `‹${style}›`);
    text += cell.getChars() || ' ';
    before = style;
  }
  return before === '' ? text : `${text}‹/›`;
}

/** What differs from one run to the next, in the same number of columns where a table may hold it. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, '01KAV3M2Q8Z5N6W4R7T9Y1B3CD'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-11-24T16:50:00.000Z'],
  [/\bsha256:[0-9a-f]{64}/g, `sha256:${'0'.repeat(64)}`],
  [/\b(in|after) \d+\.\d s\b/g, '$1 0.1 s'],
  [/\bat work \d+ s ago\b/g, 'at work 5 s ago'],
  [/\bby \S+@\S+ pid \d+/g, 'by somebody@somewhere pid 1'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:8000'],
];

/** A screen that is the same whenever and wherever it is recorded. */
export function recorded(screen: string): string {
  return VARYING.reduce((text, [pattern, instead]) => text.replaceAll(pattern, instead), screen);
}
