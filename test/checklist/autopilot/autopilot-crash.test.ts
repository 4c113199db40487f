import { describe, expect, test } from 'vitest';
import type { AutopilotEvent } from '../../../src/checklist/contracts/autopilot-control.ts';
import { createLease } from '../../../src/state/lease.ts';
import { autopilotRecord } from '../../support/messages/checklist-builders.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';
import {
  CHECKLIST,
  copy,
  eventsOf,
  finishFlush,
  freshForEachTest,
  LEASE_MS,
  open,
  PROVEN,
  pass,
  runIsUnderWay,
  runStarts,
  started,
  stateNow,
  store,
  table,
  until,
  world,
} from './autopilot-rig.ts';

freshForEachTest();

const underWay = (change: Parameters<typeof autopilotRecord>[0] = {}) =>
  store.plan(autopilotRecord({ state: 'running', checklistId: CHECKLIST, fence: 0, ...change }));
const toFlush = () => Object.assign(world.steps, PROVEN, { sample: { state: 'done' } });
const toRun = () => Object.assign(toFlush(), { flush: { state: 'done' } });
/** A promise that the test resolves. */
function preconditions() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('a stop whose process died before it was done', () => {
  test('an unfinished stop is finished by the next process: its request is withdrawn and its run is stopped', async () => {
    await underWay({ state: 'stopped', stoppedBy: 'U9', approvalId: 'a-1', stopping: 'work' });
    world.approvals.set('a-1', flushApproval({ id: 'a-1' }));
    const planned = await world.runs.plan({
      selection: {},
      paceSetting: { kind: 'auto' },
      by: 'U1',
      location: { channel: 'C1' },
    });
    if (planned.ok) await world.runs.start(planned.value.runId, 'U1', { location: { channel: 'C1' } });
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => world.runs.calls.at(-1) === 'stop by U9', two);
    expect(world.approvals.get('a-1')?.state).toMatchObject({ kind: 'withdrawn', by: 'U9' });
    await until(async () => (await store.read())?.stopping === undefined, two);
    await pass(60_000, two);
    expect(world.runs.calls.filter((call) => call.startsWith('stop'))).toHaveLength(1);
  });

  test('a stop that failed in part returns the faults, and is tried again', async () => {
    const one = await started('one', {
      tables: {
        ...copy('unused').tables,
        async withdraw(id, by) {
          if (world.done.includes('down')) throw new Error('DynamoDB does not answer');
          world.done.push(`withdraw ${id} by ${by}`);
          return true;
        },
      },
    });
    await until(() => eventsOf('approval-asked').length > 0, one);
    world.done.push('down');
    expect(await one.autopilot.stop('U9')).toMatchObject({
      ok: true,
      value: { withdrew: false, faults: [{ message: expect.stringContaining('does not answer') }] },
    });
    expect(await stateNow()).toBe('stopped');
    world.done.splice(world.done.indexOf('down'), 1);
    await until(() => world.done.includes('withdraw a-1 by U9'), one);
    await until(async () => (await store.read())?.stopping === undefined, one);
  });
});

test('an autopilot whose stop is unfinished is not replaced by another plan', async () => {
  await underWay({ state: 'stopped', stoppedBy: 'U9', approvalId: 'a-1', stopping: 'request' });
  expect(await copy('one').autopilot.plan('U1', { channel: 'C1' })).toMatchObject({ ok: false });
  expect(await store.read()).toMatchObject({ approvalId: 'a-1', stopping: 'request' });
});

describe('the wait for a backup', () => {
  test('ends when another copy of the bot has ended the backup, whose event does not come to this process', async () => {
    world.stuck.add('backup');
    const one = await started('one');
    await until(() => world.done.includes('one: backup'), one);
    await pass(10_000, one);
    expect(world.done).toEqual(['one: backup']);
    world.backup = undefined;
    world.steps.backup = { state: 'done' };
    await until(() => world.done.includes('one: quotas'), one);
    expect(eventsOf('needs-person')).toEqual([]);
  });

  test('ends when another copy of the bot drives the autopilot, and this process can take it over again', async () => {
    world.stuck.add('backup');
    const one = await started('one');
    await until(() => world.done.includes('one: backup'), one);
    // Its clock does not advance, so the other sees a dead process.
    const two = copy('two');
    two.autopilot.standBy();
    world.steps.backup = { state: 'done' };
    await until(() => world.approvals.has('a-1'), two);
    finishFlush('a-1');
    await runIsUnderWay(one);
    expect(runStarts(world.runs)).toHaveLength(1);
  });
});

describe('a request for approval', () => {
  test('a request whose id was stored before a crash is made once, with that id', async () => {
    toFlush();
    await underWay({ approvalId: 'a-noted' });
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, two);
    expect([...world.approvals.keys()]).toEqual(['a-noted']);
    expect(await two.autopilot.stop('U9')).toMatchObject({ ok: true, value: { withdrew: true } });
  });

  test('a request is not made by a process that lost the lease', async () => {
    toFlush();
    const looking = preconditions();
    const slow = copy('unused').tables;
    const one = await started('one', {
      tables: {
        ...slow,
        async planFlush(...request) {
          world.done.push('one: plans');
          await looking.opened;
          return slow.planFlush(...request);
        },
      },
    });
    await until(() => world.done.includes('one: plans'), one);
    // Its clock does not advance, so the others see a dead process.
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, two);
    looking.open();
    await pass(LEASE_MS, one, two);
    expect(world.done.filter((line) => line.endsWith(': ask'))).toEqual(['two: ask']);
    expect(world.approvals.size).toBe(1);
  });

  test('a request is withdrawn when the stop came while it was made', async () => {
    toFlush();
    const asking = copy('unused').tables;
    const one = await started('one', {
      tables: {
        ...asking,
        async request(wanted) {
          expect(await one.autopilot.stop('U9')).toMatchObject({ ok: true });
          return asking.request(wanted);
        },
      },
    });
    await until(() => world.approvals.size > 0, one);
    await until(() => world.approvals.get('a-1')?.state.kind === 'withdrawn', one);
    expect(eventsOf('approval-asked')).toEqual([]);
  });
});

describe('a run', () => {
  test('a run that was planned before a crash is not planned again', async () => {
    toRun();
    const planned = await world.runs.plan({
      selection: {},
      paceSetting: { kind: 'auto' },
      by: 'U1',
      location: { channel: 'C1' },
    });
    if (!planned.ok) throw new Error('refused');
    await underWay({ runId: planned.value.runId });
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => runStarts(world.runs).length > 0, two);
    expect(world.runs.calls.filter((call) => call.startsWith('plan'))).toHaveLength(1);
    expect(runStarts(world.runs)).toEqual([`start ${planned.value.runId} by U0OPERATOR, unattended`]);
  });

  test('a run that stays interrupted after its process died needs a person', async () => {
    toRun();
    const one = await started('one');
    await runIsUnderWay(one);
    world.steps.rescan = { state: 'failed' };
    await world.runs.becomes({ kind: 'interrupted' });
    await until(() => eventsOf('needs-person').length > 0, one);
    expect(eventsOf('needs-person')[0]).toMatchObject({
      blocker: { reason: { kind: 'run-halted', state: 'interrupted' } },
    });
  });
});

test('an event is emitted again when a listener failed', async () => {
  world.refuseBackup = true;
  const heard: AutopilotEvent[] = [];
  const one = copy('one');
  one.autopilot.watch(async (event) => {
    if (event.kind !== 'needs-person') return;
    heard.push(event);
    if (heard.length === 1) throw new Error('the outbox cannot be written');
  });
  await underWay();
  one.autopilot.standBy();
  await until(() => heard.length > 1, one);
  await until(async () => (await store.read())?.unannounced === undefined, one);
});

test('a shutdown does not wait for a slow step', async () => {
  world.stuck.add('quotas');
  Object.assign(world.steps, { backup: { state: 'done' } });
  const one = await started('one');
  await until(() => world.done.includes('one: quotas'), one);
  // This test shuts it down itself.
  open.splice(open.indexOf(one.autopilot), 1);
  let isDown = false;
  void one.autopilot.shutDown().then(() => {
    isDown = true;
  });
  await until(() => isDown, one);
  const lease = createLease({ table, name: 'fn#autopilot', holder: 'two', durationMs: LEASE_MS, clock: one.clock });
  expect((await lease.acquire()).ok).toBe(false);
});
