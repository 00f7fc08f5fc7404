/** Changes of an input: of its bytes, and of what would be the tokens of JSON, of a path or of a list. */
import type { Random } from '../../bench/random.ts';
import { DIGESTS, FIELDS, NAMES, NUMBERS, PROTOTYPES } from '../hostile/arbitraries.ts';

/** Longer inputs teach nothing that shorter ones do not, and take longer. */
export const MAX_LENGTH = 16 * 1024;

const TOKENS = /"(?:[^"\\]|\\.)*"|[A-Za-z0-9._-]+|\s+|./gs;
const PLAIN = [...FIELDS, ...PROTOTYPES, ...DIGESTS, ...NAMES].map((text) =>
  Buffer.from(text).toString('latin1'),
);
const DICTIONARY: readonly string[] = [
  ...PLAIN,
  ...PLAIN.map((text) => JSON.stringify(text)),
  ...NUMBERS,
  ...['true', 'false', 'null', '{}', '[]', '""', ',', ':', '/', '\n', '\0', '\xef\xbb\xbf', '\\ud800', '%2F'],
];

/** Bytes as text of one character each, so that no change loses any. */
type Change = (text: string, random: Random, other: string) => string;

const pick = <T>(random: Random, from: readonly T[]): T | undefined =>
  from[random.between(0, from.length - 1)];

/** Cuts a text at a run of tokens: what is before, the run, and what is after. */
function cut(text: string, random: Random): [string, string, string] {
  const tokens = text.match(TOKENS) ?? [];
  const from = random.between(0, tokens.length);
  const to = random.chance(0.5) ? from + 1 : from + random.between(0, 12);
  return [tokens.slice(0, from).join(''), tokens.slice(from, to).join(''), tokens.slice(to).join('')];
}

const CHANGES: readonly Change[] = [
  (text, random) => {
    const [before, , after] = cut(text, random);
    return before + after;
  },
  (text, random) => {
    const [before, run, after] = cut(text, random);
    const again = random.chance(0.9) ? 2 : random.between(3, 2_000);
    return before + run.repeat(Math.min(again, Math.ceil(MAX_LENGTH / (run.length + 1)))) + after;
  },
  (text, random) => {
    const [before, run, after] = cut(text, random);
    return before + (random.chance(0.5) ? run : '') + pick(random, DICTIONARY) + after;
  },
  (text, random, other) => {
    const [before, , after] = cut(text, random);
    return before + cut(other, random)[1] + after;
  },
  (text, random, other) => cut(text, random)[0] + cut(other, random)[2],
  (text, random) => {
    const [before, run, after] = cut(text, random);
    const [open, close] = random.chance(0.5) ? ['[', ']'] : ['{"a":', '}'];
    const depth = random.chance(0.9) ? 1 : random.between(2, 1_000);
    return before + open.repeat(depth) + run + close.repeat(depth) + after;
  },
  (text, random) => {
    const at = random.between(0, text.length);
    return (
      text.slice(0, at) + String.fromCharCode(random.between(0, 255)) + text.slice(at + random.between(0, 1))
    );
  },
  (text, random) => {
    const at = random.between(0, Math.max(0, text.length - 1));
    const flipped = text.charCodeAt(at) ^ (1 << random.between(0, 7));
    return text.slice(0, at) + String.fromCharCode(flipped & 0xff) + text.slice(at + 1);
  },
];

/** @param other an input from which parts may be taken. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let text = Buffer.from(input).toString('latin1');
  const from = Buffer.from(other).toString('latin1');
  do text = (pick(random, CHANGES) ?? ((same) => same))(text, random, from).slice(0, MAX_LENGTH);
  while (random.chance(0.5));
  return Buffer.from(text, 'latin1');
}
