/** Run after each bundling (`infra/function.ts`): prints what the bundle weighs, and fails when that is too much. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { argv, stderr } from 'node:process';

/** What a bundle may weigh: a function's first start takes longer with each byte. */
export const MAX_BUNDLE_BYTES = 1_000_000;

/** @returns bytes of the bundle in a directory, its source map aside. */
export const bundleSize = (directory: string): number => statSync(join(directory, 'index.mjs')).size;

if (import.meta.main) {
  const [, , directory = '', handler = ''] = argv;
  const size = bundleSize(directory);
  const line = `${handler}: ${(size / 1000).toFixed(0)} kB`;
  if (size > MAX_BUNDLE_BYTES) {
    stderr.write(`${line}, allowed are ${MAX_BUNDLE_BYTES / 1000} kB\n`);
    process.exitCode = 1;
  } else {
    stderr.write(`${line}\n`);
  }
}
