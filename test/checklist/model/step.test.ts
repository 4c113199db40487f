import { expect, test } from 'vitest';
import {
  closedStepSchema,
  isOverridable,
  overrideSchema,
  type StepFinding,
  stepRecordSchema,
} from '../../../src/checklist/model/step.ts';

const record = { step: 'backup', state: 'failed', by: 'U1', at: 1 };

test('a finding that an earlier version stored under its former kind is read as an error', () => {
  const former = { ...record, found: { kind: 'trouble', message: 'The bucket is missing.' } };
  expect(stepRecordSchema.parse(former)).toEqual({
    ...record,
    found: { kind: 'error', message: 'The bucket is missing.' },
  });
});

test('a finding of an unknown kind is not read', () => {
  expect(stepRecordSchema.safeParse({ ...record, found: { kind: 'unknown' } }).success).toBe(false);
});

const findings: readonly StepFinding[] = [
  { kind: 'backup', backupId: 'b-0001', records: 4_187 },
  { kind: 'backup', backupId: 'b-0001', records: 4_187, sampled: 100 },
  { kind: 'quotas', pacePerMinute: 40, blocking: ['bedrock'] },
  { kind: 'deploy', codeSha256: 'abc', inPlace: true },
  { kind: 'rollback', codeSha256: 'abc' },
  { kind: 'deploy-refused', reason: 'same-code' },
  { kind: 'logging', result: 'proven' },
  { kind: 'sample', images: 5, failed: 1 },
  { kind: 'flush', deleted: 4_187, remaining: 0, backupId: 'b-0001' },
  { kind: 'rescan', runId: 'r-0001' },
  { kind: 'rescan', runId: 'r-0001', noRows: 3 },
  { kind: 'validate', verdict: 'fine', fewerEntries: 2, onlyEntries: true, imagesWithoutRows: 1 },
  { kind: 'interrupted' },
  { kind: 'error', message: 'The bucket is missing.' },
];
test.each(findings)('a finding is read as it was written: $kind', (found) => {
  const stored = { ...record, found };
  expect(stepRecordSchema.parse(JSON.parse(JSON.stringify(stored)))).toEqual(stored);
});

test.each(['nothing', null, {}, 'trouble', { kind: 'backup' }, { kind: 'flush', deleted: '1' }])(
  'what is no finding is not read: %j',
  (found) => {
    expect(stepRecordSchema.safeParse({ ...record, found }).success).toBe(false);
  },
);

test.each(['running', 'done', 'failed', 'skipped'])('a step may be %s', (state) => {
  expect(stepRecordSchema.parse({ ...record, state })).toEqual({ ...record, state });
});
test.each(['to-do', ''])('a started step cannot be %j', (state) => {
  expect(stepRecordSchema.safeParse({ ...record, state }).success).toBe(false);
});

test.each(['to-do', 'running', 'done', 'stale', 'failed', 'skipped'] as const)(
  'a step of a closed checklist may be %s',
  (state) => {
    const closed = { step: 'flush', state, overriddenBy: { by: 'U2', reason: 'known' } } as const;
    expect(closedStepSchema.parse(closed)).toEqual(closed);
    for (const because of ['logging-proven', 'keep'] as const)
      expect(closedStepSchema.parse({ ...closed, because })).toEqual({ ...closed, because });
    expect(closedStepSchema.safeParse({ ...closed, because: '' }).success).toBe(false);
    expect(closedStepSchema.safeParse({ ...closed, state: '' }).success).toBe(false);
  },
);

test('an override covers nothing but what it lists', () => {
  const override = { step: 'sample', by: 'U2', at: 1, reason: 'known', codeSha256: 'abc' };
  expect(overrideSchema.parse(override)).toEqual({ ...override, covers: [] });
  expect(overrideSchema.parse({ ...override, covers: ['sample'] }).covers).toEqual(['sample']);
  expect(overrideSchema.safeParse({ step: 'sample' }).success).toBe(false);
});

test.each([
  ['quotas', true],
  ['test-logging', true],
  ['sample', true],
  ['backup', false],
  ['flush', false],
  ['', false],
])('whether an approver may skip %j: %s', (step, may) => {
  expect(isOverridable(step)).toBe(may);
});
