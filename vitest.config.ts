import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // These end a test that hangs; no test promises a time by them. A machine that is busy with other work may be ten times slower.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
