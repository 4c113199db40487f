import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Copy, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
  rig.realStepMs = 10;
});
afterEach(() => rig.close());

const PACE = { kind: 'fixed', perMinute: 1_800 } as const;
/** The table takes outcomes, which are new items, and no changes of the run's record. */
const NO_UPDATES = ['dynamodb:UpdateItem'];
const NOWHERE = { STOP_FILE: '/no/such/folder/STOP' };

async function started(settings: Record<string, string> = {}): Promise<Copy> {
  const copy = await rig.copy(settings);
  await rig.start(copy, { pace: PACE });
  await rig.untilDone(copy, 5);
  return copy;
}
/** A process that starts after the one before was killed, once its lease can have expired. */
async function restarted(settings: Record<string, string> = {}): Promise<Copy> {
  const copy = await rig.copy(settings);
  copy.runs.standBy();
  await rig.pass(30_000);
  return copy;
}
/** No image is invoked until a person resumes the run, which then completes. */
async function waitsForAPerson(copy: Copy, total: number): Promise<void> {
  await rig.pass(10_000);
  expect((await rig.invocations()).total).toBe(total);
  value(await rig.during(copy.runs.resume('U1')));
  expect((await copy.listensTo('completed')).snapshot.total).toBe(60);
}

describe('a run that halts by itself while its state cannot be saved, and whose process is killed then', () => {
  test.each([
    ['the control bucket', [], 'bucket'],
    ['a file', ['s3:PutObject'], 'file'],
  ] as const)('has its trip in %s, and stays tripped after the restart', async (_where, denied, kind) => {
    const copy = await started();
    rig.aws.turn({ failures: { kind: 'textract' }, accessDenied: [...NO_UPDATES, ...denied] });
    const tripped = await copy.listensTo('tripped');
    expect(tripped).toMatchObject({ unwritten: true, snapshot: { unsaved: { storedIn: { kind } } } });
    copy.kill();
    rig.aws.turn({ failures: [], accessDenied: [] });
    const { total } = await rig.invocations();
    const next = await restarted();
    const { state } = (await next.listensTo('tripped')).snapshot;
    expect(state).toEqual(tripped.snapshot.state);
    await waitsForAPerson(next, total);
  });

  test('trips again by the outcomes on record before its first invocation, where the trip is stored nowhere', async () => {
    const copy = await started(NOWHERE);
    rig.aws.turn({ failures: { kind: 'textract' }, accessDenied: [...NO_UPDATES, 's3:PutObject'] });
    const tripped = await copy.listensTo('tripped');
    expect(tripped.snapshot.unsaved).toEqual({ stopFile: NOWHERE.STOP_FILE });
    copy.kill();
    rig.aws.turn({ failures: [], accessDenied: [] });
    const { total } = await rig.invocations();
    const next = await restarted(NOWHERE);
    expect((await next.listensTo('tripped')).snapshot.state).toEqual(tripped.snapshot.state);
    await waitsForAPerson(next, total);
  });

  test('trips again where it is killed at the moment of the trip, before anything is stored', async () => {
    const copy = await started();
    rig.aws.turn({ failures: { kind: 'textract' }, accessDenied: [...NO_UPDATES, 's3:PutObject'] });
    const draining = await copy.listensTo('draining');
    copy.kill();
    rig.aws.turn({ failures: [], accessDenied: [] });
    const next = await restarted();
    const { snapshot } = await next.listensTo('tripped');
    expect(draining).toMatchObject({ why: 'trip', next: snapshot.state });
    await waitsForAPerson(next, (await rig.invocations()).total);
  });

  test('has a fault in the control bucket, and stays paused after the restart', async () => {
    const copy = await started();
    rig.aws.turn({ functionMissing: true, accessDenied: NO_UPDATES });
    const paused = await copy.listensTo('paused');
    expect(paused).toMatchObject({ unwritten: true, snapshot: { unsaved: { storedIn: { kind: 'bucket' } } } });
    copy.kill();
    rig.aws.turn({ functionMissing: false, accessDenied: [] });
    const { total } = await rig.invocations();
    const next = await restarted();
    expect((await next.listensTo('paused')).snapshot.state).toMatchObject({
      because: { kind: 'fault', fault: { reason: 'function-missing' } },
    });
    await waitsForAPerson(next, total);
  });

  test('has a trip without growth in the control bucket, and stays tripped after the restart', async () => {
    const growth = { GROWTH_WARN_MINUTES: '0.02', GROWTH_TRIP_MINUTES: '0.05', ROWS_WAIT_SECONDS: '600' };
    rig.aws.turn({ writesNothing: true });
    const copy = await rig.copy(growth);
    await rig.start(copy, { pace: { kind: 'fixed', perMinute: 120 } });
    rig.aws.turn({ accessDenied: NO_UPDATES });
    const tripped = await copy.listensTo('tripped');
    expect(tripped.snapshot).toMatchObject({
      state: { trippedBy: { kind: 'no-growth' } },
      unsaved: { storedIn: { kind: 'bucket' } },
    });
    copy.kill();
    rig.aws.turn({ writesNothing: false, accessDenied: [] });
    const { total } = await rig.invocations();
    const next = await restarted();
    expect((await next.listensTo('tripped')).snapshot.state).toEqual(tripped.snapshot.state);
    await waitsForAPerson(next, total);
  });
});

test('a trip that the control table takes late leaves no stored stop behind', async () => {
  const copy = await started();
  rig.aws.turn({ failures: { kind: 'textract' }, accessDenied: NO_UPDATES });
  expect(await copy.listensTo('tripped')).toMatchObject({ unwritten: true });
  rig.aws.turn({ failures: [], accessDenied: [] });
  await rig.until(async () => ((await copy.runs.current())?.unsaved ? undefined : true));
  await rig.pass(3_000);
  value(await rig.during(copy.runs.resume('U1')));
  await rig.pass(200);
  copy.kill();
  const next = await restarted();
  await next.listensTo('completed');
  expect(next.events.some(({ kind }) => kind === 'tripped')).toBe(false);
});
