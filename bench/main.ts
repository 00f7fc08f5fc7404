#!/usr/bin/env node
/** `npm run bench`: what indexing and pruning cost as the registry grows. */
import { readArguments, USAGE, UsageError } from './arguments.ts';
import { bench } from './bench.ts';
import { processProbe } from './measure.ts';
import { resultText } from './report.ts';

try {
  const { json, help, ...options } = readArguments(process.argv.slice(2));
  if (help) process.stdout.write(`${USAGE}\n`);
  else {
    const result = await bench(options, processProbe(), (name) => process.stderr.write(`${name} …\n`));
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : resultText(result));
    if (result.failures.length > 0) process.exitCode = 1;
  }
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(
    usage ? `${error.message}\n${USAGE}\n` : `${error instanceof Error ? error.stack : error}\n`,
  );
  process.exitCode = usage ? 2 : 1;
}
