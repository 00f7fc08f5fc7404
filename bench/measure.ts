/** What a piece of work costs this process. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Where the figures come from; times in milliseconds, memory in bytes. */
export interface Probe {
  readonly wall: () => number;
  /** User and system time of all threads of the process. */
  readonly cpu: () => number;
  readonly memory: () => { readonly rss: number; readonly heapUsed: number };
  /** The highest resident memory since the process began, as the kernel kept it. */
  readonly maxRss: () => number;
  /** How far the heap may grow. */
  readonly heapLimit: () => number;
  /** Frees what is not reachable, so that one piece of work does not leave its garbage to the next. */
  readonly collect: () => void;
}

export interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Bytes, as below. Before the work began. */
  readonly startRss: number;
  /** The highest seen. */
  readonly peakRss: number;
  readonly peakHeap: number;
}

const SAMPLE_MS = 25;

export async function measured<T>(
  probe: Probe,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly usage: Usage }> {
  probe.collect();
  const startRss = probe.memory().rss;
  let [peakRss, peakHeap] = [startRss, 0];
  const sample = () => {
    const { rss, heapUsed } = probe.memory();
    peakRss = Math.max(peakRss, rss);
    peakHeap = Math.max(peakHeap, heapUsed);
  };
  const [wall, cpu] = [probe.wall(), probe.cpu()];
  const sampling = setInterval(sample, SAMPLE_MS);
  try {
    const value = await work();
    sample();
    const wallSeconds = (probe.wall() - wall) / 1000;
    const cpuSeconds = (probe.cpu() - cpu) / 1000;
    return { value, usage: { wallSeconds, cpuSeconds, startRss, peakRss, peakHeap } };
  } finally {
    clearInterval(sampling);
  }
}

/** This process. */
export function processProbe(): Probe {
  setFlagsFromString('--expose-gc');
  const gc: (options: object) => void = runInNewContext('gc');
  return {
    wall: () => performance.now(),
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    memory: () => process.memoryUsage(),
    maxRss: () => process.resourceUsage().maxRSS * 1024,
    heapLimit: () => getHeapStatistics().heap_size_limit,
    // Gives back to the system what it can, as a fresh process would not have it.
    collect: () => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
  };
}
