/** `npm run fuzz -- [target] [seconds]`. FUZZ_SEED chooses the inputs, FUZZ_INPUTS how many instead of how long. */
import { Coverage } from './coverage.ts';
import { type Finding, fuzz } from './fuzz.ts';

const coverage = new Coverage((url) => url.includes('/lambdas/'));
const { targets } = await import('./targets.ts');

const [name = 'all', seconds = '60'] = process.argv.slice(2);
const chosen = name === 'all' ? [...targets.keys()] : [name];
const inputs = process.env['FUZZ_INPUTS'];
const limit = inputs === undefined ? { seconds: Number(seconds) } : { inputs: Number(inputs) };
const seed = Number(process.env['FUZZ_SEED'] ?? '1');
if (!chosen.every((one) => targets.has(one)) || Object.values({ ...limit, seed }).some(Number.isNaN)) {
  console.error(`usage: npm run fuzz -- [target] [seconds]; targets: all, ${[...targets.keys()].join(', ')}`);
  process.exit(64);
}

function describe({ input, error }: Finding): string {
  const base64 = Buffer.from(input).toString('base64');
  const shown = JSON.stringify(Buffer.from(input).toString('latin1').slice(0, 2_000));
  return `  input, of ${input.length} bytes: ${shown}\n  as base64: ${base64}\n  ${error instanceof Error ? error.stack : String(error)}`;
}

for (const one of chosen) {
  const target = targets.get(one);
  if (target === undefined) continue;
  const result = await fuzz(target, { seed, coverage, ...limit });
  const { executions, blocks, features, corpus, slowest, finding } = result;
  const memory = Math.round(process.resourceUsage().maxRSS / 1_024);
  console.log(
    `${one}: ${executions} executions, ${blocks} blocks, ${features} features, corpus ${corpus}, slowest ${slowest.toFixed(1)} ms, at most ${memory} MB${finding === undefined ? '' : ', FAILED'}`,
  );
  if (finding === undefined) continue;
  console.error(describe(finding));
  process.exitCode = 1;
}
