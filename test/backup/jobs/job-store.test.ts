import { expect, test } from 'vitest';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';

test('a malformed job is reported and left out of the list, and is an error where none may be overlooked', async () => {
  const { table } = createMemoryControlTable();
  const warnings: string[] = [];
  const jobs = controlTableJobs(table, (message) => void warnings.push(message));
  const job = {
    kind: 'flush',
    id: 'f-1',
    backupId: 'b-1',
    startedAt: 1,
    deleted: 2,
    supplemented: 0,
    missing: 0,
    done: {},
  } as const;
  await jobs.write(job);
  await table.update({ pk: 'backup-job', sk: 'f-2' }, { set: { job: '{"kind":"flush"}' } });
  await table.update({ pk: 'backup-job', sk: 'f-3' }, { set: { job: '{' } });
  expect(await jobs.list()).toEqual([job]);
  expect(warnings).toEqual([
    'The record of job f-2 in the control table cannot be read. It is left out.',
    'The record of job f-3 in the control table cannot be read. It is left out.',
  ]);
  await expect(jobs.list({ strict: true })).rejects.toThrow();
});
