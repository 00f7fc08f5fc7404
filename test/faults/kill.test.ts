import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Kills } from './kill/kills.ts';
import { type KillWorld, startKillWorld } from './kill/world.ts';

/** At least so many, and each command; more by `KILLS=500`, others by `KILLS_SEED=2`. */
const kills = Number(process.env['KILLS'] ?? 8);
const seed = Number(process.env['KILLS_SEED'] ?? 1);
const PER_KILL_MS = 60_000;

describe('a collector that is killed at random moments, beside a real registry', () => {
  let world: KillWorld;
  let done: Kills;

  beforeAll(
    async () => {
      world = await startKillWorld();
      const log = (line: string) => process.stdout.write(`${line}\n`);
      done = await Kills.carryOut(world, { kills, seed, log });
      log(JSON.stringify(done.figures, null, 2));
    },
    240_000 + kills * PER_KILL_MS,
  );

  afterAll(() => world?.stop());

  it('loses nothing, leaks nothing, and counts what is gone', () => {
    expect(done.findings).toEqual([]);
  });

  it('was killed in all that it does', () => {
    expect(done.count).toBeGreaterThanOrEqual(kills);
    const { kills: by, undone, bytes } = done.figures;
    expect(Object.keys(by).sort()).toEqual(['apply', 'prune offline', 'prune online', 'reindex', 'restore']);
    expect([undone, bytes].every((figure) => figure > 0)).toBe(true);
  });
});
