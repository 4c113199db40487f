import { expect, test } from 'vitest';
import type { ApprovedJob, JobEnd } from '../../../src/checklist/contracts/table-control.ts';
import { createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { askToStop } from '../../../src/checklist/table-jobs/job-stops.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';

const KEY = { pk: 'pipeline#fn', sk: 'table-job' };
const job: ApprovedJob = {
  id: 'a-1',
  work: { kind: 'flush', backupId: 'b', failedOnly: false },
  by: 'U1',
  approvedBy: 'U2',
  location: { channel: 'C1', ts: '1.1' },
  startedAt: 1,
  fingerprint: [{ name: 'table', value: 'arn' }],
};

test('A job of an older version is read: hold is ignored, and the mode put-back is rows', async () => {
  const { table } = createMemoryControlTable();
  const record = createJobRecord(table, 'fn');
  const old = { id: 'a-0', by: 'U1', location: { channel: 'C1' }, startedAt: 1 };
  await table.create(KEY, { ...old, work: { kind: 'flush', backupId: 'b', failedOnly: false, hold: true } });
  expect(await record.read()).toEqual({ job: { ...old, work: { kind: 'flush', backupId: 'b', failedOnly: false } } });
  await record.remove('a-0');
  const entries = ['0123456789abcdef'];
  await table.create(KEY, { ...old, work: { kind: 'restore', backupId: 'b', mode: 'put-back', entries } });
  expect((await record.read())?.job.work).toEqual({ kind: 'restore', backupId: 'b', mode: 'rows', entries });
});

test('A job is claimed once, and only its own id changes or removes it', async () => {
  const record = createJobRecord(createMemoryControlTable().table, 'fn');
  expect(await record.claim(job)).toBe(true);
  expect(await record.claim({ ...job, id: 'a-2' })).toBe(false);
  expect(await record.askStop('a-2', 'U9')).toBe(false);
  await record.setLiveMessage('a-2', { channel: 'C1', ts: '9.9' });
  await record.setEnd('a-2', { kind: 'stopped', by: 'U9' });
  await record.remove('a-2');
  expect(await record.read()).toEqual({ job });
  await record.setLiveMessage('a-1', { channel: 'C1', ts: '2.2' });
  expect(await record.askStop('a-1', 'U9')).toBe(true);
  expect(await record.read()).toEqual({ job: { ...job, liveMessage: { channel: 'C1', ts: '2.2' } }, stopBy: 'U9' });
  await record.remove('a-1');
  expect(await record.read()).toBeUndefined();
});

test.each<JobEnd>([
  { kind: 'finished', result: { kind: 'restore-rows', restored: 2, taken: 1, notInBackup: 0 }, elapsedMs: 5 },
  { kind: 'stopped', by: 'U9' },
  {
    kind: 'failed',
    refusal: { reason: 'no-backup' },
    progress: { stage: 'deleting', done: 1, total: 2, isApproximate: false, stageMs: 3 },
  },
])('The end of a job is read as it was stored: $kind', async (end) => {
  const record = createJobRecord(createMemoryControlTable().table, 'fn');
  await record.claim(job);
  await record.setEnd('a-1', end);
  expect(await record.read()).toEqual({ job, end });
});

test.each([
  [{ kind: 'bucket', bucket: 'b', key: 'stops/x' } as const, 'is stored there'],
  [{ kind: 'file', path: '/tmp/x' } as const, 'fails: a process on another machine does not see the file'],
  [undefined, 'fails'],
])('A stop that the record refuses and that is stored at %j %s', async (storedIn, _what) => {
  const refused = new Error('no permission to write');
  const warned: unknown[] = [];
  const asking = askToStop(
    {
      record: {
        read: async () => undefined,
        askStop: async () => {
          throw refused;
        },
      },
      storeStop: async () => storedIn,
      warn: (_, cause) => warned.push(cause),
    },
    'a-1',
    'U9',
  );
  if (storedIn?.kind === 'bucket') expect(await asking).toBe(true);
  else await expect(asking).rejects.toBe(refused);
  expect(warned).toEqual([refused]);
});
