import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { HANGS_MS } from './test/support/eventually.ts';
import { LongestFirst, slowestFiles } from './test/support/vitest-order.ts';

/** Tests that start no server. */
const PURE = [
  'test/lib/**/*.test.ts',
  'test/run/rules/**/*.test.ts',
  'test/run/model/**/*.test.ts',
  'test/slack/messages/**/*.test.ts',
  'test/approvals/approval.test.ts',
  'test/architecture/**/*.test.ts',
  'test/docs/**/*.test.ts',
  'test/deploy/**/*.test.ts',
];
/** `npm run test:slow`: the page in a browser, the tour, end-to-end tests, longer faults, long table jobs, moto, Step Functions. */
const SLOW = [
  'test/browser/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/faults/{fault,copies,control-table}-rounds.test.ts',
  'test/faults/soak/**/*.test.ts',
  'test/backup/recreate/**/*.test.ts',
  'test/checklist/table-jobs/{table-steps-{job,prune,recreate,scope},kill-every-write}.test.ts',
  'test/run/control/{missing-rows,slow-control-table,lost-control-table,unsaved-trip}.test.ts',
  'test/**/*moto*.test.ts',
  'test/run/engines/contract/**/*.test.ts',
  'test/run/engines/step-functions/machine-sandbox.test.ts',
  'test/sandbox/aws/step-functions/{map-run,redrive}.test.ts',
];
/** End-to-end tests that also run on the second profile (`test/support/rigs/pipelines.ts`), and those that touch every key of the table. */
const e2e = (names: readonly string[]) => names.map((name) => `test/e2e/${name}.test.ts`);
const ON_INVOICES = e2e(['rescan', 'table', 'scope', 'results', 'other-names', 'recreate']);
const ON_NUMBER_KEY = e2e(['table', 'other-names']);
/** Faults at random moments: a short form in `npm test`, the long one by `npm run test:faults`. */
const FAULTS = ['test/faults/**/*.test.ts', 'test/backup/faults/**/*.test.ts'];

const FULL = process.env.FAULTS === 'full';

export default defineConfig({
  test: {
    pool: 'forks',
    // The files of a project share their processes: loading the modules anew for each file takes longer than its tests.
    isolate: false,
    setupFiles: ['test/support/leave-nothing.ts'],
    reporters: ['default', slowestFiles],
    sequence: { sequencer: LongestFirst },
    // More than the cores of a small machine: most tests wait for a server or a process most of the time.
    maxWorkers: 4,
    // Processes that tests start (the bot, children to be killed) start in half the time.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'rescan-bot-compile-cache') },
    // These end a test that hangs; no test promises a time by them. A machine that is busy with other work may be ten times slower.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: HANGS_MS } },
    // `npm run test:coverage`. What runs in a process that a test starts is not counted.
    coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json'], reportsDirectory: 'coverage' },
    provide: { pipeline: 'timesheets' },
    projects: [
      // A pure test waits for nothing, so one that evaluated no expectation has shown nothing.
      {
        extends: true,
        test: { name: 'pure', include: PURE, exclude: SLOW, expect: { requireAssertions: true } },
      },
      {
        extends: true,
        test: { name: 'servers', include: ['test/**/*.test.ts'], exclude: [...PURE, ...SLOW, ...FAULTS] },
      },
      { extends: true, test: { name: 'faults', include: FAULTS, exclude: FULL ? [] : SLOW } },
      { extends: true, test: { name: 'slow', include: SLOW } },
      {
        extends: true,
        test: { name: 'invoices', include: ON_INVOICES, provide: { pipeline: 'invoices-text-key' } },
      },
      {
        extends: true,
        test: { name: 'invoices-number', include: ON_NUMBER_KEY, provide: { pipeline: 'invoices-number-key' } },
      },
    ],
  },
});
