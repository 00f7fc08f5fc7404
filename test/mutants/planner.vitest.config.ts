import { tests } from './vitest.ts';

export default tests(
  'test/prune/{plan-manifest,plan-blob,look-again,obstacles,manifest-steps,blob-steps}.test.ts',
  'test/plan/plan-limit.test.ts',
);
