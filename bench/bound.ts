/** What a phase cannot be faster for: how much of each resource it has used. */
import { PROCESSORS } from './cost.ts';
import { LIMITS } from './limits.ts';
import type { Load } from './services.ts';

export interface Share {
  readonly resource: string;
  /** Of what the resource gives in the phase's time; beyond 1 for a while, where bursts are allowed. */
  readonly share: number;
}

export interface Bound {
  /** The resource used most, or `latency` where none is near its limit: calls that wait for one another. */
  readonly by: string;
  /** From the one used most. */
  readonly shares: readonly Share[];
}

/** Used less than that, a resource is not what makes a phase wait. */
const NEAR = 0.7;

/** @param phase its time by the model, and the process's own. */
export function boundOf(
  { busy, processes, used }: Load,
  { seconds, cpuSeconds }: { readonly seconds: number; readonly cpuSeconds: number },
): Bound {
  if (seconds === 0) return { by: 'latency', shares: [] };
  const connections = processes * LIMITS.connections * seconds * 1000;
  const shares: Share[] = [
    { resource: 'connections to DynamoDB', share: busy.table / connections },
    { resource: 'connections to S3', share: busy.bucket / connections },
    { resource: 'CPU', share: cpuSeconds / (processes * PROCESSORS * seconds) },
    ...used.map(({ resource, kind, seconds: taken }) => ({
      resource: `${kind}s of ${resource}`,
      share: taken / seconds,
    })),
  ].sort((a, b) => b.share - a.share);
  const [first] = shares;
  return { by: first !== undefined && first.share >= NEAR ? first.resource : 'latency', shares };
}
