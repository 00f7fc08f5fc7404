/** One line that tells how far something is, how fast it goes and how long it may take. Pure. */

/** How far something is. */
export interface Amount {
  /** What is under way; the rate begins anew when it changes. */
  readonly label: string;
  readonly done: number;
  /** Known or estimated; without it, or beyond it, no share and no remaining time is told. */
  readonly total?: number | undefined;
  /** What else there is to say. */
  readonly text?: string | undefined;
}

/** Long enough to smooth over batches, short enough to follow what changes (milliseconds). */
const WINDOW = 10_000;
/** Before that a rate would be a guess. */
const SHORTEST = 1_000;
/** Samples closer to each other than this are one. */
const GRAIN = 100;

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SMALL = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** The rate of the last ten seconds. */
export class Rate {
  readonly #now: () => number;
  #samples: { at: number; done: number }[] = [];
  #label: string | undefined;

  /** @param now milliseconds; only differences count. */
  constructor(now: () => number) {
    this.#now = now;
  }

  record({ label, done }: Pick<Amount, 'label' | 'done'>): void {
    const at = this.#now();
    const last = this.#samples.at(-1);
    if (label !== this.#label || (last !== undefined && done < last.done)) this.#samples = [];
    this.#label = label;
    const before = this.#samples.at(-2);
    if (before !== undefined && at - before.at < GRAIN) this.#samples.pop();
    this.#samples.push({ at, done });
    // The oldest that is kept is the newest of those that are as old as the window.
    while ((this.#samples[1]?.at ?? at) <= at - WINDOW) this.#samples.shift();
  }

  /** For each second; undefined as long as it cannot be told. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples.at(0), this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < SHORTEST) return undefined;
    return ((last.done - first.done) * 1000) / (last.at - first.at);
  }
}

/**
 * @param width columns that the line may have.
 * @example progressLine({ label: 'prune', done: 1234, total: 5000 }, 410, 80)
 *   // prune  1,234 of 5,000 (24 %)  410/s  about 10 s left
 */
export function progressLine(amount: Amount, perSecond: number | undefined, width: number): string {
  const { label, done, text } = amount;
  const total = amount.total !== undefined && amount.total >= done ? amount.total : undefined;
  const moves = perSecond !== undefined && perSecond > 0;
  const pieces = [
    label,
    total === undefined
      ? NUMBER.format(done)
      : `${NUMBER.format(done)} of ${NUMBER.format(total)}${share(done, total)}`,
    moves ? rateText(perSecond) : '',
    moves && total !== undefined && total > done ? `about ${remaining((total - done) / perSecond)} left` : '',
    text ?? '',
  ];
  return cut(pieces.filter(Boolean).join('  '), width);
}

/** A text that fits into the columns. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${text.slice(0, width - 1)}…`;
}

const share = (done: number, total: number): string =>
  total === 0 ? '' : ` (${Math.floor((done / total) * 100)} %)`;

function rateText(perSecond: number): string {
  if (perSecond >= 0.95) return `${(perSecond < 9.95 ? SMALL : NUMBER).format(perSecond)}/s`;
  return `${SMALL.format(perSecond * 60)}/min`;
}

/** In the largest unit that says enough. */
function remaining(seconds: number): string {
  if (seconds < 59.5) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
