import { describe, expect, test } from 'vitest';
import type { TableRefusal } from '../../../src/checklist/contracts/table-control.ts';
import { settle } from '../../support/rigs/fake-clock.ts';
import { APPROVAL_MS, createWorld, fakeLambda, LEASE_MS, RECORDS, standBy } from './job-rig.ts';

/** A promise that the test resolves. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
const kindsOf = (world: ReturnType<typeof createWorld>) => world.reported.map(({ event }) => event.kind);

describe('two requests that are approved at the same time', () => {
  test('Of two requests approved at the same time one is carried out; the other is refused and leaves the lease alone', async () => {
    const world = createWorld();
    const claiming = gate();
    const deleting = gate();
    const process = world.process('process', {
      before: ({ key, operation }) => (operation === 'create' && key.sk === 'table-job' ? claiming.opened : undefined),
      beforeDeletion: () => deleting.opened,
    });
    const [first, second, third] = [await process.request(), await process.request(), await process.request()];
    const started = process.approve(first.id);
    await settle();
    expect(await process.approve(second.id)).toMatchObject({
      refusal: { reason: 'job-active', job: { id: first.id } },
    });
    claiming.open();
    expect(await started).toMatchObject({ ok: true });
    expect(await process.approve(third.id)).toMatchObject({ refusal: { reason: 'job-active', job: { id: first.id } } });
    expect(process.lease.holds()).toBe(true);
    deleting.open();
    await process.heard('finished');
    await settle();
    expect(process.lease.holds()).toBe(false);
    expect(world.deleted).toHaveLength(RECORDS.length);
  });

  test('Of two requests approved in two processes one is carried out and the other is refused', async () => {
    const world = createWorld();
    const deleting = gate();
    const one = world.process('one', { beforeDeletion: () => deleting.opened });
    const two = world.process('two');
    const [first, second] = [await one.request(), await two.request()];
    await one.approve(first.id);
    expect(await two.approve(second.id)).toMatchObject({ refusal: { reason: 'busy', waitMs: LEASE_MS } });
    deleting.open();
    await one.heard('finished');
    expect(world.deleted.map(({ by }) => by)).toEqual(RECORDS.map(() => 'one'));
  });

  test('A look for work does not take up the job that is just being started', async () => {
    const world = createWorld();
    const looks: Promise<void>[] = [];
    const process = world.process('process', {
      before({ operation, key }) {
        if (operation === 'create' && key.sk === 'table-job') looks.push(process.look());
      },
    });
    const { id } = await process.request();
    expect(await process.approve(id)).toMatchObject({ ok: true });
    await Promise.all(looks);
    await process.look();
    await process.heard('finished');
    expect(looks).toHaveLength(1);
    expect(kindsOf(world).filter((kind) => kind !== 'approval-changed')).toEqual(['started', 'finished']);
  });
});

describe('startApproved', () => {
  const busy: TableRefusal = { reason: 'run-active', runId: 'r-1' };
  test.each<[string, (world: ReturnType<typeof createWorld>) => void, object, object]>([
    [
      'a precondition no longer holds',
      (world) => {
        world.refusal = busy;
      },
      { reason: 'run-active' },
      { because: 'refused' },
    ],
    [
      'the stop file exists',
      (world) => {
        world.stopFile = true;
      },
      { reason: 'stop-file' },
      { because: 'refused' },
    ],
    [
      'a fact changed',
      (world) => void world.facts.push({ name: 'backup', value: 'b-2' }),
      { reason: 'use', refusal: { reason: 'changed', changed: [{ name: 'backup' }] } },
      { because: 'changed', changed: [{ name: 'backup' }] },
    ],
  ])('Where %s, nothing starts, the approval is void and the lease is free', async (_what, change, refusal, state) => {
    const world = createWorld();
    const process = world.process('process');
    const { id } = await process.request();
    change(world);
    expect(await process.approve(id)).toMatchObject({ ok: false, refusal });
    expect((await world.approvals.read(id))?.state).toMatchObject({ kind: 'void', ...state });
    expect(await process.record.read()).toBeUndefined();
    expect(process.lease.holds()).toBe(false);
    expect((await world.process('other').lease.acquire()).ok).toBe(true);
    expect(world.deleted).toEqual([]);
  });

  test.each([
    ['the job is claimed', (key: { sk: string }) => key.sk === 'table-job'],
    ['the audit entry is written', (_key: { sk: string }, set: object) => 'what' in set && set.what === 'audit'],
  ])(
    'A control table that fails once while %s leaves no lease and no claim, and the approval is void',
    async (_what, isMeant) => {
      const world = createWorld();
      let failures = 1;
      const process = world.process('process', {
        before({ operation, key, set }) {
          if (operation === 'create' && isMeant(key, set) && !key.sk.startsWith('lease') && isAsked && failures-- > 0)
            throw new Error('the control table does not answer');
        },
      });
      let isAsked = false;
      const { id } = await process.request();
      isAsked = true;
      expect(await process.approve(id)).toMatchObject({ ok: false, refusal: { reason: 'fault' } });
      expect(process.lease.holds()).toBe(false);
      expect((await world.process('other').lease.acquire()).ok).toBe(true);
      expect((await world.approvals.read(id))?.state.kind).toBe('void');
      expect(await process.record.read()).toBeUndefined();
      expect(world.deleted).toEqual([]);
    },
  );

  test('A claim whose reply is lost leaves no lease, and the claim is removed by the next look', async () => {
    const world = createWorld();
    let failures = 2;
    const process = world.process('process', {
      after({ operation, key }) {
        if (key.sk === 'table-job' && operation === 'create') throw new Error('the reply is lost');
      },
      before({ operation, key }) {
        if (key.sk === 'table-job' && operation === 'remove' && failures-- > 0) throw new Error('no answer');
      },
    });
    const { id } = await process.request();
    expect(await process.approve(id)).toMatchObject({ ok: false, refusal: { reason: 'fault' } });
    expect(process.lease.holds()).toBe(false);
    expect(await process.record.read()).toBeDefined();
    const next = world.process('next');
    await next.look();
    expect(await next.record.read()).toBeUndefined();
    expect(world.deleted).toEqual([]);
  });

  test.each(['before', 'after'] as const)(
    'Where the write that uses the approval fails (%s it is stored), the reply says that it is unclear, and the next look settles it',
    async (when) => {
      const world = createWorld();
      const fail = ({ set }: { set: Readonly<Record<string, unknown>> }) => {
        if (set.stateKind === 'used') throw new Error('the control table does not answer');
      };
      const process = world.process('process', { [when]: fail });
      const { id } = await process.request();
      expect(await process.approve(id)).toMatchObject({ ok: false, refusal: { reason: 'start-unclear' } });
      expect(process.lease.holds()).toBe(false);
      const next = world.process('next');
      await next.look();
      if (when === 'after') {
        expect(await next.heard('finished')).toMatchObject({ result: { deleted: 5 } });
      } else {
        expect((await world.approvals.read(id))?.state).toMatchObject({ kind: 'void', because: 'never-started' });
        expect(world.deleted).toEqual([]);
      }
      await settle(20);
      expect(await next.record.read()).toBeUndefined();
    },
  );

  test('Where the approval expires while the facts are gathered, nothing starts', async () => {
    const world = createWorld();
    const process = world.process('process', { beforeGathering: () => world.clock.sleep(APPROVAL_MS) });
    const { id } = await process.request();
    const started = process.approve(id);
    await world.clock.advance(APPROVAL_MS + 1_000);
    expect(await started).toMatchObject({ refusal: { reason: 'use', refusal: { reason: 'expired' } } });
    expect((await world.approvals.read(id))?.state.kind).toBe('void');
    expect(process.lease.holds()).toBe(false);
    expect(world.deleted).toEqual([]);
  });

  test('Where the lease is lost while the facts are gathered, nothing is claimed and the approval is void', async () => {
    const world = createWorld();
    const process = world.process('process', {
      beforeGathering: () => world.clock.sleep(4 * LEASE_MS),
      before({ key, operation }) {
        // Its renewals do not come through.
        if (operation === 'update' && key.sk === 'lease' && isGathering) throw new Error('no route');
      },
    });
    let isGathering = false;
    const { id } = await process.request();
    const started = process.approve(id);
    await settle();
    isGathering = true;
    await world.clock.advance(5 * LEASE_MS);
    expect(await started).toMatchObject({ ok: false, refusal: { reason: 'busy' } });
    expect((await world.approvals.read(id))?.state.kind).toBe('void');
    expect(await process.record.read()).toBeUndefined();
    expect(world.deleted).toEqual([]);
  });

  test('While the record of another job is stored, nothing starts, and that record stays', async () => {
    const world = createWorld();
    const doomed = world.process('doomed', {
      beforeDeletion(record) {
        if (record === RECORDS[1]) doomed.kill();
      },
    });
    const [first, second] = [await doomed.request(), await doomed.request()];
    await doomed.approve(first.id);
    await settle(20);
    const process = world.process('process');
    // It watches the lease of the dead process until that has expired.
    await process.lease.acquire();
    await world.clock.advance(LEASE_MS);
    expect(await process.approve(second.id)).toMatchObject({
      refusal: { reason: 'job-active', job: { id: first.id } },
    });
    expect(process.lease.holds()).toBe(false);
    expect((await process.record.read())?.job.id).toBe(first.id);
    expect(world.deleted).toHaveLength(1);
  });

  test('A request that is withdrawn while its facts are gathered is not carried out', async () => {
    const world = createWorld();
    const claiming = gate();
    const process = world.process('process', {
      before: ({ key, operation }) => (operation === 'create' && key.sk === 'table-job' ? claiming.opened : undefined),
    });
    const { id } = await process.request();
    const started = process.approve(id);
    await settle();
    const other = world.process('other');
    expect(await other.requests.withdrawApproved('U9')).toMatchObject([{ id }]);
    claiming.open();
    expect(await started).toMatchObject({
      refusal: { reason: 'use', refusal: { reason: 'wrong-state', state: { kind: 'withdrawn', by: 'U9' } } },
    });
    expect(await process.record.read()).toBeUndefined();
    expect(world.deleted).toEqual([]);
  });

  test('Three clicks at the same time start the job once', async () => {
    const world = createWorld();
    const process = world.process('process');
    const { id } = await process.request();
    const clicks = await Promise.all([1, 2, 3].map(() => process.approve(id)));
    expect(clicks.filter(({ ok }) => ok)).toHaveLength(1);
    await process.heard('finished');
    expect(world.deleted).toHaveLength(RECORDS.length);
  });
});

describe('a stop', () => {
  test('A stop before the first record is deleted deletes none', async () => {
    const world = createWorld();
    const claiming = gate();
    const process = world.process('process', {
      before: ({ key, operation }) => (operation === 'create' && key.sk === 'table-job' ? claiming.opened : undefined),
    });
    const { id } = await process.request();
    const started = process.approve(id);
    await settle();
    expect(process.driver.stop('U9')).toMatchObject({ id });
    claiming.open();
    await started;
    expect(await process.heard('stopped')).toMatchObject({ by: 'U9', isUntouched: true });
    expect(world.deleted).toEqual([]);
  });

  test.each(['another process', 'the stop file'])('A stop by %s ends the job between two records', async (by) => {
    const world = createWorld();
    const process = world.process('process', {
      async beforeDeletion(record) {
        if (record !== RECORDS[2]) return;
        if (by === 'the stop file') world.stopFile = true;
        else await world.process('other').record.askStop(id, 'U9');
        await world.clock.sleep(1_000);
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    await world.clock.advance(2_000);
    expect(await process.heard('stopped')).toMatchObject({ by: by === 'the stop file' ? 'the stop file /stop' : 'U9' });
    expect(world.deleted).toHaveLength(2);
    await settle(20);
    expect(await process.record.read()).toBeUndefined();
  });

  test('While the control table cannot be written, a stop is reported at once and holds: nobody resumes the job', async () => {
    const world = createWorld();
    const deleting = gate();
    let isBroken = false;
    const process = world.process('process', {
      before({ operation }) {
        if (isBroken && operation !== 'create') throw new Error('throttled');
      },
      beforeDeletion: (record) => (record === RECORDS[2] ? deleting.opened : undefined),
    });
    const { id } = await process.request();
    await process.approve(id);
    await settle();
    isBroken = true;
    process.driver.stop('U9');
    deleting.open();
    expect(await process.heard('stopped')).toMatchObject({ by: 'U9' });
    expect(process.driver.current()).toMatchObject({ id });
    await process.look();
    isBroken = false;
    await world.clock.advance(5_000);
    expect(process.driver.current()).toBeUndefined();
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(world.deleted).toHaveLength(2);
    expect(kindsOf(world).filter((kind) => kind === 'stopped')).toHaveLength(1);
    expect(kindsOf(world)).not.toContain('resumed');
  });

  test('A job whose record was removed ends: somebody else has ended it', async () => {
    const world = createWorld();
    const process = world.process('process', {
      async beforeDeletion(record) {
        if (record !== RECORDS[2]) return;
        await world.table.remove({ pk: 'pipeline#fn', sk: 'table-job' });
        await world.clock.sleep(1_000);
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    await world.clock.advance(2_000);
    await settle(20);
    expect(process.driver.current()).toBeUndefined();
    expect(process.lease.holds()).toBe(false);
    expect(world.deleted).toHaveLength(2);
  });

  test('A stop that the control table does not store is stored elsewhere, and holds after a kill', async () => {
    const world = createWorld();
    let isAway = false;
    const doomed = world.process('doomed', {
      before: () => (isAway ? new Promise<never>(() => {}) : undefined),
      async beforeDeletion(record) {
        if (record !== RECORDS[2]) return;
        isAway = true;
        await new Promise<never>(() => {});
      },
      ports: {
        async storeStop(jobId, by) {
          world.storedStops.push({ request: 'stop', by, jobId, at: world.clock.now() });
          return { kind: 'bucket', bucket: 'control', key: 'stops/stop.json' };
        },
      },
    });
    const { id } = await doomed.request();
    await doomed.approve(id);
    await settle(20);
    doomed.record.askStop = () => Promise.reject(new Error('The control table refuses the credentials.'));
    expect(doomed.driver.stop('U9')).toMatchObject({ id });
    await settle();
    doomed.kill();
    expect(world.storedStops).toMatchObject([{ jobId: id, by: 'U9' }]);
    const next = world.process('next');
    await standBy(world, next, 2 * LEASE_MS);
    expect(await next.heard('stopped')).toMatchObject({ by: 'U9' });
    expect(world.deleted).toHaveLength(2);
  });

  test('A stop for whatever runs, stored while the control table was away, ends the job in every process', async () => {
    const world = createWorld();
    const process = world.process('process', {
      beforeDeletion: (record) => (record === RECORDS[2] ? world.clock.sleep(12_000) : undefined),
    });
    // An earlier one was for something else.
    world.storedStops.push({ request: 'stop', by: 'U8', at: world.clock.now() - 60_000 });
    const { id } = await process.request();
    await process.approve(id);
    await settle(20);
    expect(process.driver.current()).toMatchObject({ id });
    world.storedStops.push({ request: 'stop', by: 'U9', at: world.clock.now() + 1 });
    await world.clock.advance(13_000);
    expect(await process.heard('stopped')).toMatchObject({ by: 'U9' });
    expect(world.deleted).toHaveLength(2);
  });

  test('A stop that was asked for while no process drove the job ends it, and the report names the person', async () => {
    const world = createWorld();
    const doomed = world.process('doomed', {
      beforeDeletion(record) {
        if (record === RECORDS[2]) doomed.kill();
      },
    });
    const { id } = await doomed.request();
    await doomed.approve(id);
    await settle(20);
    const next = world.process('next');
    expect(await next.record.askStop(id, 'U9')).toBe(true);
    await standBy(world, next, 2 * LEASE_MS);
    const stopped = await next.heard('stopped');
    expect(stopped).toMatchObject({ by: 'U9' });
    // This process has changed nothing, but the one before has.
    expect(stopped).not.toHaveProperty('isUntouched');
    expect(world.deleted).toHaveLength(2);
    expect(await next.record.read()).toBeUndefined();
  });
});

describe('mayWrite', () => {
  test.each(RECORDS.map((record, at) => [at + 1, record] as const))(
    'A process that stood still for longer than its lease before write %i writes nothing more; the job is resumed once',
    async (number, record) => {
      const world = createWorld();
      const leaseMs = 8_000;
      const frozen = world.process('frozen', {
        leaseMs,
        beforeDeletion(each) {
          // The clock jumps and no timer has run yet: a reply that was queued comes first.
          if (each === record && !isFrozen) {
            isFrozen = true;
            world.clock.jump(leaseMs);
          }
        },
      });
      let isFrozen = false;
      const { id } = await frozen.request();
      await frozen.approve(id);
      await settle(20);
      expect(world.deleted).toHaveLength(number - 1);
      expect(frozen.lease.holds()).toBe(false);
      const next = world.process('next');
      await standBy(world, next, 2 * LEASE_MS);
      expect(await next.heard('finished')).toMatchObject({ result: { deleted: 5 } });
      expect(world.deleted.map(({ record: deleted }) => deleted)).toEqual([...RECORDS]);
      expect(world.deleted.slice(number - 1).every(({ by }) => by === 'next')).toBe(true);
    },
  );

  test('A process that stood still within a long lease does not use what it had read: it gives the job up and resumes it', async () => {
    const world = createWorld();
    const frozen = world.process('frozen', {
      leaseMs: 300_000,
      beforeDeletion(record) {
        if (record === RECORDS[2] && !isFrozen) {
          isFrozen = true;
          world.clock.jump(11_000);
        }
      },
    });
    let isFrozen = false;
    const { id } = await frozen.request();
    await frozen.approve(id);
    await settle(20);
    expect(world.deleted).toHaveLength(2);
    await standBy(world, frozen, 4_000);
    await frozen.heard('finished');
    expect(kindsOf(world)).toContain('resumed');
    expect(world.deleted.map(({ record }) => record)).toEqual([...RECORDS]);
  });

  test.each(['fails', 'finishes'])(
    'A process that stood still past its lease and then %s leaves the end of the job to the next process',
    async (how) => {
      const world = createWorld();
      const frozen = world.process('frozen', {
        ports: {
          async carryOut() {
            await world.clock.sleep(1_000);
            // The reply that was queued meanwhile comes before the overdue timers.
            world.clock.jump(2 * LEASE_MS);
            if (how === 'fails') throw new Error('socket hang up');
            const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
            return { kind: 'flush', deleted: 5, supplemented: 0, remaining, newRows: 0 };
          },
        },
      });
      const { id } = await frozen.request();
      await frozen.approve(id);
      await world.clock.advance(1_000);
      await settle(20);
      expect(kindsOf(world)).not.toContain('failed');
      expect(kindsOf(world)).not.toContain('finished');
      frozen.kill();
      const next = world.process('next');
      await standBy(world, next, 2 * LEASE_MS);
      expect(await next.heard('finished')).toMatchObject({ job: { id } });
      expect(world.deleted).toHaveLength(RECORDS.length);
    },
  );

  test('A process whose lease was taken by another one writes nothing more', async () => {
    const world = createWorld();
    const slow = world.process('slow', {
      beforeDeletion: (record) => (record === RECORDS[2] ? world.clock.sleep(4 * LEASE_MS) : undefined),
      before({ key }) {
        // Its renewals do not come through.
        if (key.pk.startsWith('lease#') && world.deleted.length > 0) throw new Error('no route');
      },
    });
    const { id } = await slow.request();
    await slow.approve(id);
    const next = world.process('next');
    await standBy(world, next, 5 * LEASE_MS);
    await next.heard('finished');
    expect(world.deleted.map(({ by }) => by)).toEqual(['slow', 'slow', 'next', 'next', 'next']);
  });

  test('A short pause of the process changes nothing', async () => {
    const world = createWorld();
    const process = world.process('process', { beforeDeletion: () => world.clock.jump(1_000) });
    const { id } = await process.request();
    await process.approve(id);
    await process.heard('finished');
    expect(kindsOf(world)).not.toContain('resumed');
  });
});

describe('the end of a job', () => {
  test('A flush is reported as done though the checklist cannot be written at once, and is in it in the end', async () => {
    const world = createWorld();
    let failures = 2;
    const recorded: string[] = [];
    const process = world.process('process', {
      ports: {
        async recordResult(job) {
          if (failures-- > 0) throw new Error('the control table does not answer');
          recorded.push(job.id);
        },
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    expect(await process.heard('finished')).toMatchObject({ result: { kind: 'flush', deleted: 5 } });
    await world.clock.advance(5_000);
    expect(process.driver.current()).toBeUndefined();
    expect(recorded).toEqual([id]);
    expect(kindsOf(world).filter((kind) => kind === 'finished')).toHaveLength(1);
  });

  test.each([3, 20])(
    'An end that cannot be reported %i times is reported again until it can, at most ten times',
    async (times) => {
      const world = createWorld();
      let failures = times;
      let reports = 0;
      const process = world.process('process', {
        isShown({ kind }) {
          if (kind !== 'finished') return true;
          reports += 1;
          return failures-- <= 0;
        },
      });
      const { id } = await process.request();
      await process.approve(id);
      await world.clock.advance(30_000);
      expect(reports).toBe(Math.min(times + 1, 10));
      expect(kindsOf(world).filter((kind) => kind === 'finished')).toHaveLength(times < 10 ? 1 : 0);
      expect(await process.record.read()).toBeUndefined();
      expect(process.driver.current()).toBeUndefined();
    },
  );

  test('A failure is reported with its reason, and nothing resumes the job', async () => {
    const world = createWorld();
    const process = world.process('process', {
      ports: {
        carryOut: () => Promise.reject(new Error('AWS denies a permission')),
        readFault: (error) => ({ reason: 'access-denied', message: String(error), fix: 'look' }),
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    expect(await process.heard('failed')).toMatchObject({
      job: { id },
      refusal: { reason: 'fault', fault: { message: expect.stringContaining('AWS denies') } },
    });
    await standBy(world, process, 4_000);
    expect(kindsOf(world)).not.toContain('resumed');
    expect(await process.record.read()).toBeUndefined();
  });

  /** A flush that meets a fault before its third deletion, as often as `times`; and what was reported. */
  async function flushWithFaults(times: number) {
    const world = createWorld();
    let faults = 0;
    const process = world.process('process', {
      beforeDeletion(record) {
        if (record !== RECORDS[2] || faults === times) return;
        faults += 1;
        throw new Error('no route to DynamoDB');
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    await settle(20);
    const waits = () => world.reported.flatMap(({ event }) => (event.kind === 'progress' ? [event.progress] : []));
    return { world, process, id, waits };
  }

  test('A job that meets a fault says so, waits, and continues from where it was', async () => {
    const { world, process, waits } = await flushWithFaults(3);
    expect(waits()).toMatchObject([
      {
        stage: 'deleting',
        done: 2,
        waiting: { fault: { reason: 'network', message: 'Error: no route to DynamoDB' }, until: expect.any(Number) },
      },
    ]);
    expect(process.driver.current()).toBeDefined();
    await world.clock.advance(60_000);
    expect(await process.heard('finished')).toMatchObject({ result: { deleted: 5 } });
    expect(waits()).toHaveLength(3);
    expect(world.deleted.map(({ record }) => record)).toEqual([...RECORDS]);
  });

  test('A job that meets a fault before it has done anything says so, too', async () => {
    const world = createWorld();
    const process = world.process('process', {
      ports: {
        carryOut: async () => {
          throw new Error('no route to S3');
        },
      },
    });
    const { id } = await process.request();
    await process.approve(id);
    await settle(20);
    expect(world.reported.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({
        kind: 'progress',
        progress: expect.objectContaining({
          stage: 'comparing',
          done: 0,
          waiting: { fault: expect.objectContaining({ reason: 'network' }), until: expect.any(Number) },
        }),
      }),
    );
    await process.driver.shutDown();
  });

  test('A stop ends a job that waits for a fault to pass, at once', async () => {
    const { world, process, waits } = await flushWithFaults(Number.POSITIVE_INFINITY);
    await world.clock.advance(10_000);
    const before = waits().length;
    process.driver.stop('U9');
    expect(await process.heard('stopped')).toMatchObject({ by: 'U9', progress: { done: 2 } });
    await world.clock.advance(60_000);
    expect(waits()).toHaveLength(before);
    expect(world.deleted).toHaveLength(2);
  });

  test('A job waits for a fault to pass until its approval is over, and then fails with that fault', async () => {
    const { world, process } = await flushWithFaults(Number.POSITIVE_INFINITY);
    await world.clock.advance(APPROVAL_MS - 60_000);
    expect(kindsOf(world)).not.toContain('failed');
    await world.clock.advance(61_000);
    expect(await process.heard('failed')).toMatchObject({
      refusal: { reason: 'fault', fault: { message: 'Error: no route to DynamoDB' } },
      progress: { done: 2 },
    });
    expect(await process.record.read()).toBeUndefined();
  });

  test('Where the change of the table cannot be recorded first, the job waits, and fails before its first write when the time of its approval is over', async () => {
    const world = createWorld();
    const process = world.process('process', {
      ports: { recordTableChange: () => Promise.reject(new Error('no answer')) },
    });
    const { id } = await process.request();
    await process.approve(id);
    await world.clock.advance(APPROVAL_MS - 60_000);
    expect(kindsOf(world)).not.toContain('failed');
    await world.clock.advance(61_000);
    expect(await process.heard('failed')).toMatchObject({ isUntouched: true });
    expect(world.deleted).toEqual([]);
  });

  test('Progress that belongs to no job any more is removed, so that its backup can be pruned', async () => {
    const world = createWorld();
    const job = { kind: 'flush', id: 'a-0', backupId: 'b', startedAt: 1, deleted: 60, supplemented: 0, missing: 0 };
    await world.table.create({ pk: 'backup-job', sk: 'a-0' }, { job: JSON.stringify({ ...job, done: {} }) });
    await world.process('process').look();
    expect(await Array.fromAsync(world.table.list('backup-job'))).toEqual([]);
  });

  test('A job that is shut down in the middle is resumed by the next process', async () => {
    const world = createWorld();
    const deleting = gate();
    const process = world.process('process', {
      beforeDeletion: (record) => (record === RECORDS[2] ? deleting.opened : undefined),
    });
    const { id } = await process.request();
    await process.approve(id);
    await settle(20);
    const down = process.driver.shutDown();
    deleting.open();
    await down;
    expect(world.deleted).toHaveLength(2);
    const next = world.process('next');
    await next.look();
    await next.heard('finished');
    expect(world.deleted).toHaveLength(5);
  });
});

describe('a function that an older version of the bot had stopped', () => {
  const hold = (world: ReturnType<typeof createWorld>) =>
    world.table.create(
      { pk: 'backup-job', sk: 'hold-fn' },
      { job: JSON.stringify({ kind: 'hold', id: 'hold-fn', functionName: 'fn', reservedBefore: 7, heldAt: 1 }) },
    );

  test('A function that an older version had stopped is released at the first look, and that is reported', async () => {
    const world = createWorld();
    await hold(world);
    const calls: [string, object][] = [];
    const lambda = fakeLambda((command, input) => {
      calls.push([command, input]);
      return { ReservedConcurrentExecutions: 0 };
    });
    const process = world.process('process', { lambda });
    await process.look();
    expect(calls.at(-1)).toEqual([
      'PutFunctionConcurrencyCommand',
      { FunctionName: 'fn', ReservedConcurrentExecutions: 7 },
    ]);
    expect(await process.heard('function-released')).toMatchObject({
      released: { kind: 'released', reservedConcurrency: 7 },
    });
    await process.look();
    expect(calls).toHaveLength(2);
    expect(process.lease.holds()).toBe(false);
  });

  test('A function that an older version had stopped is not released while another process holds the lease', async () => {
    const world = createWorld();
    await hold(world);
    const other = world.process('other');
    expect((await other.lease.acquire()).ok).toBe(true);
    other.lease.start(() => {});
    const lambda = fakeLambda(() => {
      throw new Error('not to be called');
    });
    await standBy(world, world.process('process', { lambda }), 4 * LEASE_MS);
    expect(kindsOf(world)).toEqual([]);
  });

  test('A function that cannot be released is reported once and tried again every minute', async () => {
    const world = createWorld();
    await hold(world);
    let calls = 0;
    const lambda = fakeLambda(() => {
      calls += 1;
      throw new Error('AccessDeniedException');
    });
    const process = world.process('process', { lambda });
    await standBy(world, process, 130_000);
    expect(kindsOf(world)).toEqual(['function-not-released']);
    expect(calls).toBe(3);
  });
});
