import { defineConfig } from 'vitest/config';

/** The tests that are to kill a room's mutants, one worker for all of them. */
export const tests = (...include: string[]) =>
  defineConfig({
    test: {
      include,
      exclude: ['**/*.property.test.ts', '**/crash.test.ts'],
      setupFiles: ['test/mutants/setup.ts'],
      env: { MUTANTS: 'yes' },
      isolate: false,
      testTimeout: 60_000,
    },
  });
