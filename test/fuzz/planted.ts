/** Faults to be found. */

/** That nobody comes upon without being led: each block is one that only the block before leads to. */
export function hidden(text: string): void {
  if (!/^\{"/.test(text)) return;
  if (!/^..[0-9]/.test(text)) return;
  if (!/^...[a-z]/.test(text)) return;
  if (!/^....[A-Z]/.test(text)) return;
  if (/^.....[!-/]/.test(text)) throw new RangeError('found');
}

/** Takes 20 ms for each star. */
export function slow(text: string): void {
  const end = process.threadCpuUsage().user + 20_000 * (text.split('*').length - 1);
  while (process.threadCpuUsage().user < end);
}
