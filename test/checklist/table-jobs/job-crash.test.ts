import { DynamoDBClient, ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import {
  BackupLocationError,
  BackupNotFoundError,
  BackupNotVerifiedError,
  BackupOfAnotherTableError,
  NotRecreatableError,
  TableUnfinishedError,
} from '../../../src/backup/errors.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import type { TableEvent } from '../../../src/checklist/contracts/table-control.ts';
import { TableNotFoundError } from '../../../src/pipeline/table/table.ts';
import type { ControlWrite } from '../../support/memory/memory-control-table.ts';
import { settle } from '../../support/rigs/fake-clock.ts';
import { APPROVAL_MS, type BotProcess, createWorld, LEASE_MS, RECORDS, standBy, type World } from './job-rig.ts';

/** A DynamoDB client that knows the table with this id, or no table. */
function tableIs(id: string | undefined): DynamoDBClient {
  const client = new DynamoDBClient({ region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  client.middlewareStack.add(
    () => async () => {
      if (id === undefined) throw new ResourceNotFoundException({ message: 'no table', $metadata: {} });
      const Table = { TableName: 'T', TableId: id, TableStatus: 'ACTIVE' as const };
      return { output: { $metadata: {}, Table }, response: {} };
    },
    { step: 'initialize', name: 'answer' },
  );
  return client;
}

/** What must hold once everything has settled, wherever a process died. */
async function expectSettled(world: World, id: string, next: BotProcess): Promise<void> {
  const records = world.deleted.map(({ record }) => record);
  expect(new Set(records).size).toBe(records.length);
  expect(await next.record.read()).toBeUndefined();
  expect((await next.lease.acquire()).ok).toBe(true);
  await next.lease.release();
  const approval = await world.approvals.read(id);
  const kinds = world.reported.map(({ event }) => event.kind);
  if (approval?.state.kind === 'used') {
    expect(records).toHaveLength(RECORDS.length);
    const results = world.reported.flatMap(({ event }) => (event.kind === 'finished' ? [event.result] : []));
    expect(results).not.toEqual([]);
    // Also where the end is reported twice, it is the same end.
    for (const result of results) expect(result).toMatchObject({ deleted: RECORDS.length });
  } else {
    // Not started: nothing was deleted, and the end of the request was reported.
    expect(approval?.state).toMatchObject({ kind: 'void', because: 'never-started' });
    expect(records).toEqual([]);
    const isVoid = ({ event }: { event: TableEvent }) =>
      event.kind === 'approval-changed' && event.approval.state.kind === 'void';
    expect(world.reported.filter(isVoid)).not.toEqual([]);
    expect(kinds).not.toContain('finished');
  }
  expect(await next.approve(id)).toMatchObject({ ok: false, refusal: { reason: 'click' } });
  // The message of the request shows its last state, whichever process has known it.
  const shown = world.reported.flatMap(({ event }) => (event.kind === 'request-outdated' ? [event.approval] : []));
  expect(shown).toEqual([approval]);
  expect(await Array.fromAsync(world.approvals.unshown())).toEqual([]);
  expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
}

/** Approves a request in a process that dies at its n-th write to the control table; whether it came so far. */
async function dieAtWrite(n: number, when: 'before' | 'after'): Promise<{ world: World; id: string; died: boolean }> {
  const world = createWorld();
  let writes = 0;
  let isCounting = false;
  const dieAt = (at: 'before' | 'after') => () => {
    if (!isCounting || when !== at) return;
    writes += 1;
    if (writes === n) doomed.kill();
  };
  const doomed = world.process('doomed', { before: dieAt('before'), after: dieAt('after') });
  const { id } = await doomed.request();
  isCounting = true;
  const approved = doomed.approve(id);
  await Promise.race([approved, settle(20)]);
  await settle(50);
  return { world, id, died: writes >= n };
}

describe('a process that dies between Approve and the report of the end', () => {
  test.each(['before', 'after'] as const)(
    'The next process resumes or ends what it left, wherever it died (%s each write of the control table)',
    async (when) => {
      // The first write is the decision itself: before it the request is still open.
      let n = when === 'before' ? 2 : 1;
      for (; ; n += 1) {
        const { world, id, died } = await dieAtWrite(n, when);
        const next = world.process('next');
        await standBy(world, next, 2 * LEASE_MS);
        await expectSettled(world, id, next);
        if (!died) break;
      }
      // Claim, audit, use, report, change of the table, five records, result, end: no fewer writes than that.
      expect(n).toBeGreaterThan(15);
    },
  );

  test.each(['before', 'after'] as const)(
    'A stop outlives the process: wherever that dies after it (%s each write), the job is not resumed and the stop is reported',
    async (when) => {
      let n = 1;
      for (; ; n += 1) {
        const world = createWorld();
        let writes = 0;
        let isStopped = false;
        const dieAt = (at: 'before' | 'after') => (write: { key: { sk: string } }) => {
          // The stop itself is a write that comes through.
          if (!isStopped || when !== at || write.key.sk === 'lease') return;
          writes += 1;
          if (writes === n + 1) doomed.kill();
        };
        const doomed = world.process('doomed', {
          before: dieAt('before'),
          after: dieAt('after'),
          async beforeDeletion(record) {
            if (record !== RECORDS[2]) return;
            isStopped = true;
            doomed.driver.stop('U9');
            await settle();
          },
        });
        const { id } = await doomed.request();
        await doomed.approve(id);
        await settle(50);
        const next = world.process('next');
        await standBy(world, next, 2 * LEASE_MS);
        expect(world.deleted).toHaveLength(2);
        expect(world.reported.some(({ event }) => event.kind === 'stopped' && event.by === 'U9')).toBe(true);
        expect(world.reported.map(({ event }) => event.kind)).not.toContain('resumed');
        expect(await next.record.read()).toBeUndefined();
        if (writes <= n) break;
      }
      // The end, the progress, the report, the record.
      expect(n).toBeGreaterThan(3);
    },
  );

  test('A stop outlives a process that dies in the call during which it was stopped', async () => {
    const world = createWorld();
    const doomed = world.process('doomed', {
      async beforeDeletion(record) {
        if (record !== RECORDS[2]) return;
        doomed.driver.stop('U9');
        await settle();
        doomed.kill();
      },
    });
    const { id } = await doomed.request();
    await doomed.approve(id);
    await settle(20);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(world.deleted).toHaveLength(2);
    expect(await next.heard('stopped')).toMatchObject({ by: 'U9' });
  });

  test('An approval whose process died before it claimed the job ends within seconds once the lease is free', async () => {
    const world = createWorld();
    const first = world.process('first');
    const { id } = await first.request();
    await world.approvals.move(id, 'pending', { kind: 'approved', by: 'U2', at: world.clock.now() });
    first.kill();
    const next = world.process('next');
    await standBy(world, next, 4_000);
    // Another process may be about to start it.
    expect((await world.approvals.read(id))?.state.kind).toBe('approved');
    await standBy(world, next, 4_000);
    expect((await world.approvals.read(id))?.state).toMatchObject({ kind: 'void', because: 'never-started' });
    expect(world.deleted).toEqual([]);
  });

  test('An approval that another process is starting is left alone for as long as that process holds the lease', async () => {
    const world = createWorld();
    let isStarted = false;
    const slow = world.process('slow', {
      async before({ operation, key }) {
        // Counting a large table takes long; the lease is renewed meanwhile.
        if (operation === 'create' && key.sk === 'table-job' && !isStarted) {
          isStarted = true;
          await world.clock.sleep(60_000);
        }
      },
    });
    const { id } = await slow.request();
    const approved = slow.approve(id);
    await settle(20);
    const other = world.process('other');
    await standBy(world, other, 50_000);
    expect((await world.approvals.read(id))?.state.kind).toBe('approved');
    await world.clock.advance(20_000);
    expect(await approved).toMatchObject({ ok: true });
    await slow.heard('finished');
    expect(world.deleted.map(({ by }) => by)).toEqual(RECORDS.map(() => 'slow'));
  });
});

/** A job that died after its second record, and how far the clock went since its approval. */
async function halfDone(world: World, agoMs: number): Promise<string> {
  const doomed = world.process('doomed', {
    beforeDeletion(record) {
      if (record === RECORDS[2]) doomed.kill();
    },
  });
  const { id } = await doomed.request();
  await doomed.approve(id);
  await settle(50);
  expect(world.deleted).toHaveLength(2);
  await world.clock.advance(agoMs);
  return id;
}

describe('a job whose process died', () => {
  test('A job whose process died resumes within the time of its approval, and every record is deleted once', async () => {
    const world = createWorld();
    await halfDone(world, 60_000);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.heard('finished')).toMatchObject({ result: { kind: 'flush', deleted: 5 } });
    expect(world.deleted.map(({ by }) => by)).toEqual(['doomed', 'doomed', 'next', 'next', 'next']);
    expect(world.reported.map(({ event }) => event.kind)).toContain('resumed');
  });

  test('A job whose process died does not resume after the time of its approval: a new request asks to continue it, and continues it when approved', async () => {
    const world = createWorld();
    const id = await halfDone(world, APPROVAL_MS);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(world.deleted).toHaveLength(2);
    const interrupted = await next.heard('interrupted');
    expect(interrupted).toMatchObject({
      because: { reason: 'expired' },
      done: 2,
      next: { ok: true, value: { id: `${id}-2`, state: { kind: 'pending' }, requestedBy: 'U1' } },
    });
    if (!interrupted.next.ok) throw new Error('refused');
    const { options } = interrupted.next.value;
    expect(JSON.parse(options)).toEqual({ kind: 'flush', backupId: 'b-1', failedOnly: false, continues: id });
    // Its progress is kept while the request is open.
    await standBy(world, next, 10_000);
    await world.approvals.setMessage(`${id}-2`, '1.1');
    expect(await next.approve(`${id}-2`)).toMatchObject({ ok: true });
    expect(await next.heard('finished')).toMatchObject({ job: { id: `${id}-2` }, result: { deleted: 5 } });
    expect(world.deleted.map(({ by }) => by)).toEqual(['doomed', 'doomed', 'next', 'next', 'next']);
    await standBy(world, next, 4_000);
    expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
  });

  test.each(['approval#', 'open#', 'message#'])(
    'A process that dies after the write of %s of the request to continue loses neither the request nor the progress of the job',
    async (part) => {
      const world = createWorld();
      const id = await halfDone(world, APPROVAL_MS);
      const second = world.process('second', {
        after({ key }) {
          if (`${key.pk} ${key.sk}`.includes(`${part}${id}-2`)) second.kill();
        },
      });
      await standBy(world, second, 2 * LEASE_MS);
      expect((await world.approvals.read(`${id}-2`))?.state.kind).toBe('pending');
      const third = world.process('third');
      await standBy(world, third, 2 * LEASE_MS);
      expect(await third.heard('interrupted')).toMatchObject({ next: { ok: true, value: { id: `${id}-2` } } });
      const open = await Array.fromAsync(world.approvals.open());
      expect(open.map((approval) => approval.id)).toEqual([`${id}-2`]);
      expect(await Array.fromAsync(world.table.list('backup-job'))).toHaveLength(1);
      await world.clock.advance(APPROVAL_MS);
      await third.requests.expire();
      expect((await world.approvals.read(`${id}-2`))?.state.kind).toBe('expired');
      expect((await Array.fromAsync(world.approvals.unshown())).map((approval) => approval.id)).toContain(`${id}-2`);
    },
  );

  test('A request to continue that is denied leaves nothing behind', async () => {
    const world = createWorld();
    const id = await halfDone(world, APPROVAL_MS);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    await next.requests.withdraw(`${id}-2`, 'U2');
    await standBy(world, next, 4_000);
    expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
    expect(world.deleted).toHaveLength(2);
  });

  test('A dead job for which no new request is possible is reported with the reason, and nothing runs', async () => {
    const world = createWorld();
    await halfDone(world, APPROVAL_MS);
    world.refusal = { reason: 'run-active', runId: 'r-1' };
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.heard('interrupted')).toMatchObject({ next: { ok: false, refusal: { reason: 'run-active' } } });
    expect(await next.record.read()).toBeUndefined();
    expect(world.deleted).toHaveLength(2);
  });

  test('While Slack does not show the request to continue, the job is kept, and the request is made again when it expired', async () => {
    const world = createWorld();
    const id = await halfDone(world, APPROVAL_MS);
    let isSlackDown = true;
    const next = world.process('next', { isShown: ({ kind }) => kind !== 'interrupted' || !isSlackDown });
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.record.read()).toBeDefined();
    expect((await world.approvals.read(`${id}-2`))?.state.kind).toBe('pending');
    await world.clock.advance(APPROVAL_MS);
    await next.requests.expire();
    isSlackDown = false;
    await standBy(world, next, 10_000);
    expect(await next.heard('interrupted')).toMatchObject({
      next: { ok: true, value: { id: `${id}-3`, state: { kind: 'pending' } } },
    });
    expect(await next.record.read()).toBeUndefined();
  });

  test('A precondition that cannot be read does not end the job: it resumes when that can be read again', async () => {
    const world = createWorld();
    await halfDone(world, 1_000);
    world.refusal = { reason: 'preconditions', step: 'flush', unmet: [{ reason: 'quotas-unknown', fix: 'quotas' }] };
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.record.read()).toBeDefined();
    expect(world.reported.map(({ event }) => event.kind)).not.toContain('interrupted');
    world.refusal = undefined;
    await standBy(world, next, 4_000);
    await next.heard('finished');
    expect(world.deleted).toHaveLength(5);
  });

  test('A fault while the new request for a dead job is made keeps the job until the fault passes', async () => {
    const world = createWorld();
    await halfDone(world, APPROVAL_MS);
    world.refusal = { reason: 'fault', fault: { reason: 'network', message: 'no route', fix: 'look' } };
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.record.read()).toBeDefined();
    world.refusal = undefined;
    await standBy(world, next, 4_000);
    expect(await next.heard('interrupted')).toMatchObject({ next: { ok: true } });
  });

  test.each<[string, (world: World, id: string) => Promise<void> | void, object]>([
    [
      'the backup is another one',
      (world) => void world.facts.push({ name: 'digest of the backup', value: 'other' }),
      { reason: 'changed', changed: [{ name: 'digest of the backup' }] },
    ],
    [
      'a precondition no longer holds',
      (world) => {
        world.refusal = { reason: 'no-backup' };
      },
      { reason: 'blocked' },
    ],
    [
      'its approval is for other options',
      (world, id) => setApproval(world, id, { options: '{"kind":"flush","backupId":"b-1","failedOnly":true}' }),
      { reason: 'changed', changed: [{ name: 'options' }] },
    ],
    [
      'its approval is for another action',
      (world, id) => setApproval(world, id, { action: 'restore' }),
      { reason: 'other-action' },
    ],
    [
      'its approval was given on other facts',
      (world, id) => setApproval(world, id, { fingerprint: [{ name: 'table', value: 'another' }] }),
      { reason: 'changed' },
    ],
    [
      'its approval is gone',
      async (world, id) => void (await world.table.remove({ pk: `approval#${id}`, sk: 'approval' })),
      { reason: 'approval-gone' },
    ],
    [
      'it was stored by an older version without its facts',
      async (world) =>
        void (await world.table.update({ pk: 'pipeline#fn', sk: 'table-job' }, { remove: ['fingerprint'] })),
      { reason: 'older-version' },
    ],
  ])('A dead job does not resume where %s', async (_what, change, because) => {
    const world = createWorld();
    const id = await halfDone(world, 1_000);
    await change(world, id);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.heard('interrupted')).toMatchObject({ because });
    expect(world.deleted).toHaveLength(2);
  });

  test.each([
    ['backup-not-found', new BackupNotFoundError('b-1')],
    ['backup-unverified', new BackupNotVerifiedError('b-1', 'its MD5 is another')],
    ['backup-of-another-table', new BackupOfAnotherTableError('b-1', 'arn:1', 'arn:2')],
    ['location', new BackupLocationError('bucket', 'missing', undefined)],
    ['table-missing', new TableNotFoundError('T', undefined)],
  ])('A dead job that meets the error %s is reported once, and people can go on', async (reason, error) => {
    const world = createWorld();
    await halfDone(world, 1_000);
    world.gatherError = error;
    const next = world.process('next');
    await standBy(world, next, 4 * LEASE_MS);
    const interrupted = world.reported.filter(({ event }) => event.kind === 'interrupted');
    expect(interrupted).toMatchObject([
      { event: { because: { reason: 'blocked', refusal: { reason } }, next: { ok: false, refusal: { reason } } } },
    ]);
    expect(await next.record.read()).toBeUndefined();
    expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
    world.gatherError = undefined;
    const { id } = await next.request();
    expect(await next.approve(id)).toMatchObject({ ok: true });
  });

  test('A dead job that meets the same other error for a minute is reported once for each error, and resumes when it can', async () => {
    const world = createWorld();
    await halfDone(world, 1_000);
    const next = world.process('next');
    const messages = () =>
      world.reported.flatMap(({ event }) => (event.kind === 'unsettled' ? [event.fault.message] : []));
    world.gatherError = new Error('AccessDenied, request 0a1b2c3d-1');
    await standBy(world, next, 45_000);
    expect(messages()).toEqual([]);
    // The ids of requests differ each time.
    world.gatherError = new Error('AccessDenied, request 4e5f6a7b-2');
    await standBy(world, next, 120_000);
    expect(messages()).toEqual(['Error: AccessDenied, request 4e5f6a7b-2']);
    world.gatherError = new Error('no route to S3');
    await standBy(world, next, 120_000);
    expect(messages()).toEqual([expect.stringMatching(/AccessDenied/), 'Error: no route to S3']);
    expect(await next.record.read()).toBeDefined();
    world.gatherError = undefined;
    await standBy(world, next, 4_000);
    await next.heard('finished');
  });

  test('A dead job whose facts cannot be read at the moment resumes when they can', async () => {
    const world = createWorld();
    await halfDone(world, 1_000);
    world.gatherError = new Error('no route to S3');
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.record.read()).toBeDefined();
    world.gatherError = undefined;
    await standBy(world, next, 4_000);
    await next.heard('finished');
  });

  test('A dead job resumes although it has changed the number of records itself', async () => {
    const world = createWorld();
    await halfDone(world, 1_000);
    world.facts = world.facts.map((fact) => (fact.name === 'records counted' ? { ...fact, value: '3' } : fact));
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    await next.heard('finished');
    expect(world.deleted).toHaveLength(5);
  });
});

describe('a job that had deleted the table when its process died', () => {
  const RECREATE = { kind: 'flush', backupId: 'b-1', failedOnly: false, recreate: true } as const;
  const s3Error = () => Object.assign(new Error('Slow down'), { name: 'SlowDown', $metadata: { httpStatusCode: 503 } });

  /** The job is approved, has deleted the table, and its process is dead. */
  async function deletedTable(world: World): Promise<string> {
    const jobs = controlTableJobs(world.table);
    const doomed = world.process('doomed', {
      ports: {
        async carryOut({ id }) {
          await jobs.write({ ...recreation, id });
          return new Promise<never>(() => {});
        },
      },
    });
    const { id } = await doomed.request(RECREATE);
    await doomed.approve(id);
    await settle(20);
    doomed.kill();
    return id;
  }
  const recreation = {
    kind: 'recreate',
    backupId: 'b-1',
    startedAt: 1,
    table: 'T',
    tableId: 'id-1',
    digest: 'd',
    records: 5,
    supplemented: 0,
    wasProtected: false,
    stage: 'deleting',
  } as const;
  const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
  const recreated = { kind: 'flush', deleted: 5, supplemented: 0, remaining, newRows: 0 } as const;
  const unfinished = (cause: Error) =>
    new TableUnfinishedError(
      { table: 'T', state: 'unknown', reasons: [cause.message], createUri: 's3://b/c', descriptionUri: 's3://b/d' },
      cause,
    );
  const rejected = () => Object.assign(new Error('expired'), { name: 'ExpiredTokenException' });
  /** Throws `error` at its first calls. */
  const failing = (times: number, error: () => Error) => {
    let calls = 0;
    return () => {
      calls += 1;
      if (calls <= times) throw error();
    };
  };
  const kinds = (world: World) => world.reported.map(({ event }) => event.kind);

  test.each([1, 100_000])(
    'The table is created again although its change cannot be recorded again (%i failed calls)',
    async (times) => {
      const world = createWorld();
      await deletedTable(world);
      const fail = failing(times, s3Error);
      const ports = { recordTableChange: async () => fail(), carryOut: async () => recreated };
      const next = world.process('next', { dynamodb: tableIs(undefined), ports });
      await standBy(world, next, 2 * LEASE_MS);
      expect(await next.heard('finished')).toMatchObject({ result: recreated });
      expect(kinds(world)).not.toContain('failed');
    },
  );

  test.each([
    ['its progress cannot be read', 1, () => new Error('a defect')],
    ['its progress cannot be read for a while', 4, s3Error],
    ['its description cannot be read', 1, () => unfinished(s3Error())],
    ['its description cannot be read for a while', 4, () => unfinished(rejected())],
  ] as const)('The table is created again where %s', async (_what, times, error) => {
    const world = createWorld();
    await deletedTable(world);
    await world.clock.advance(APPROVAL_MS);
    const fail = failing(times, error);
    const carryOut = async () => {
      fail();
      return recreated;
    };
    const next = world.process('next', { dynamodb: tableIs(undefined), ports: { carryOut } });
    await standBy(world, next, 10 * LEASE_MS);
    expect(await next.heard('finished')).toMatchObject({ result: recreated });
    expect(kinds(world)).not.toContain('failed');
    expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
  });

  test('A stop does not end the wait of a job that must create the table again', async () => {
    const world = createWorld();
    await deletedTable(world);
    const fail = failing(5, s3Error);
    const carryOut = async () => {
      fail();
      return recreated;
    };
    const next = world.process('next', { dynamodb: tableIs(undefined), ports: { carryOut } });
    await standBy(world, next, 2 * LEASE_MS);
    expect(kinds(world)).toContain('progress');
    expect(next.driver.stop('U9')).toBeDefined();
    await standBy(world, next, 10 * LEASE_MS);
    expect(await next.heard('finished')).toMatchObject({ result: recreated });
    expect(kinds(world)).not.toContain('stopped');
  });

  test('A shutdown ends the wait at once, and the next process creates the table', async () => {
    const world = createWorld();
    await deletedTable(world);
    const carryOut = () => Promise.reject(s3Error());
    const next = world.process('next', { dynamodb: tableIs(undefined), ports: { carryOut } });
    await standBy(world, next, 4 * LEASE_MS);
    await next.driver.shutDown();
    const last = world.process('last', { dynamodb: tableIs(undefined), ports: { carryOut: async () => recreated } });
    await standBy(world, last, 2 * LEASE_MS);
    await last.heard('finished');
  });

  test('A table that cannot be created again is reported after an hour, and the message does not say that the table is there', async () => {
    const world = createWorld();
    await deletedTable(world);
    const carryOut = () => Promise.reject(unfinished(rejected()));
    const next = world.process('next', { dynamodb: tableIs(undefined), ports: { carryOut } });
    await standBy(world, next, 59 * 60_000);
    expect(kinds(world)).not.toContain('failed');
    await standBy(world, next, 3 * 60_000);
    const failed = await next.heard('failed');
    expect(failed.refusal.reason).toBe('table-unfinished');
    expect(failed).not.toHaveProperty('isTableKept');
  });

  test('A recreation that fails while the table is as it was says that the table was not deleted', async () => {
    const world = createWorld();
    const process = world.process('process', {
      dynamodb: tableIs('id-1'),
      ports: {
        async carryOut({ id }) {
          await controlTableJobs(world.table).write({ ...recreation, id });
          throw new NotRecreatableError('T', ['It has a replica.']);
        },
      },
    });
    const { id } = await process.request(RECREATE);
    await process.approve(id);
    expect(await process.heard('failed')).toMatchObject({ isTableKept: true });
  });
});

const setApproval = async (world: World, id: string, set: Record<string, unknown>) =>
  void (await world.table.update({ pk: `approval#${id}`, sk: 'approval' }, { set }));

describe('a control table that was restored from a backup of an earlier time', () => {
  /** The entries of the control table that tell of approvals and of the job. */
  async function snapshot(world: World, id: string) {
    const keys = [
      { pk: `approval#${id}`, sk: 'approval' },
      { pk: 'pipeline#fn', sk: 'table-job' },
      { pk: 'approvals#fn', sk: `open#${id}` },
    ];
    const entries = await Promise.all(keys.map((key) => world.table.read(key)));
    return async () => {
      for (const [at, key] of keys.entries()) {
        await world.table.remove(key);
        const entry = entries[at];
        if (entry) await world.table.create(key, entry);
      }
    };
  }

  test('A job whose approval is used at the moment in which it is given up as not started is resumed, not forgotten', async () => {
    const world = createWorld();
    const thaw = Promise.withResolvers<void>();
    const isOfApproval = ({ operation, key, set }: ControlWrite, stateKind: string) =>
      operation === 'update' && key.sk === 'approval' && set.stateKind === stateKind;
    const frozen = world.process('frozen', {
      // Its lease is over before this write arrives.
      before: (write) => (isOfApproval(write, 'used') ? thaw.promise : undefined),
    });
    const next = world.process('next', {
      async before(write) {
        if (!isOfApproval(write, 'void')) return;
        thaw.resolve();
        await settle(20);
        frozen.kill();
      },
    });
    const { id } = await frozen.request();
    void frozen.approve(id);
    await settle(20);
    await frozen.lease.release();
    await standBy(world, next, 2 * LEASE_MS);
    expect((await world.approvals.read(id))?.state.kind).toBe('used');
    expect(await next.heard('finished')).toMatchObject({ job: { id } });
    expect(world.deleted).toHaveLength(RECORDS.length);
  });

  test('A job in a restored control table is not run again once the time of its approval is over', async () => {
    const world = createWorld();
    const process = world.process('process', {
      async beforeDeletion(record) {
        if (record === RECORDS[1]) restore = await snapshot(world, id);
      },
    });
    let restore = async () => {};
    const { id } = await process.request();
    await process.approve(id);
    await process.heard('finished');
    world.deleted.length = 0;
    // Also where nothing beside the backup tells that it has ended.
    world.ended.clear();
    await world.clock.advance(APPROVAL_MS);
    await restore();
    await standBy(world, process, 2 * LEASE_MS);
    expect(world.deleted).toEqual([]);
    expect(await process.heard('interrupted')).toMatchObject({ because: { reason: 'expired' } });
  });

  test('A job in a control table that is restored within the time of its approval is not run again: its end is reported', async () => {
    const world = createWorld();
    const process = world.process('process', {
      async beforeDeletion(record) {
        if (record === RECORDS[1]) restore = await snapshot(world, id);
      },
    });
    let restore = async () => {};
    const { id } = await process.request();
    await process.approve(id);
    await process.heard('finished');
    world.deleted.length = 0;
    world.reported.length = 0;
    await restore();
    await standBy(world, process, 2 * LEASE_MS);
    expect(world.deleted).toEqual([]);
    expect(world.reported.map(({ event }) => event.kind).filter((kind) => kind !== 'request-outdated')).toEqual([
      'finished',
    ]);
    expect(await process.record.read()).toBeUndefined();
  });

  test('An approval in a restored control table is not used again, because the table is not what it was', async () => {
    const world = createWorld();
    const process = world.process('process');
    const { id } = await process.request();
    const restore = await snapshot(world, id);
    await process.approve(id);
    await process.heard('finished');
    world.deleted.length = 0;
    world.facts = world.facts.map((fact) => (fact.name === 'records counted' ? { ...fact, value: '0' } : fact));
    await restore();
    expect(await process.approve(id)).toMatchObject({
      refusal: { reason: 'use', refusal: { reason: 'changed', changed: [{ name: 'records counted' }] } },
    });
    expect(world.deleted).toEqual([]);
  });

  test('An approval in a restored control table that was given and not used ends, and is not carried out', async () => {
    const world = createWorld();
    const process = world.process('process', {
      async before({ operation, key }) {
        if (operation === 'create' && key.sk === 'table-job') restore = await snapshot(world, id);
      },
    });
    let restore = async () => {};
    const { id } = await process.request();
    await process.approve(id);
    await process.heard('finished');
    world.deleted.length = 0;
    await restore();
    await standBy(world, process, 20_000);
    expect((await world.approvals.read(id))?.state.kind).toBe('void');
    expect(world.deleted).toEqual([]);
  });
});
