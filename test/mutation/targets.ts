/**
 * A file whose mutants must be noticed, and the tests that run against each of them: pure ones, so that a mutant costs milliseconds,
 * or, where a file decides by conditional writes, tests with a database in the process.
 */
export interface Target {
  readonly file: string;
  readonly tests: readonly string[];
}

const rule = (name: string, ...more: readonly string[]): Target => ({
  file: `src/run/rules/${name}.ts`,
  tests: [`test/run/rules/${name}.test.ts`, ...more],
});

/** The decisions that stop a run, allow a deletion, or compare two states. */
export const TARGETS: readonly Target[] = [
  rule('suspicion'),
  rule('breaker'),
  rule('rate'),
  rule('numbers'),
  rule('totals'),
  rule('engine-cost'),
  rule('growth'),
  rule('row-watch'),
  rule('warnings'),
  rule('forecast'),
  rule('pacer', 'test/run/rules/pacer-restart.test.ts'),
  { file: 'src/approvals/fingerprint.ts', tests: ['test/approvals/approval.test.ts'] },
  { file: 'src/approvals/approval.ts', tests: ['test/approvals/approval.test.ts'] },
  { file: 'src/approvals/approval-lifecycle.ts', tests: ['test/approvals/approval-lifecycle.test.ts'] },
  { file: 'src/approvals/approval-store.ts', tests: ['test/approvals/approval-store.test.ts'] },
  { file: 'src/slack/intake/approver-check.ts', tests: ['test/slack/intake/approver-check.test.ts'] },
  {
    file: 'src/slack/intake/permissions.ts',
    tests: ['test/slack/intake/permissions.test.ts', 'test/slack/intake/approver-check.test.ts'],
  },
  { file: 'src/backup/format/digest.ts', tests: ['test/backup/format/digest.test.ts'] },
  { file: 'src/pipeline/table/condition.ts', tests: ['test/pipeline/table/condition.test.ts'] },
  {
    file: 'src/pipeline/table/swap-plan.ts',
    tests: ['test/pipeline/table/swap-plan.test.ts', 'test/pipeline/table/swap-plan-model.test.ts'],
  },
  { file: 'src/pipeline/table/swap.ts', tests: ['test/pipeline/table/swap.test.ts'] },
  { file: 'src/checklist/model/preconditions.ts', tests: ['test/checklist/model/preconditions.test.ts'] },
  { file: 'src/run/engines/reducer/attempt.ts', tests: ['test/run/engines/local/attempt.test.ts'] },
  { file: 'src/checklist/model/step.ts', tests: ['test/checklist/model/step.test.ts'] },
];
