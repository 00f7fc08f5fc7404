/** What a soak is asked for, in the environment (CONTRIBUTING.md). */
export interface SoakOptions {
  /** At least this long. */
  readonly seconds: number;
  /** At least this many acknowledged pushes. */
  readonly pushes: number;
  /** Of every client's choices; what they meet still depends on who is faster. */
  readonly seed: number;
  /** Go durations. */
  readonly grace: string;
  readonly quarantine: string;
  /** Off: the indexer writes no link back and removes no delete marker, and the soak has to fail. */
  readonly healing: boolean;
  readonly clients: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function soakOptions(environment: Environment): SoakOptions {
  return {
    seconds: count(environment, 'SOAK_SECONDS', 60),
    pushes: count(environment, 'SOAK_PUSHES', 2_000),
    seed: count(environment, 'SOAK_SEED', 1),
    clients: count(environment, 'SOAK_CLIENTS', 8),
    grace: environment['SOAK_GRACE'] ?? '3s',
    quarantine: environment['SOAK_QUARANTINE'] ?? '3s',
    healing: environment['SOAK_HEALING'] !== 'off',
  };
}

function count(environment: Environment, name: string, standard: number): number {
  const value = environment[name];
  if (value === undefined || value === '') return standard;
  if (!/^\d+$/.test(value)) throw new Error(`${name} is "${value}": allowed are whole numbers`);
  return Number(value);
}
