import { ListExportsCommand, UpdateContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import { PointInTimeRecoveryOffError } from '../../../src/backup/native/native.ts';
import type { ApprovedJob, TableEvent } from '../../../src/checklist/contracts/table-control.ts';
import { type BackupJobs, createBackupJobs } from '../../../src/checklist/table-jobs/backups/backup-jobs.ts';
import { createBackupJobRecord, createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { createLease } from '../../../src/state/lease.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type ControlWrite, createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock, settle } from '../../support/rigs/fake-clock.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const LEASE_MS = 15_000;
const never = () => new Promise<never>(() => {});
const flush: ApprovedJob = {
  id: 'a-1',
  work: { kind: 'flush', backupId: 'b', failedOnly: false },
  by: 'U1',
  location: { channel: 'C1' },
  startedAt: 1,
};

/** Bot processes that make backups of a table of ten records in a bucket; the control table is in memory. */
async function createProcesses(options: { readonly recovery?: boolean } = {}) {
  const table = await world.table(Array.from({ length: 10 }, (_, index) => timesheetEntry(index)));
  if (options.recovery)
    await world.dynamodb.send(
      new UpdateContinuousBackupsCommand({
        TableName: table,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
  const clock = createFakeClock();
  const control = createMemoryControlTable();
  const heard: { readonly by: string; readonly event: TableEvent }[] = [];
  /** The error with which reading a stored stop fails. */
  const met: { error?: Error | undefined } = {};

  /** `dieAt`: the process does nothing any more from its n-th write to the control table or to S3 on. */
  function start(
    name: string,
    die: { at: number; when: 'before' | 'after' } = { at: 0, when: 'before' },
    onWrite: (write: ControlWrite) => Promise<void> = async () => {},
  ) {
    let writes = 0;
    let isDead = false;
    const alive = async () => {
      if (isDead) await never();
    };
    const count = async (when: 'before' | 'after') => {
      if (when === die.when) {
        writes += 1;
        if (writes === die.at) isDead = true;
      }
      await alive();
    };
    const mine = control.as({
      async before(write) {
        await onWrite(write);
        await count('before');
      },
      after: () => count('after'),
      beforeRead: alive,
    });
    const s3 = world.alteringS3(() => undefined);
    s3.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          const isWrite = /^(Put|Delete|Create|Upload|Complete|Abort)/.test(commandName);
          await (isWrite ? count('before') : alive());
          const answer = await next(args);
          await (isWrite ? count('after') : alive());
          return answer;
        },
      { step: 'initialize', name: 'dying' },
    );
    const jobs = createBackupJobs({
      ...world.ports,
      clock,
      location: { ...world.location, s3 },
      jobs: controlTableJobs(mine),
      lease: createLease({ table: mine, name: 'fn#backup', holder: name, durationMs: LEASE_MS, clock }),
      table,
      record: createBackupJobRecord(mine, 'fn'),
      tableJob: createJobRecord(mine, 'fn'),
      async emit(event) {
        if (isDead) return never();
        if (event.kind !== 'progress') heard.push({ by: name, event });
        return true;
      },
      readFault: (error) => ({ reason: 'network', message: String(error), fix: 'look' }),
      warn: () => {},
      async storedStop() {
        if (met.error) throw met.error;
        return undefined;
      },
      storeStop: async () => undefined,
      pollMs: 500,
    });
    return {
      jobs,
      kill() {
        isDead = true;
      },
      isDead: () => isDead,
    };
  }

  /** Lets a process look for work every two seconds until it finds none, and real time pass in between. */
  async function standBy(jobs: BackupJobs, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 2_000) {
      const looked = jobs.lookForWork().catch(() => {});
      await clock.advance(2_000);
      await Promise.race([looked, settle()]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const made = async () => (await listBackups(world.location)).filter((record) => record.table.name === table);
  const kinds = () => heard.map(({ event }) => event.kind);
  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return { start, standBy, made, kinds, until, heard, met, clock, control, table };
}

const REQUEST = { by: 'U1', location: { channel: 'C1' } };
const ENDS = ['finished', 'failed', 'stopped'];

describe('a backup whose process dies', () => {
  test.each(['before', 'after'] as const)(
    'ends once in one of the next processes, and is in the catalogue when it says so (killed %s each write)',
    async (when) => {
      let isCovered = false;
      let at = 1;
      for (; !isCovered; at += 1) {
        const { start, standBy, made, kinds, until, heard, control } = await createProcesses();
        const doomed = start('doomed', { at, when });
        void doomed.jobs.backup(REQUEST);
        await until(() => doomed.isDead() || kinds().some((kind) => ENDS.includes(kind)));
        await settle(50);
        isCovered = !doomed.isDead();
        doomed.kill();
        const begun = heard.some(({ event }) => event.kind === 'started') || (await storedJob(control)) !== undefined;
        const next = start('next');
        await standBy(next.jobs, 2 * LEASE_MS);
        await until(() => !begun || kinds().some((kind) => ENDS.includes(kind)));
        await standBy(next.jobs, 4_000);
        expect(await next.jobs.active()).toBeUndefined();
        expect(await storedJob(control)).toBeUndefined();
        if (!begun) {
          // Before the record existed nobody heard of it.
          expect(kinds()).toEqual([]);
          continue;
        }
        const ends = heard.flatMap(({ event }) => (event.kind === 'finished' ? [event] : []));
        expect(
          kinds()
            .filter((kind) => ENDS.includes(kind))
            .every((kind) => kind === 'finished'),
        ).toBe(true);
        expect(ends.length).toBeGreaterThan(0);
        const ids = (await made()).map(({ id }) => id);
        for (const { result } of ends) expect(result).toMatchObject({ record: { id: expect.toBeOneOf(ids) } });
      }
      // Lease, record, marker, data files, manifests, record of the backup, verification, end.
      expect(at).toBeGreaterThan(10);
    },
  );

  test('is not made again where its stop was asked for, nor an hour later', async () => {
    for (const what of ['stop', 'late'] as const) {
      const { start, standBy, heard, clock, until, made } = await createProcesses();
      const doomed = start('doomed', { at: 6, when: 'before' });
      void doomed.jobs.backup(REQUEST);
      await until(doomed.isDead);
      const next = start('next');
      if (what === 'stop') expect(await next.jobs.stop('U9')).toMatchObject({ work: { kind: 'backup' } });
      else await clock.advance(61 * 60_000);
      await standBy(next.jobs, 2 * LEASE_MS);
      await until(() => heard.some(({ by }) => by === 'next'));
      const { event } = heard.find(({ by }) => by === 'next') ?? {};
      expect(event).toMatchObject(
        what === 'stop' ? { kind: 'stopped', by: 'U9' } : { kind: 'failed', refusal: { reason: 'interrupted' } },
      );
      expect(await made()).toEqual([]);
    }
  });

  test('is reported once where it can be neither made again nor ended because of the same error for a minute, and is made when it can', async () => {
    const { start, standBy, heard, met, until, made } = await createProcesses();
    const doomed = start('doomed', { at: 6, when: 'before' });
    void doomed.jobs.backup(REQUEST);
    await until(doomed.isDead);
    const next = start('next');
    met.error = new Error('no route to S3');
    const unsettled = () => heard.flatMap(({ event }) => (event.kind === 'unsettled' ? [event] : []));
    await standBy(next.jobs, LEASE_MS + 30_000);
    expect(unsettled()).toEqual([]);
    await standBy(next.jobs, 3 * 60_000);
    expect(unsettled()).toMatchObject([
      { job: { work: { kind: 'backup' } }, fault: { message: expect.stringMatching(/no route/) } },
    ]);
    met.error = undefined;
    await standBy(next.jobs, 4_000);
    await until(() => heard.some(({ event }) => event.kind === 'finished'));
    expect(await made()).toHaveLength(1);
  });
});

describe('an export', () => {
  const EXPORT = { ...REQUEST, export: true } as const;
  const exportsOf = async (table: string) =>
    ((await world.dynamodb.send(new ListExportsCommand({}))).ExportSummaries ?? []).filter(({ ExportArn = '' }) =>
      ExportArn.includes(`table/${table}/`),
    );

  test('is refused at once without point-in-time recovery, and leaves no record', async () => {
    const { start, control, kinds } = await createProcesses();
    await expect(start('bot').jobs.backup(EXPORT)).rejects.toBeInstanceOf(PointInTimeRecoveryOffError);
    expect(await storedJob(control)).toBeUndefined();
    expect(kinds()).toEqual([]);
  });

  test('whose process dies before any of its writes is followed by the next one, hours later too, and DynamoDB makes it once', async () => {
    for (let at = 1, isCovered = false; !isCovered; at += 1) {
      const { start, standBy, made, kinds, until, heard, control, clock, table } = await createProcesses({
        recovery: true,
      });
      const doomed = start('doomed', { at, when: 'before' });
      void doomed.jobs.backup(EXPORT);
      await until(() => doomed.isDead() || kinds().some((kind) => ENDS.includes(kind)));
      await settle(50);
      isCovered = !doomed.isDead();
      doomed.kill();
      const begun = heard.some(({ event }) => event.kind === 'started') || (await storedJob(control)) !== undefined;
      await clock.advance(7 * 60 * 60_000);
      const next = start('next');
      await standBy(next.jobs, 2 * LEASE_MS);
      await until(() => !begun || kinds().some((kind) => ENDS.includes(kind)));
      await standBy(next.jobs, 4_000);
      expect(await storedJob(control)).toBeUndefined();
      const ends = heard.flatMap(({ event }) => (ENDS.includes(event.kind) ? [event] : []));
      expect(ends.map(({ kind }) => kind)).toEqual(ends.map(() => 'finished'));
      expect(ends.length > 0).toBe(begun);
      expect(await exportsOf(table)).toHaveLength(begun ? 1 : 0);
      expect((await made()).map(({ verification }) => verification.kind)).toEqual(begun ? ['sampled'] : []);
    }
  });
});

const storedJob = async (control: ReturnType<typeof createMemoryControlTable>) =>
  control.table.read({ pk: 'pipeline#fn', sk: 'backup-job' });

describe('a backup and a flush', () => {
  test('do not run at the same time: a backup is refused while a job is stored, and leaves no record', async () => {
    const { start, control } = await createProcesses();
    const { jobs } = start('bot');
    await createJobRecord(control.table, 'fn').claim(flush);
    expect(await jobs.backup(REQUEST)).toMatchObject({
      ok: false,
      refusal: { reason: 'job-active', job: { id: 'a-1' } },
    });
    expect(await storedJob(control)).toBeUndefined();
  });

  test('do not run at the same time: the backup is given up where a job is claimed right before its own claim', async () => {
    const { start, control, kinds } = await createProcesses();
    const { jobs } = start('bot', undefined, async ({ operation, key }) => {
      if (operation === 'create' && key.sk === 'backup-job') await createJobRecord(control.table, 'fn').claim(flush);
    });
    expect(await jobs.backup(REQUEST)).toMatchObject({
      ok: false,
      refusal: { reason: 'job-active', job: { id: 'a-1' } },
    });
    expect(await storedJob(control)).toBeUndefined();
    expect(kinds()).toEqual([]);
  });

  test('a second process is refused while the first one makes a backup', async () => {
    const { start, until, kinds } = await createProcesses();
    const [first, second] = [start('first'), start('second')];
    const begun = await first.jobs.backup(REQUEST);
    expect(begun.ok).toBe(true);
    const refused = await second.jobs.backup(REQUEST);
    expect(refused).toMatchObject({ ok: false, refusal: { reason: 'job-active', job: { work: { kind: 'backup' } } } });
    await until(() => kinds().includes('finished'));
    expect(kinds()).toEqual(['started', 'finished']);
  });
});
