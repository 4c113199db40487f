import { defineConfig } from 'vitest/config';

/** The tests of one file under mutation, without the projects of the whole suite: Stryker starts it once for each target. */
export default defineConfig({
  test: {
    include: (process.env.MUTATION_TESTS ?? '').split(',').filter((file) => file !== ''),
    setupFiles: ['test/mutation/setup.ts'],
    testTimeout: 20_000,
  },
});
