import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import type { TableEvent, TableJob } from '../../../src/checklist/contracts/table-control.ts';
import { createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { createJobRunner, type JobRunner, type JobRunnerPorts } from '../../../src/checklist/table-jobs/job-runner.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../../src/state/control-table.ts';
import { createLease, type Lease } from '../../../src/state/lease.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { throttled } from '../../support/fault-proxy.ts';
import { timesheetEntry } from '../../support/pipeline-table.ts';

let world: BackupWorld;
let table: string;
let control: ControlTable;
let backupId: string;
let lambda: LambdaClient;
/** What the control table refuses, by operation and content; nothing where undefined. */
let refused: ((operation: string, body: string) => boolean) | undefined;
/** Asked before each deletion of a record. */
let beforeDeletion: () => Promise<void> | void;
const opened: JobRunner[] = [];

beforeEach(async () => {
  refused = undefined;
  beforeDeletion = () => {};
  world = await startBackupWorld();
  table = await world.table(Array.from({ length: 60 }, (_, index) => timesheetEntry(index)));
  backupId = (await world.backup(table)).id;
  lambda = new LambdaClient({ endpoint: world.dynamoUrl, region: 'us-east-1', maxAttempts: 1 });
  const dynamodb = await world.through({
    intercept: ({ operation, body }) =>
      body.includes('"control"') && refused?.(operation, body) ? throttled : undefined,
  });
  control = await openControlTable({ dynamodb, tableName: 'control', clock: systemClock });
});
afterEach(async () => {
  refused = undefined;
  await Promise.all(opened.splice(0).map((runner) => runner.shutDown()));
  lambda.destroy();
  await world.stop();
});

interface Copy {
  readonly runner: JobRunner;
  readonly lease: Lease;
  readonly events: TableEvent[];
  listensTo(kind: TableEvent['kind']): Promise<TableEvent>;
}

let copies = 0;
async function startCopy(more: Partial<JobRunnerPorts> = {}): Promise<Copy> {
  const dynamodb = await world.through({
    async intercept({ operation }) {
      if (operation === 'DeleteItem') await beforeDeletion();
      return undefined;
    },
  });
  const events: TableEvent[] = [];
  const waiting = new Set<() => void>();
  const lease = createLease({
    table: control,
    name: 'fn',
    holder: `copy ${copies++}`,
    durationMs: 60_000,
    clock: systemClock,
  });
  const runner = createJobRunner({
    ...world.ports,
    dynamodb,
    jobs: controlTableJobs(control),
    lambda,
    record: createJobRecord(control, 'fn'),
    lease,
    table,
    functionName: 'fn',
    functionTimeoutMs: async () => 0,
    maxDifference: 10,
    stopFileExists: async () => false,
    stopFile: '/nowhere',
    readFault: (error) => ({ reason: 'network', message: String(error), fix: 'look' }),
    mayGoOn: async () => true,
    noteDone: async () => {},
    async emit(event) {
      events.push(event);
      for (const look of waiting) look();
    },
    warn: () => {},
    pollMs: 10,
    ...more,
  });
  opened.push(runner);
  return {
    runner,
    lease,
    events,
    listensTo: (kind) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find((event) => event.kind === kind);
          if (found) resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

const flushJob = (id: string): TableJob => ({
  id,
  work: { kind: 'flush', backupId, failedOnly: false, hold: false },
  by: 'U1',
  location: { channel: 'C1' },
  startedAt: 1,
});
const pass = async () => undefined;
const fine = { check: pass, confirm: pass };
const recordsLeft = async () => (await world.digest(table)).items;
/** A promise with its end in one's hand. */
function preconditions() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('of two jobs that are approved at the same moment', () => {
  test('one is carried out, and the refused one leaves its right to the table alone', async () => {
    const copy = await startCopy();
    const looking = preconditions();
    const first = copy.runner.begin(flushJob('a-1'), {
      ...fine,
      async check() {
        await looking.opened;
        return undefined;
      },
    });
    expect(await copy.runner.begin(flushJob('a-2'), fine)).toMatchObject({ reason: 'job-active', job: { id: 'a-1' } });
    const deleting = preconditions();
    beforeDeletion = () => deleting.opened;
    looking.open();
    expect(await first).toBeUndefined();
    expect(await copy.runner.begin(flushJob('a-3'), fine)).toMatchObject({ reason: 'job-active', job: { id: 'a-1' } });
    expect(copy.lease.holds()).toBe(true);
    deleting.open();
    await copy.listensTo('finished');
    expect(copy.lease.holds()).toBe(false);
    expect(await recordsLeft()).toBe(0);
  });

  test('the look for work that was left does not take up the one that is just beginning', async () => {
    const copy = await startCopy();
    let looked: Promise<void> | undefined;
    refused = (operation, body) => {
      // The job is being put on record: the other look would find it there a moment later.
      if (operation === 'PutItem' && body.includes('table-job')) looked ??= copy.runner.lookForWork();
      return false;
    };
    expect(await copy.runner.begin(flushJob('a-1'), fine)).toBeUndefined();
    await looked;
    await copy.runner.lookForWork();
    await copy.listensTo('finished');
    expect(copy.events.map(({ kind }) => kind).filter((kind) => kind !== 'progress')).toEqual(['started', 'finished']);
  });
});

describe('a stop', () => {
  test('of a job that is not yet begun is done before the first record is deleted', async () => {
    const copy = await startCopy();
    const looking = preconditions();
    const begun = copy.runner.begin(flushJob('a-1'), {
      ...fine,
      async check() {
        await looking.opened;
        return undefined;
      },
    });
    expect(copy.runner.stop('U9')).toMatchObject({ id: 'a-1' });
    looking.open();
    await begun;
    expect(await copy.listensTo('stopped')).toMatchObject({ by: 'U9' });
    expect(await recordsLeft()).toBe(60);
  });

  test('holds while the control table cannot be written: the job does not go on by itself afterwards', async () => {
    const copy = await startCopy();
    const deleting = preconditions();
    beforeDeletion = () => deleting.opened;
    await copy.runner.begin(flushJob('a-1'), fine);
    await copy.listensTo('progress');
    refused = (operation) => operation === 'UpdateItem' || operation === 'DeleteItem';
    copy.runner.stop('U9');
    deleting.open();
    // Told at once: hearing of a stop cannot wait for the end of other trouble.
    expect(await copy.listensTo('stopped')).toMatchObject({ by: 'U9' });
    const left = await recordsLeft();
    await copy.runner.lookForWork();
    refused = undefined;
    while (copy.runner.current()) await new Promise((resolve) => setTimeout(resolve, 20));
    const next = await startCopy();
    await copy.runner.lookForWork();
    await next.runner.lookForWork();
    expect(await recordsLeft()).toBe(left);
    expect(left).toBeGreaterThan(0);
    expect([...copy.events, ...next.events].filter(({ kind }) => kind === 'resumed')).toEqual([]);
    expect(copy.events.filter(({ kind }) => kind === 'stopped')).toHaveLength(1);
  });

  test('of a job whose record is gone ends it: somebody else has ended it', async () => {
    const copy = await startCopy();
    const deleting = preconditions();
    beforeDeletion = () => deleting.opened;
    await copy.runner.begin(flushJob('a-1'), fine);
    await copy.listensTo('progress');
    await createJobRecord(control, 'fn').remove('a-1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    deleting.open();
    while (copy.runner.current()) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await recordsLeft()).toBeGreaterThan(0);
    expect(copy.lease.holds()).toBe(false);
  });
});

describe('a flush that was done', () => {
  test('is told as done though the checklist cannot be written at once, and is on it in the end', async () => {
    let failures = 2;
    const noted: string[] = [];
    const copy = await startCopy({
      async noteDone(job) {
        if (failures-- > 0) throw new Error('the control table does not answer');
        noted.push(job.id);
      },
    });
    await copy.runner.begin(flushJob('a-1'), fine);
    expect(await copy.listensTo('finished')).toMatchObject({ result: { kind: 'flush', deleted: 60 } });
    while (copy.runner.current()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(noted).toEqual(['a-1']);
    expect(copy.events.map(({ kind }) => kind).filter((kind) => kind !== 'progress')).toEqual(['started', 'finished']);
  });

  test('and whose process died before that was on record is done when it is taken up again', async () => {
    const dying = await startCopy({ noteDone: () => Promise.reject(new Error('the process dies here')) });
    await dying.runner.begin(flushJob('a-1'), fine);
    await dying.listensTo('finished');
    await dying.runner.shutDown();
    await dying.lease.release();
    const next = await startCopy();
    await next.runner.lookForWork();
    expect(await next.listensTo('finished')).toMatchObject({ result: { kind: 'flush', deleted: 60, newRows: 0 } });
    while (next.runner.current()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await controlTableJobs(control).list()).toEqual([]);
  });

  test('leaves no trace that keeps its backup from being pruned, whenever its process died', async () => {
    await controlTableJobs(control).write({
      kind: 'flush',
      id: 'a-0',
      backupId,
      startedAt: 1,
      deleted: 60,
      supplemented: 0,
      missing: 0,
      done: {},
    });
    const copy = await startCopy();
    await copy.runner.lookForWork();
    expect(await controlTableJobs(control).list()).toEqual([]);
  });
});

test('a function that another copy holds for a job begun just now is not released under it', async () => {
  const jobs = controlTableJobs(control);
  const hold = { kind: 'hold', id: 'hold-fn', functionName: 'fn', heldAt: 1 } as const;
  const record = createJobRecord(control, 'fn');
  const copy = await startCopy({
    jobs: {
      ...jobs,
      async list() {
        // The other copy begins between this copy's look for a job and its look for what one left.
        await record.claim(flushJob('a-2'));
        await jobs.write(hold);
        return jobs.list();
      },
    },
  });
  await copy.runner.lookForWork();
  expect(await jobs.read(hold.id)).toEqual(hold);
  expect((await record.read())?.job.id).toBe('a-2');
});
