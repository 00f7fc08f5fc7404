/** Files that are there as a whole or not at all. */
import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Writes a file beside its place and then puts it there, so that nobody finds half of it, and a failure leaves the old one.
 *
 * @param unique tells this writer from any other.
 */
export async function writeWhole(path: string, text: string, unique: string): Promise<void> {
  const unfinished = `${path}.${unique}.tmp`;
  try {
    await writeFile(unfinished, text, { flag: 'wx' });
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot write ${path}: ${reason}`, { cause });
  }
}
