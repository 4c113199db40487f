import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst, slowestFiles } from './test/support/vitest-order.ts';

/** Tests that start no server, change no environment and leave nothing behind: they share one module cache. */
const PURE = [
  'test/lib/**/*.test.ts',
  'test/run/rules/**/*.test.ts',
  'test/run/model/**/*.test.ts',
  'test/slack/messages/**/*.test.ts',
  'test/approvals/approval.test.ts',
  'test/architecture/**/*.test.ts',
  'test/docs/**/*.test.ts',
];
/** The page in a browser, and the tour: `npm run test:slow`. */
const SLOW = ['test/browser/**/*.test.ts', 'test/e2e/tour.test.ts'];
/** Tests of the whole product. */
const WHOLE = ['test/e2e/**/*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    reporters: ['default', slowestFiles],
    sequence: { sequencer: LongestFirst },
    // More than the cores of a small machine: most tests wait for a server or a process most of the time.
    maxWorkers: 4,
    // Processes that tests start (the bot, children to be killed) start in half the time.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'rescan-bot-compile-cache') },
    // These end a test that hangs; no test promises a time by them. A machine that is busy with other work may be ten times slower.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
      {
        extends: true,
        test: { name: 'servers', include: ['test/**/*.test.ts'], exclude: [...PURE, ...WHOLE, ...SLOW] },
      },
      { extends: true, test: { name: 'whole', include: WHOLE, exclude: SLOW } },
      { extends: true, test: { name: 'slow', include: SLOW } },
    ],
  },
});
