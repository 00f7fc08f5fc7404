import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { onTestFinished } from 'vitest';

/** Like `new App()`, which would leave its output in the temporary directory for good. */
export function temporaryApp(): App {
  const outdir = mkdtempSync(join(tmpdir(), 'registry-prune-synth-'));
  onTestFinished(() => rmSync(outdir, { recursive: true, force: true }));
  return new App({ outdir });
}
