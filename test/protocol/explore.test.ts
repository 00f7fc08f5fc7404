import { describe, expect, it, vi } from 'vitest';
import { exploreAll, TIME } from './jobs.ts';
import { worlds } from './worlds.ts';

vi.setConfig({ testTimeout: 120_000 + 60 * TIME });

describe('every schedule of a small world', () => {
  it('comes to a whole registry', async () => {
    const outcomes = await exploreAll([...worlds.keys()]);
    for (const { world, figures } of outcomes) {
      const { schedules, states, steps, judged, known, asleep, complete } = figures;
      console.log(
        `${world}: ${schedules} schedules, ${states} states, ${steps} steps, ${judged} ends judged, ` +
          `${known} ended at a known state, ${asleep} choices asleep${complete ? '' : '; cut short by time'}`,
      );
    }
    const sum = (of: 'schedules' | 'states' | 'steps'): number =>
      outcomes.reduce((all, { figures }) => all + figures[of], 0);
    const whole = outcomes.filter(({ figures }) => figures.complete).length;
    console.log(
      `${outcomes.length} worlds, ${whole} of them to the end: ` +
        `${sum('schedules')} schedules, ${sum('states')} states, ${sum('steps')} steps`,
    );
    const wrong = outcomes.flatMap(({ world, schedule }) =>
      schedule === undefined ? [] : [`${world}\n${schedule}`],
    );
    expect(wrong).toEqual([]);
    expect(whole).toBeGreaterThan(outcomes.length / 3);
  });
});
