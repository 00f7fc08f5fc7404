import { defineConfig } from 'vitest/config';

/** One project for each kind of test, so that each can be run, timed and required by itself. */
export default defineConfig({
  test: {
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{registry,hostile,fuzz,filters,store,index,inventory,rebuild,prune,distributed,plan,explain,operations,notifications,cli,usage,bench,restore,architecture}/**/*.test.ts',
          ],
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: { name: 'protocol', include: ['test/protocol/**/*.test.ts'], fileParallelism: false },
      },
      {
        test: {
          name: 'infra',
          include: ['test/infra/**/*.test.ts'],
          testTimeout: 180_000,
          // A template is made before each test.
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          // Of what takes a minute alone, on a machine that does other things as well.
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
