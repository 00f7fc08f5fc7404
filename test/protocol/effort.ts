/** Milliseconds that this thread has worked, so that what a search sees does not depend on what else the machine does. */
export function worked(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
