import { describe, expect, test } from 'vitest';
import { createLease } from '../../../src/state/lease.ts';
import { autopilotRecord, scopeFound } from '../../support/messages/checklist-builders.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import {
  blockers,
  CHECKLIST,
  completeRun,
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
  store,
  table,
  until,
  withoutNames,
  world,
} from './autopilot-rig.ts';

freshForEachTest();

describe('the autopilot', () => {
  test('the autopilot plans the images of the scope, and does not start when the scope changed since', async () => {
    const { autopilot } = copy('one');
    world.scope = scopeFound({ images: 16 });
    const planned = await autopilot.plan('U1', { channel: 'C01' });
    if (!planned.ok) throw new Error(planned.refusal.reason);
    expect(planned.value).toMatchObject({ scope: { what: 'people Ana Bel' }, forecast: { images: 16 } });
    world.scope = undefined;
    expect(await autopilot.start(planned.value.id, 'U1')).toEqual({ ok: false, refusal: { reason: 'scope-changed' } });
    expect(world.done).toEqual([]);
    world.scope = scopeFound({ images: 16 });
    expect(await autopilot.start(planned.value.id, 'U1')).toMatchObject({ ok: true });
  });

  test('the autopilot does the checklist in order, requests one approval, starts one run, and announces its end once', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    expect(withoutNames()).toEqual(['backup', 'quotas', 'test-logging', 'sample', 'ask']);
    await pass(60_000, one);
    expect(withoutNames()).toHaveLength(5);
    finishFlush('a-1');
    await runIsUnderWay(one);
    expect(world.runs.calls).toEqual(['plan by U1', 'start r-0142 by U1, unattended']);
    await pass(60_000, one);
    await completeRun();
    await until(() => eventsOf('finished').length > 0, one);
    await pass(60_000, one);
    expect(withoutNames()).toEqual(['backup', 'quotas', 'test-logging', 'sample', 'ask', 'validate']);
    expect(eventsOf('finished')).toMatchObject([{ run: { runId: 'r-0142' } }]);
    expect(eventsOf('needs-person')).toEqual([]);
    const record = await store.read();
    expect(record).toMatchObject({ state: 'finished', runId: 'r-0142', approvalId: 'a-1' });
    // Each step has the time of its own last attempt.
    const steps = ['backup', 'quotas', 'test-logging', 'sample', 'validate'];
    expect(Object.keys(record?.attemptedAt ?? {}).sort()).toEqual(steps.sort());
    expect(runStarts(world.runs)).toHaveLength(1);
  });

  test.each(['busy', 'step-active', 'interrupted', 'shutting-down', 'deploy-unclear'] as const)(
    'a step that another process does, or that did not begin or end because of a restart, is tried again without a person: %s',
    async (reason) => {
      let refusals = 0;
      const one = await started('one', {
        async doStep(step) {
          if (step === 'sample' && refusals++ < (reason === 'deploy-unclear' ? 1 : 3)) {
            const fault = { reason: 'network', message: 'no answer', fix: '' } as const;
            const refusal =
              reason === 'busy'
                ? { reason, holder: 'two' }
                : reason === 'deploy-unclear'
                  ? { reason, fault }
                  : { reason };
            if (reason === 'interrupted') world.steps.sample = { state: 'failed', found: { kind: 'interrupted' } };
            return { kind: 'step-refused', step, refusal };
          }
          world.steps[step] = { state: 'done' };
          return undefined;
        },
      });
      await until(() => eventsOf('approval-asked').length > 0, one);
      expect(refusals).toBe(reason === 'deploy-unclear' ? 2 : 4);
      expect(eventsOf('needs-person')).toEqual([]);
    },
  );

  test('an autopilot is planned once and started once', async () => {
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

  test('a stop that the control table could not store ends the autopilot before its next step', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    const before = [...world.done];
    world.storedStop = 'U9';
    finishFlush('a-1');
    await until(() => eventsOf('stopped').length > 0, one);
    expect(await store.read()).toMatchObject({ state: 'stopped', stoppedBy: 'U9' });
    expect(runStarts(world.runs)).toHaveLength(0);
    expect(world.done.filter((what) => !before.includes(what) && !what.includes('stop'))).toEqual([]);
  });

  test('the autopilot does not start while the stop file exists', async () => {
    const one = copy('one');
    const planned = await one.autopilot.plan('U1', { channel: 'C1' });
    world.stopFile = true;
    expect(planned.ok && (await one.autopilot.start(planned.value.id, 'U1'))).toEqual({
      ok: false,
      refusal: { reason: 'stop-file', path: '/tmp/STOP' },
    });
  });
});

describe('after a restart', () => {
  test('the autopilot continues after a restart while it waits for the approval', async () => {
    const one = await started('one');
    await until(() => eventsOf('approval-asked').length > 0, one);
    const before = [...world.done];
    const two = copy('two');
    two.autopilot.standBy();
    await pass(60_000, two);
    expect(world.done).toEqual(before);
    finishFlush('a-1');
    await runIsUnderWay(two);
    expect(world.approvals.size).toBe(1);
    expect(eventsOf('approval-asked')).toHaveLength(1);
  });

  test('the autopilot continues after a restart during the run', async () => {
    Object.assign(world.steps, PROVEN, { sample: { state: 'done' }, flush: { state: 'done' } });
    const one = await started('one');
    await runIsUnderWay(one);
    const two = copy('two');
    two.autopilot.standBy();
    await pass(60_000, two);
    expect(runStarts(world.runs)).toHaveLength(1);
    await completeRun();
    await until(() => eventsOf('finished').length > 0, two);
    expect(eventsOf('finished')).toHaveLength(1);
  });

  test.each(['quotas', 'sample'] as const)('the autopilot repeats an interrupted %s after a restart', async (step) => {
    world.stuck.add(step);
    const one = await started('one');
    await until(() => world.done.includes(`one: ${step}`), one);
    // The view of a step whose process died (see checklist-view.ts).
    world.steps[step] = { state: 'failed', found: { kind: 'interrupted' } };
    world.stuck.clear();
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, two);
    expect(world.done.filter((line) => line.endsWith(step))).toEqual([`one: ${step}`, `two: ${step}`]);
    expect(world.done.filter((line) => line.endsWith('backup'))).toEqual(['one: backup']);
    expect(eventsOf('needs-person')).toEqual([]);
    open.splice(open.indexOf(one.autopilot), 1);
  });

  test('the autopilot repeats an interrupted backup after a restart', async () => {
    world.stuck.add('backup');
    const one = await started('one');
    await until(() => world.done.length > 0, one);
    world.steps.backup = { state: 'failed', found: { kind: 'interrupted' } };
    world.stuck.clear();
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, two);
    expect(world.done.slice(0, 2)).toEqual(['one: backup', 'two: backup']);
  });

  test('a request that was made and not shown before a crash is shown, and not made again', async () => {
    Object.assign(world.steps, PROVEN, { sample: { state: 'done' } });
    const one = await started('one');
    await until(async () => (await store.read())?.approvalId !== undefined, one);
    await until(() => eventsOf('approval-asked').length > 0, one);
    const { ts: _, ...unseen } = flushApproval({ id: 'a-1' });
    world.approvals.set('a-1', unseen);
    world.events.length = 0;
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, two);
    await pass(60_000, two);
    expect(eventsOf('approval-asked')).toHaveLength(1);
    expect(world.approvals.size).toBe(1);
  });

  test('an end that was stored and not announced before a crash is announced once', async () => {
    await store.plan(
      autopilotRecord({ state: 'finished', unannounced: true, checklistId: CHECKLIST, runId: 'r-0142' }),
    );
    world.completed = 'r-0142';
    const [one, two] = [copy('one'), copy('two')];
    one.autopilot.standBy();
    two.autopilot.standBy();
    await until(() => eventsOf('finished').length > 0, one, two);
    await pass(60_000, one, two);
    expect(eventsOf('finished')).toHaveLength(1);
    expect(await store.read()).not.toHaveProperty('unannounced');
  });

  test('an end that another process announced is not announced again', async () => {
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
          // It read that the end was not announced; meanwhile the other process announced it.
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
    // It released the lease, because nothing was left to do.
    await until(() => released > 0, two);
    expect(eventsOf('finished')).toEqual([]);
  });

  test('a blocker that was stored and not announced before a crash is announced once', async () => {
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
    await until(() => eventsOf('needs-person').length > 0, one);
    await pass(60_000, one);
    expect(blockers()).toMatchObject([{ kind: 'waiting', reason: { kind: 'step-failed', step: 'sample' } }]);
    expect(world.done).toEqual([]);
  });
});

describe('a second process', () => {
  test('a second process does not drive the autopilot while the first one lives', async () => {
    const one = await started('one');
    const two = copy('two');
    two.autopilot.standBy();
    await until(() => eventsOf('approval-asked').length > 0, one, two);
    await pass(30_000, one, two);
    finishFlush('a-1');
    await runIsUnderWay(one, two);
    await completeRun();
    await until(() => eventsOf('finished').length > 0, one, two);
    await pass(30_000, one, two);
    expect(new Set(world.done.map((line) => line.split(':')[0]))).toHaveLength(1);
    expect(eventsOf('finished')).toHaveLength(1);
    expect(eventsOf('approval-asked')).toHaveLength(1);
    expect(runStarts(world.runs)).toHaveLength(1);
  });
});

test('a start of which nobody knows whether it began needs no person: the next look finds the run', async () => {
  Object.assign(world.steps, PROVEN, { sample: { state: 'done' }, flush: { state: 'done' } });
  const fault = { reason: 'control-table', message: 'No answer.', fix: 'Check it.' } as const;
  const one = await started('one', {
    starts: {
      plan: world.runs.plan,
      async start(...request) {
        await world.runs.start(...request);
        return { ok: false, refusal: { reason: 'maybe-started', runId: request[0], fault } };
      },
    },
  });
  await runIsUnderWay(one);
  await pass(30_000, one);
  expect(blockers()).toEqual([]);
  expect(runStarts(world.runs)).toHaveLength(1);
});
