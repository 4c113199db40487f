import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Copy, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
  rig.realStepMs = 10;
});
afterEach(() => rig.close());

const PACE = { kind: 'fixed', perMinute: 1_800 } as const;
async function startedRun(): Promise<{ copy: Copy; runId: string }> {
  const copy = await rig.copy();
  const runId = await rig.start(copy, { pace: PACE });
  await rig.untilDone(copy, 10);
  return { copy, runId };
}
/** A process that starts after all others were killed, once the lease of the last one can have expired. */
async function restarted(): Promise<Copy> {
  const copy = await rig.copy();
  copy.runs.standBy();
  await rig.pass(30_000);
  return copy;
}
async function invokesNothing(): Promise<void> {
  const { total } = await rig.invocations();
  await rig.pass(10_000);
  expect((await rig.invocations()).total).toBe(total);
}

describe('a stop while the control table cannot be written', () => {
  test('is stored in a file where the credentials are refused, survives a kill, and holds until somebody resumes', async () => {
    const { copy } = await startedRun();
    rig.aws.turn({ expiredCredentials: true });
    await copy.listensTo('paused');
    const stopped = value(await rig.during(copy.runs.stop('U9', { now: false })));
    expect(stopped).toMatchObject({ state: { kind: 'stopped' }, unsaved: { storedIn: { kind: 'file' } } });
    copy.kill();
    rig.aws.turn({ expiredCredentials: false });

    const next = await restarted();
    expect((await next.runs.current())?.state).toEqual({ kind: 'stopped', by: { kind: 'person', by: 'U9' } });
    await invokesNothing();
    value(await rig.during(next.runs.resume('U1')));
    await next.listensTo('completed');
  });

  test.each(['stop', 'pause'] as const)(
    'a %s is stored in the control bucket where only the table is refused, and holds on another machine',
    async (request) => {
      const { copy } = await startedRun();
      rig.aws.turn({ accessDenied: ['dynamodb:UpdateItem', 'dynamodb:PutItem'] });
      const halting = request === 'stop' ? copy.runs.stop('U9', { now: false }) : copy.runs.pause('U9');
      const { unsaved } = value(await rig.during(halting));
      expect(unsaved).toMatchObject({ storedIn: { kind: 'bucket' } });
      const end = await copy.listensTo(request === 'stop' ? 'stopped' : 'paused');
      expect(end).toMatchObject({ unwritten: true, snapshot: { unsaved } });
      copy.kill();
      rig.aws.turn({ accessDenied: [] });
      const next = await restarted();
      expect((await next.runs.current())?.state.kind).toBe(request === 'stop' ? 'stopped' : 'paused');
      await invokesNothing();
      value(await rig.during(next.runs.resume('U1')));
      await next.listensTo('completed');
    },
  );

  test('that follows a pause which was announced before it was saved is announced, too', async () => {
    const { copy } = await startedRun();
    rig.aws.turn({ accessDenied: ['dynamodb:UpdateItem', 'dynamodb:PutItem'] });
    value(await rig.during(copy.runs.pause('U1')));
    expect(await copy.listensTo('paused')).toMatchObject({ unwritten: true });
    value(await rig.during(copy.runs.stop('U9', { now: false })));
    rig.aws.turn({ accessDenied: [] });
    expect(await copy.listensTo('stopped')).toMatchObject({ snapshot: { state: { by: { by: 'U9' } } } });
  });

  test('that is stored nowhere says so in its alert', async () => {
    const copy = await rig.copy({ STOP_FILE: '/no/such/folder/STOP' });
    await rig.start(copy, { pace: PACE });
    await rig.untilDone(copy, 10);
    rig.aws.turn({ accessDenied: ['dynamodb:UpdateItem', 'dynamodb:PutItem', 's3:PutObject'] });
    const stopped = rig.during(copy.runs.stop('U9', { now: false }));
    const { snapshot } = await copy.listensTo('stopped');
    expect(snapshot.unsaved).toEqual({ stopFile: '/no/such/folder/STOP' });
    expect(value(await stopped).unsaved).toEqual(snapshot.unsaved);
    rig.aws.turn({ accessDenied: [] });
  });

  test('that the table took before it could not be written any more is in the table, and its alert says so', async () => {
    rig.aws.turn({ latencyMs: 300 });
    const { copy } = await startedRun();
    value(await rig.during(copy.runs.stop('U9', { now: false })));
    expect((await copy.runs.current())?.draining).toBe(true);
    rig.aws.turn({ accessDenied: ['dynamodb:UpdateItem', 'dynamodb:PutItem'] });
    const end = await copy.listensTo('stopped');
    expect(end).toMatchObject({ unwritten: true, snapshot: { unsaved: { storedIn: { kind: 'record' } } } });
    rig.aws.turn({ accessDenied: [] });
  });

  test('of which nothing can be stored says so', async () => {
    const copy = await rig.copy({ STOP_FILE: '/no/such/folder/STOP' });
    await rig.start(copy, { pace: PACE });
    await rig.untilDone(copy, 10);
    rig.aws.turn({ expiredCredentials: true });
    const stopped = value(await rig.during(copy.runs.stop('U9', { now: false })));
    expect(stopped.unsaved).toEqual({ stopFile: '/no/such/folder/STOP' });
    rig.aws.turn({ expiredCredentials: false });
    await copy.listensTo('stopped');
  });

  test('through a copy that cannot reach the table, it stops the run that another copy drives', async () => {
    const { copy } = await startedRun();
    const other = await rig.copy();
    rig.control.isAway = true;
    const answer = await rig.during(other.runs.stop('U9', { now: false }));
    expect(answer).toMatchObject({ refusal: { reason: 'halt-unread', stored: { kind: 'bucket' } } });
    rig.control.isAway = false;
    expect((await copy.listensTo('stopped')).snapshot.state).toMatchObject({ by: { kind: 'person', by: 'U9' } });
    await invokesNothing();
  });

  test('is removed from every place by a resume, also by one that was killed in between', async () => {
    const { copy } = await startedRun();
    rig.aws.turn({ expiredCredentials: true });
    value(await rig.during(copy.runs.stop('U9', { now: false })));
    rig.aws.turn({ expiredCredentials: false });
    await copy.listensTo('stopped');
    await rig.until(() => (existsSync(`${rig.stopFile}.TimesheetOCR-ocr-dev.json`) ? undefined : true));
    value(await rig.during(copy.runs.resume('U1')));
    await rig.pass(200);
    copy.kill();
    const next = await restarted();
    await next.listensTo('completed');
    expect(next.events.some(({ kind }) => kind === 'stopped')).toBe(false);
  });

  test.each(['stop', 'pause'] as const)(
    'a stored %s refuses the start of a run by the autopilot and stays; the start of a person removes it',
    async (request) => {
      const copy = await rig.copy();
      rig.control.isAway = true;
      const halting = request === 'stop' ? copy.runs.stop('U9', { now: false }) : copy.runs.pause('U9');
      expect(await rig.during(halting)).toMatchObject({ refusal: { stored: { kind: 'bucket' } } });
      rig.control.isAway = false;
      const location = { channel: 'C1' };
      const selection = {};
      const planned = value(
        await rig.during(copy.runs.plan({ selection, paceSetting: PACE, by: 'U1', location, keep: true })),
      );
      const start = (unattended: boolean) => rig.during(copy.runs.start(planned.runId, 'U1', { location, unattended }));
      for (const _ of ['first', 'again'])
        expect(await start(true)).toEqual({ ok: false, refusal: { reason: 'stop-stored', request, by: 'U9' } });
      expect((await rig.invocations()).total).toBe(0);
      value(await start(false));
      await copy.listensTo('completed');
    },
  );
});
