/** Looks for the planted faults, for the test: in a process of its own, where little else has counters. */
import { Coverage } from './coverage.ts';
import { fuzz } from './fuzz.ts';

let isBlind = false;
const coverage = new Coverage((url) => !isBlind && url.endsWith('/planted.ts'));
const { hidden, slow } = await import('./planted.ts');
const decode = (input: Uint8Array): string => new TextDecoder().decode(input);

const target = { seeds: ['{"}'], check: (input: Uint8Array) => hidden(decode(input)) };
const options = { seed: 1, inputs: 3_000, coverage };
const stars = { seeds: ['a*b'], check: (input: Uint8Array) => slow(decode(input)), patience: 10 };
const found = [await fuzz(target, options), await fuzz(stars, options)];
isBlind = true;
found.push(await fuzz(target, options));
console.log(
  JSON.stringify(
    found.map(({ finding }) => (finding ? [decode(finding.input), String(finding.error)] : undefined)),
  ),
);
