import { describe, expect, it } from 'vitest';
import { nextStep } from '../../lambdas/distributed/next-step.ts';
import type { Course, Worker } from '../../lambdas/store/run-parts.ts';

const COURSE: Course = {
  ...{ runId: 'run', version: 1, owner: 'execution x', request: '{}', requestedAt: 0, startedAt: 0 },
  ...{ refused: false, mayDelete: true, recoverable: true, reindexedAt: 0, expireAt: 0 },
  ...{ cascades: false, walks: false, fence: 4, phase: 'manifests', pass: 1 },
  lanes: [['0'], ['1']],
};

const worker = (lane: number, more: Partial<Worker> = {}): Worker => ({
  ...{ slice: `${lane}`, version: 1, fence: 4, pass: 1, lane, startedAt: 0, deadline: 9 },
  ...{ endedAt: 5, done: true, progress: false },
  ...more,
});
const { endedAt: _, done: __, ...killed } = worker(1);

describe('after a pass', () => {
  it.each<[string, Partial<Course>, Worker[], object]>([
    ['manifests', {}, [worker(0), worker(1)], { do: 'work', phase: 'blobs' }],
    ['manifests that cascade', { cascades: true }, [worker(0), worker(1)], { do: 'work', phase: 'blobs' }],
    [
      'manifests that set others free',
      { cascades: true },
      [worker(0, { progress: true }), worker(1)],
      { do: 'work', phase: 'again' },
    ],
    [
      'the same, where they have to rest',
      {},
      [worker(0, { progress: true }), worker(1)],
      { do: 'work', phase: 'blobs' },
    ],
    ['blobs', { phase: 'blobs' }, [worker(0), worker(1)], { do: 'finish', complete: true }],
    [
      'blobs, with a walk to come',
      { phase: 'blobs', walks: true },
      [worker(0), worker(1)],
      { do: 'work', phase: 'walk' },
    ],
    [
      'blobs, after a walk',
      { phase: 'blobs', walks: true, cascades: true },
      [worker(0), worker(1)],
      { do: 'finish', complete: true },
    ],
    ['a walk', { phase: 'walk', walks: true }, [worker(0), worker(1)], { do: 'finish', complete: true }],
    [
      'which a lane has not ended',
      {},
      [worker(0), worker(1, { done: false })],
      { do: 'finish', complete: false },
    ],
    ['which a lane has not begun', {}, [worker(0)], { do: 'finish', complete: false }],
    ['of which another lane is done twice', {}, [worker(0), worker(0)], { do: 'finish', complete: false }],
    [
      'with the lanes of one before',
      {},
      [worker(0), worker(1, { pass: 0 })],
      { do: 'finish', complete: false },
    ],
    ['in which one has halted', { halted: '{}' }, [worker(0), worker(1)], { do: 'finish', complete: false }],
    [
      'that is one too many',
      { pass: 100, cascades: true },
      [worker(0, { pass: 100, progress: true }), worker(1, { pass: 100 })],
      { do: 'finish', complete: false },
    ],
  ])('of %s', (_, course, workers, step) => {
    expect(nextStep({ ...COURSE, ...course }, workers)).toEqual(step);
  });
});

describe('after a death', () => {
  it.each<[string, Partial<Course>, Worker[], object]>([
    ['of who was replaced', {}, [worker(0), killed, worker(1)], { do: 'takeOver', phase: 'manifests' }],
    [
      'of who was replaced, in a cascade',
      { cascades: true },
      [worker(0), killed, worker(1)],
      { do: 'takeOver', phase: 'again' },
    ],
    ['of who was not', { cascades: true }, [worker(0), killed], { do: 'takeOver', phase: 'manifests' }],
    [
      'with an error',
      { phase: 'blobs' },
      [worker(0), worker(1, { error: 'no connection' }), worker(1)],
      { do: 'takeOver', phase: 'blobs' },
    ],
    [
      'in a walk',
      { phase: 'walk', walks: true },
      [worker(0), killed, worker(1)],
      { do: 'takeOver', phase: 'rest' },
    ],
    [
      'before the run was taken over',
      { fence: 5, tookOverAt: 7 },
      [killed, worker(0), worker(1)],
      { do: 'work', phase: 'blobs' },
    ],
    ['after it', { tookOverAt: 7 }, [killed, worker(0), worker(1)], { do: 'finish', complete: false }],
  ])('%s', (_, course, workers, step) => {
    expect(nextStep({ ...COURSE, ...course }, workers)).toEqual(step);
  });
});
