import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { cut, progressLine, Rate } from '../../cli/progress.ts';
import { type Host, Progress } from '../../cli/terminal.ts';

const MANY = 200;

describe('a line of progress', () => {
  it.each([
    [{ label: 'reindex: blobs', done: 0 }, undefined, 'reindex: blobs  0'],
    [{ label: 'reindex: blobs', done: 1234 }, 12.34, 'reindex: blobs  1,234  12/s'],
    [
      { label: 'prune', done: 1234, total: 5000, text: '12.3 MiB reclaimed' },
      410,
      'prune  1,234 of 5,000 (24 %)  410/s  about 9 s left  12.3 MiB reclaimed',
    ],
    [{ label: 'prune', done: 5, total: 10 }, undefined, 'prune  5 of 10 (50 %)'],
    [{ label: 'prune', done: 999, total: 1000 }, 5.04, 'prune  999 of 1,000 (99 %)  5/s  about 1 s left'],
    [{ label: 'prune', done: 10, total: 10 }, 5, 'prune  10 of 10 (100 %)  5/s'],
    [{ label: 'prune', done: 0, total: 0 }, undefined, 'prune  0 of 0'],
  ])('%j at %s', (amount, rate, line) => {
    expect(progressLine(amount, rate, MANY)).toBe(line);
  });

  it('has no share of a total that was too low', () => {
    expect(progressLine({ label: 'prune', done: 11, total: 10 }, 5, MANY)).toBe('prune  11  5/s');
  });

  it('promises nothing while nothing moves', () => {
    expect(progressLine({ label: 'prune', done: 5, total: 10 }, 0, MANY)).toBe('prune  5 of 10 (50 %)');
  });

  it.each([
    [60, 'about 1 min left'],
    [59.6, 'about 1 min left'],
    [59, 'about 59 s left'],
    [59 * 60, 'about 59 min left'],
    [3600, 'about 1 h left'],
    [2 * 3600 + 600, 'about 2 h 10 min left'],
    [3 * 86_400, 'about 3 days left'],
  ])('tells %d seconds in the unit that says enough', (seconds, text) => {
    expect(progressLine({ label: 'x', done: 0, total: seconds }, 1, MANY)).toContain(text);
  });

  it('tells a slow rate by the minute', () => {
    expect(progressLine({ label: 'x', done: 1 }, 0.05, MANY)).toBe('x  1  3/min');
  });

  it.each([0, 1, 2, 10, 30, 70, 71])('is never longer than %d columns', (width) => {
    const amount = { label: 'prune', done: 1234, total: 5000, text: '12.3 MiB reclaimed' };
    const line = progressLine(amount, 410, width);
    expect(line.length).toBe(Math.min(width, 71));
    expect(cut('', width)).toBe('');
  });
});

describe('the rate', () => {
  function recorded(samples: readonly (readonly [seconds: number, done: number])[]): Rate {
    let now = 0;
    const rate = new Rate(() => now);
    for (const [seconds, done] of samples) {
      now = 5_000_000 + seconds * 1000;
      rate.record({ label: 'x', done });
    }
    return rate;
  }

  it.each([
    ['nothing yet', [], undefined],
    ['one sample', [[0, 5]], undefined],
    [
      'less than a second',
      [
        [0, 0],
        [0.9, 90],
      ],
      undefined,
    ],
    [
      'a second',
      [
        [0, 0],
        [1, 90],
      ],
      90,
    ],
    [
      'what was there at the beginning does not count',
      [
        [0, 1000],
        [2, 1010],
      ],
      5,
    ],
    [
      'ten seconds alone count',
      [
        [0, 0],
        [10, 1000],
        [20, 1100],
      ],
      10,
    ],
    [
      'a pause longer than ten seconds is part of the rate',
      [
        [0, 0],
        [100, 1000],
      ],
      10,
    ],
    [
      'a standstill',
      [
        [0, 7],
        [5, 7],
      ],
      0,
    ],
  ] as const)('%s', (_, samples, rate) => {
    expect(recorded(samples).perSecond).toBe(rate);
  });

  it('is the same however often it is told', () => {
    const often = Array.from({ length: 20_000 }, (_, at) => [at / 1000, at] as const);
    expect(recorded(often).perSecond).toBeCloseTo(1000, -1);
  });

  it('begins anew with what is under way, or when it goes back', () => {
    let now = 0;
    const rate = new Rate(() => now);
    rate.record({ label: 'a', done: 0 });
    now = 2000;
    rate.record({ label: 'a', done: 100 });
    expect(rate.perSecond).toBe(50);
    rate.record({ label: 'b', done: 100 });
    expect(rate.perSecond).toBeUndefined();
    now = 4000;
    rate.record({ label: 'b', done: 110 });
    expect(rate.perSecond).toBe(5);
    rate.record({ label: 'b', done: 0 });
    expect(rate.perSecond).toBeUndefined();
  });
});

describe('progress on standard error', () => {
  const ERASE = '\r\u001b[K';

  function onTerminal({ isTTY = true, columns = 40, env = {} } = {}) {
    const stderr = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns });
    const clock = { now: 0 };
    const host = { env, stderr } as unknown as Host;
    const written = (): string => stderr.read() ?? '';
    return { progress: new Progress(host, () => clock.now), clock, written };
  }

  it('is written over, ten times a second at most, and gone at the end', () => {
    const { progress, clock, written } = onTerminal();
    progress.update({ label: 'x', done: 1 });
    progress.update({ label: 'x', done: 2 });
    clock.now = 99;
    progress.show('too early');
    clock.now = 100;
    progress.update({ label: 'x', done: 3 });
    expect(written()).toBe(`${ERASE}x  1${ERASE}x  3`);
    progress.clear();
    progress.clear();
    expect(written()).toBe(ERASE);
  });

  it('measures what it does not show', () => {
    const { progress, clock, written } = onTerminal();
    for (clock.now = 0; clock.now <= 1000; clock.now += 50) progress.update({ label: 'x', done: clock.now });
    expect(written().split(ERASE).at(-1)).toBe('x  1,000  1,000/s');
  });

  it('leaves the last column free', () => {
    const { progress, written } = onTerminal({ columns: 8 });
    progress.show('0123456789');
    expect(written()).toBe(`${ERASE}012345…`);
  });

  it('takes 80 columns where a terminal does not know', () => {
    const { progress, written } = onTerminal({ columns: 0 });
    progress.show('x'.repeat(100));
    expect(written()).toBe(`${ERASE}${'x'.repeat(78)}…`);
  });

  it.each([
    ['a file', { isTTY: false }],
    ['a terminal that cannot erase', { env: { TERM: 'dumb' } }],
  ])('is not written to %s', (_, terminal) => {
    const { progress, written } = onTerminal(terminal);
    progress.update({ label: 'x', done: 1 });
    progress.show('x');
    progress.clear();
    expect(written()).toBe('');
  });
});
