/** What mutation testing of all rooms has in common (https://stryker-mutator.io/docs/stryker-js/configuration). */
export const options = (name: string, mutate: readonly string[], breakAt: number) => ({
  testRunner: 'vitest',
  vitest: { configFile: `test/mutants/${name}.vitest.config.ts`, related: false },
  mutate,
  plugins: ['@stryker-mutator/vitest-runner', './test/mutants/error-texts.ts'],
  ignorers: ['error-texts'],
  coverageAnalysis: 'perTest',
  concurrency: 1,
  timeoutMS: 10_000,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { reportTests: false, logTests: false, allowColor: false },
  htmlReporter: { fileName: `reports/mutants/${name}.html` },
  jsonReporter: { fileName: `reports/mutants/${name}.json` },
  incrementalFile: `reports/mutants/${name}.incremental.json`,
  tempDirName: 'reports/.stryker',
  // Its rewriting of the compiler's settings needs an interface that TypeScript 7 no longer has, and is not needed.
  tsconfigFile: 'none',
  thresholds: { high: 95, low: breakAt, break: breakAt },
});
