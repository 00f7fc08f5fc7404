/** One scenario in a process of its own, so that its memory is nobody else's. Options come as JSON, and so does the result. */
import { type BenchOptions, bench } from './bench.ts';
import { processProbe } from './measure.ts';

const options = JSON.parse(process.argv[2] ?? '') as BenchOptions;
const result = await bench(options, processProbe(), (name) => process.stderr.write(`  ${name} …\n`));
process.stdout.write(JSON.stringify(result));
