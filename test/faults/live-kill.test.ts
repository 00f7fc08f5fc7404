import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveKills } from './kill/live-kills.ts';
import { type LiveKillWorld, startLiveKillWorld } from './kill/live-world.ts';

/** At least so many of runs, and a quarter as many of the indexer; more by `LIVE_KILLS=200`, others by `KILLS_SEED=2`. */
const kills = Number(process.env['LIVE_KILLS'] ?? 4);
const seed = Number(process.env['KILLS_SEED'] ?? 1);
const PER_KILL_MS = 60_000;

describe('a collector and an indexer that are killed at random moments, while clients push and pull', () => {
  let world: LiveKillWorld;
  let done: LiveKills;

  beforeAll(
    async () => {
      world = await startLiveKillWorld();
      const log = (line: string) => process.stdout.write(`${line}\n`);
      done = await LiveKills.carryOut(world, { kills, seed, log });
      log(JSON.stringify(done.figures, null, 2));
    },
    240_000 + kills * PER_KILL_MS,
  );

  afterAll(() => world?.stop());

  it('keeps every acknowledged image whole, leaks nothing, and counts what is gone', () => {
    expect(done.findings).toEqual([]);
  });

  it('was killed in all that it does, beside pushes, and reclaimed', () => {
    const { kills: by, pushes, pulls, bytes } = done.figures;
    expect(Object.keys(by)).toEqual(['index', 'prune online', 'reindex', 'restore']);
    expect([pushes, pulls, bytes].every((figure) => figure > 0)).toBe(true);
  });
});
