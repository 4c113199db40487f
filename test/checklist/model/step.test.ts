import { expect, test } from 'vitest';
import { stepRecordSchema } from '../../../src/checklist/model/step.ts';

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
