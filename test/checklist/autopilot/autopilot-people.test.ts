import { describe, expect, test } from 'vitest';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { flushJob } from '../../support/messages/table-builders.ts';
import {
  blockers,
  copy,
  eventsOf,
  finishFlush,
  freshForEachTest,
  PROVEN,
  pass,
  runIsUnderWay,
  runStarts,
  setApproval,
  started,
  stateNow,
  store,
  until,
  withoutNames,
  world,
} from './autopilot-rig.ts';

freshForEachTest();

describe('a stop', () => {
  test('a stop of the autopilot withdraws its request for approval, and says so', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    expect(await one.autopilot.stop('U9')).toMatchObject({
      ok: true,
      value: { withdrew: true, record: { stoppedBy: 'U9' } },
    });
    expect(world.approvals.get('a-1')?.state).toEqual({ kind: 'withdrawn', by: 'U9', at: 0 });
    await pass(60_000, one);
    expect(await stateNow()).toBe('stopped');
    expect(eventsOf('stopped')).toHaveLength(1);
    expect(world.done.at(-1)).toBe('one: withdraw a-1');
    expect(await one.autopilot.stop('U9')).toEqual({ ok: false, refusal: { reason: 'not-active' } });
  });

  test('a stop of the autopilot withdraws its request also after a retry', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    expect(await one.autopilot.retry('U1')).toMatchObject({ ok: true });
    await pass(1_000, one);
    expect(await one.autopilot.stop('U9')).toMatchObject({ ok: true, value: { withdrew: true } });
    expect(world.approvals.get('a-1')?.state.kind).toBe('withdrawn');
    expect(world.approvals.size).toBe(1);
  });

  test('a stop of the autopilot stops its run, and reports no withdrawn request', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    finishFlush('a-1');
    await runIsUnderWay(one);
    const stopped = await one.autopilot.stop('U9');
    expect(stopped).toMatchObject({ ok: true, value: { withdrew: false, run: { runId: 'r-0142' } } });
    expect(world.runs.calls.at(-1)).toBe('stop by U9');
    await pass(60_000, one);
    expect(runStarts(world.runs)).toHaveLength(1);
  });

  test('a stop of the autopilot stops the running flush', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    setApproval('a-1', { kind: 'used', by: 'U2', at: 0, usedAt: 0 });
    world.job = flushJob();
    expect(await one.autopilot.stop('U9')).toMatchObject({ ok: true, value: { job: { id: 'a-1' }, withdrew: false } });
    expect(world.done.at(-1)).toBe('one: stop job');
  });

  test('a stop of the autopilot stops the run while Slack does not answer', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    finishFlush('a-1');
    await runIsUnderWay(one);
    one.autopilot.watch((event) => (event.kind === 'stopped' ? new Promise<void>(() => {}) : undefined));
    void one.autopilot.stop('U9');
    await until(() => world.runs.calls.at(-1) === 'stop by U9', one);
  });

  test('a stop of a planned autopilot does not stop the work of others', async () => {
    world.runs = createScriptedRunControl({ firstRun: runSnapshot() });
    world.job = flushJob();
    const one = copy('one');
    await one.autopilot.plan('U1', { channel: 'C1' });
    expect(await one.autopilot.stop('U9')).toMatchObject({ ok: true });
    expect(world.runs.calls).toEqual([]);
    expect(world.done).toEqual([]);
  });

  test('the stop file stops the autopilot and withdraws its request', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    world.stopFile = true;
    await until(async () => (await stateNow()) === 'stopped', one);
    await until(() => eventsOf('stopped').length > 0, one);
    expect(await store.read()).toMatchObject({ stoppedBy: 'the stop file /tmp/STOP' });
    expect(world.approvals.get('a-1')?.state.kind).toBe('withdrawn');
    world.stopFile = false;
    await pass(60_000, one);
    expect(await stateNow()).toBe('stopped');
  });

  test('the autopilot stops when its checklist is closed', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    world.checklistOpen = false;
    await until(async () => (await stateNow()) === 'stopped', one);
    expect(world.approvals.get('a-1')?.state.kind).toBe('withdrawn');
  });

  test('an autopilot that is stopped during a step does no further step', async () => {
    const one = await started('one', {
      async doStep(step) {
        world.done.push(`one: ${step}`);
        world.steps[step] = { state: 'done' };
        if (step === 'quotas') await one.autopilot.stop('U9');
        return undefined;
      },
    });
    await until(async () => (await stateNow()) === 'stopped', one);
    await pass(60_000, one);
    expect(withoutNames()).toEqual(['backup', 'quotas']);
  });
});

describe('blockers', () => {
  test('a refused backup is announced once, and tried again after a retry', async () => {
    world.refuseBackup = true;
    const one = await started('one');
    await until(() => eventsOf('needs-person').length > 0, one);
    await pass(120_000, one);
    expect(blockers()).toMatchObject([{ kind: 'table-refused', step: 'backup', refusal: { reason: 'location' } }]);
    expect(world.done).toEqual(['one: backup']);
    expect(await one.autopilot.retry('U1')).toMatchObject({ ok: true, value: { attempts: {} } });
    await until(() => eventsOf('needs-person').length > 1, one);
    expect(world.done).toEqual(['one: backup', 'one: backup']);
    world.refuseBackup = false;
    await one.autopilot.retry('U1');
    await until(() => eventsOf('approval-asked').length > 0, one);
    expect(eventsOf('needs-person')).toHaveLength(2);
  });

  test('a refusal is neither repeated nor announced again after a restart', async () => {
    world.refuseBackup = true;
    const one = await started('one');
    await until(() => eventsOf('needs-person').length > 0, one);
    await until(async () => (await store.read())?.unannounced === undefined, one);
    const two = copy('two');
    two.autopilot.standBy();
    await pass(60_000, two);
    expect(world.done).toEqual(['one: backup']);
    expect(eventsOf('needs-person')).toHaveLength(1);
  });

  test('a denied flush is not requested again before a retry', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    setApproval('a-1', { kind: 'denied', by: 'U2', at: 0 });
    world.steps.flush = { state: 'to-do' };
    await until(() => eventsOf('needs-person').length > 0, one);
    await pass(60_000, one);
    expect(blockers()).toEqual([
      { kind: 'waiting', reason: { kind: 'flush-not-approved', state: 'denied', by: 'U2' } },
    ]);
    expect(world.approvals.size).toBe(1);
    await one.autopilot.retry('U1');
    await until(() => world.approvals.size === 2, one);
  });

  test('whoever lets it try again counts as a requester: of the open request and of every later one', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    await one.autopilot.retry('U1');
    expect(world.approvals.get('a-1')?.alsoRequestedBy).toBeUndefined();
    await one.autopilot.retry('U2');
    expect(world.approvals.get('a-1')?.alsoRequestedBy).toEqual(['U2']);
    setApproval('a-1', { kind: 'denied', by: 'U5', at: 0 });
    world.steps.flush = { state: 'to-do' };
    await until(() => eventsOf('needs-person').length > 0, one);
    await Promise.all([one.autopilot.retry('U3'), one.autopilot.retry('U2')]);
    await until(() => world.approvals.size === 2, one);
    expect(world.approvals.get('a-2')).toMatchObject({ requestedBy: 'U1', alsoRequestedBy: ['U2', 'U3'] });
  });

  test('whoever lets an autopilot try again does not count as a requester of the next autopilot', async () => {
    world.refuseBackup = true;
    const one = await started('one');
    await until(() => eventsOf('needs-person').length > 0, one);
    await one.autopilot.retry('U2');
    await one.autopilot.stop('U9');
    await pass(1_000, one);
    world.refuseBackup = false;
    const planned = await one.autopilot.plan('U3', { channel: 'C1' });
    if (!planned.ok) throw new Error('The request was refused.', { cause: planned });
    await one.autopilot.start(planned.value.id, 'U3');
    await until(() => world.approvals.size === 1, one);
    expect(world.approvals.get('a-1')).toMatchObject({ requestedBy: 'U3' });
    expect(world.approvals.get('a-1')?.alsoRequestedBy).toBeUndefined();
  });

  test('the autopilot continues when a person fixed the blocker, and is not shown as waiting any more', async () => {
    Object.assign(world.steps, PROVEN, {
      sample: { state: 'failed', found: { kind: 'sample', images: 3, failed: 1 } },
    });
    const one = await started('one', {
      async doStep() {
        return undefined;
      },
    });
    await until(() => eventsOf('needs-person').length > 0, one);
    expect((await store.read())?.blocker).toBeDefined();
    world.steps.sample = { state: 'done' };
    await until(() => eventsOf('approval-asked').length > 0, one);
    expect((await store.read())?.blocker).toBeUndefined();
    expect(world.events.at(-1)?.record.blocker).toBeUndefined();
  });

  test('a halted run is announced once each time it halts', async () => {
    Object.assign(world.steps, PROVEN, { sample: { state: 'done' }, flush: { state: 'done' } });
    const one = await started('one');
    await runIsUnderWay(one);
    const rests = async () => {
      await world.runs.becomes({ kind: 'paused', because: { kind: 'person', by: 'U2' } });
      world.steps.rescan = { state: 'failed' };
    };
    await rests();
    await until(() => eventsOf('needs-person').length > 0, one);
    await pass(60_000, one);
    expect(eventsOf('needs-person')).toHaveLength(1);
    await world.runs.resume('U2');
    world.steps.rescan = { state: 'running' };
    await until(async () => (await store.read())?.blocker === undefined, one);
    await rests();
    await until(() => eventsOf('needs-person').length > 1, one);
    expect(runStarts(world.runs)).toHaveLength(1);
  });

  test('a retry is refused when no autopilot runs', async () => {
    expect(await copy('one').autopilot.retry('U1')).toEqual({ ok: false, refusal: { reason: 'not-active' } });
  });
});
