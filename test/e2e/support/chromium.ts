/** A browser of this machine, without a window. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The one that `CHROMIUM` names, else the first on the PATH. */
export function chromiumPath(): string {
  const named = process.env['CHROMIUM'];
  if (named !== undefined) return named;
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const found = directories
    .flatMap((directory) => NAMES.map((name) => join(directory, name)))
    .find(isProgram);
  if (found === undefined)
    throw new Error(`no browser: set CHROMIUM, or put ${NAMES.join(' or ')} on the PATH`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
}
