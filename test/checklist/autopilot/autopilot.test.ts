import { describe, expect, test } from 'vitest';
import { createLease } from '../../../src/state/lease.ts';
import { autopilotRecord } from '../../support/checklist-builders.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { flushApproval } from '../../support/table-builders.ts';
import {
  blockers,
  CHECKLIST,
  completeRun,
  copy,
  flushed,
  freshForEachTest,
  LEASE_MS,
  open,
  PROVEN,
  pass,
  runIsUnderWay,
  runStarts,
  started,
  store,
  table,
  told,
  until,
  withoutNames,
  world,
} from './autopilot-rig.ts';

freshForEachTest();

describe('the autopilot', () => {
  test('does the checklist in order, asks once, starts one run, and tells the end once', async () => {
    const one = await started('one');
    await until(() => told('approval-asked').length > 0, one);
    expect(withoutNames()).toEqual(['backup', 'quotas', 'test-logging', 'sample', 'ask']);
    await pass(60_000, one);
    expect(withoutNames()).toHaveLength(5);
    flushed('a-1');
    await runIsUnderWay(one);
    expect(world.runs.calls).toEqual(['plan by U1', 'start r-0142 by U1']);
    await pass(60_000, one);
    await completeRun();
    await until(() => told('finished').length > 0, one);
    await pass(60_000, one);
    expect(withoutNames()).toEqual(['backup', 'quotas', 'test-logging', 'sample', 'ask', 'validate']);
    expect(told('finished')).toMatchObject([{ run: { runId: 'r-0142' } }]);
    expect(told('needs-person')).toEqual([]);
    expect(await store.read()).toMatchObject({ state: 'finished', runId: 'r-0142', approvalId: 'a-1' });
    expect(runStarts(world.runs)).toHaveLength(1);
  });

  test('is planned once and started once: a second one is refused', async () => {
    const one = copy('one');
    const planned = await one.autopilot.plan('U1', { channel: 'C1' });
    if (!planned.ok) throw new Error('refused');
    const starts = await Promise.all([
      one.autopilot.start(planned.value.id, 'U1'),
      copy('two').autopilot.start(planned.value.id, 'U2'),
    ]);
    expect(starts.filter(({ ok }) => ok)).toHaveLength(1);
    expect(starts.find(({ ok }) => !ok)).toEqual({ ok: false, refusal: { reason: 'plan-gone' } });
    expect(await one.autopilot.plan('U3', { channel: 'C1' })).toMatchObject({ refusal: { reason: 'active' } });
    expect(await one.autopilot.cancel(planned.value.id, 'U1')).toEqual({ ok: false, refusal: { reason: 'plan-gone' } });
  });

  test('does not start while the stop file is there', async () => {
    const one = copy('one');
    const planned = await one.autopilot.plan('U1', { channel: 'C1' });
    world.stopFile = true;
    expect(planned.ok && (await one.autopilot.start(planned.value.id, 'U1'))).toEqual({
      ok: false,
      refusal: { reason: 'stop-file', path: '/tmp/STOP' },
    });
  });
});

describe('after a restart the autopilot goes on, and does nothing twice,', () => {
  test('while it waits for the approval', async () => {
    const one = await started('one');
    await until(() => told('approval-asked').length > 0, one);
    const before = [...world.done];
    const two = copy('two');
    two.autopilot.standBy();
    await pass(60_000, two);
    expect(world.done).toEqual(before);
    flushed('a-1');
    await runIsUnderWay(two);
    expect(world.approvals.size).toBe(1);
    expect(told('approval-asked')).toHaveLength(1);
  });

  test('while the run is under way', async () => {
    Object.assign(world.steps, PROVEN, { sample: { state: 'done' }, flush: { state: 'done' } });
    const one = await started('one');
    await runIsUnderWay(one);
    const two = copy('two');
    two.autopilot.standBy();
    await pass(60_000, two);
    expect(runStarts(world.runs)).toHaveLength(1);
    await completeRun();
    await until(() => told('finished').length > 0, two);
    expect(told('finished')).toHaveLength(1);
  });

  test.each(['quotas', 'sample'] as const)(
    'in the middle of %s: it is done again once its record is silent',
    async (step) => {
      world.stuck.add(step);
      const one = await started('one');
      await until(() => world.done.includes(`one: ${step}`), one);
      // What the checklist says of a step whose process died (see checklist-view.ts).
      world.steps[step] = { state: 'failed', found: { kind: 'interrupted' } };
      world.stuck.clear();
      const two = copy('two');
      two.autopilot.standBy();
      await until(() => told('approval-asked').length > 0, two);
      expect(world.done.filter((line) => line.endsWith(step))).toEqual([`one: ${step}`, `two: ${step}`]);
      expect(world.done.filter((line) => line.endsWith('backup'))).toEqual(['one: backup']);
      expect(told('needs-person')).toEqual([]);
      open.splice(open.indexOf(one.autopilot), 1);
    },
  );

  test('in the middle of its backup, whose record is silent', async () => {
    world.stuck.add('backup');
    const one = await started('one');
    await until(() => world.done.length > 0, one);
    world.steps.backup = { state: 'failed', found: { kind: 'interrupted' } };
    world.stuck.clear();
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => told('approval-asked').length > 0, two);
    expect(world.done.slice(0, 2)).toEqual(['one: backup', 'two: backup']);
  });

  test('where the request was made and the process died before anybody saw it: it is shown, not made again', async () => {
    Object.assign(world.steps, PROVEN, { sample: { state: 'done' } });
    const one = await started('one');
    await until(async () => (await store.read())?.approvalId !== undefined, one);
    await until(() => told('approval-asked').length > 0, one);
    const { ts: _, ...unseen } = flushApproval({ id: 'a-1' });
    world.approvals.set('a-1', unseen);
    world.told.length = 0;
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => told('approval-asked').length > 0, two);
    await pass(60_000, two);
    expect(told('approval-asked')).toHaveLength(1);
    expect(world.approvals.size).toBe(1);
  });

  test('where the end was noted and the process died before it was told: it is told once', async () => {
    await store.plan(
      autopilotRecord({ state: 'finished', unannounced: true, checklistId: CHECKLIST, runId: 'r-0142' }),
    );
    world.completed = 'r-0142';
    const [one, two] = [copy('one'), copy('two')];
    one.autopilot.standBy();
    two.autopilot.standBy();
    await until(() => told('finished').length > 0, one, two);
    await pass(60_000, one, two);
    expect(told('finished')).toHaveLength(1);
    expect(await store.read()).not.toHaveProperty('unannounced');
  });

  test('where another copy told the end while this one took over: it is not told again', async () => {
    const finished = autopilotRecord({ state: 'finished', unannounced: true, checklistId: CHECKLIST });
    await store.plan(finished);
    world.completed = 'r-0142';
    let takes = 0;
    let released = 0;
    const clock = createFakeClock();
    const lease = createLease({ table, name: 'fn#autopilot', holder: 'two', durationMs: LEASE_MS, clock });
    const two = copy('two', {
      lease: {
        ...lease,
        async acquire() {
          // It has read that nobody was told; by now somebody was.
          if (takes++ === 0) await store.change(finished.id, { remove: ['unannounced'] }, ['finished']);
          return lease.acquire();
        },
        async release() {
          released++;
          await lease.release();
        },
      },
    });
    two.autopilot.standBy();
    // It let go again, as there was nothing left to do.
    await until(() => released > 0, two);
    expect(told('finished')).toEqual([]);
  });

  test('where somebody is needed and the process died before anybody was told: it is told once', async () => {
    Object.assign(world.steps, PROVEN, {
      sample: { state: 'failed', found: { kind: 'sample', images: 3, failed: 1 } },
    });
    await store.plan(
      autopilotRecord({
        state: 'running',
        checklistId: CHECKLIST,
        attempts: { sample: 1 },
        blocker: JSON.stringify({
          kind: 'waiting',
          reason: { kind: 'step-failed', step: 'sample', found: world.steps.sample?.found },
        }),
        unannounced: true,
      }),
    );
    const one = copy('one');
    one.autopilot.standBy();
    await until(() => told('needs-person').length > 0, one);
    await pass(60_000, one);
    expect(blockers()).toMatchObject([{ kind: 'waiting', reason: { kind: 'step-failed', step: 'sample' } }]);
    expect(world.done).toEqual([]);
  });
});

describe('a second copy', () => {
  test('does not drive while the first one lives', async () => {
    const one = await started('one');
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => told('approval-asked').length > 0, one, two);
    await pass(30_000, one, two);
    flushed('a-1');
    await runIsUnderWay(one, two);
    await completeRun();
    await until(() => told('finished').length > 0, one, two);
    await pass(30_000, one, two);
    expect(new Set(world.done.map((line) => line.split(':')[0]))).toHaveLength(1);
    expect(told('finished')).toHaveLength(1);
    expect(told('approval-asked')).toHaveLength(1);
    expect(runStarts(world.runs)).toHaveLength(1);
  });
});
