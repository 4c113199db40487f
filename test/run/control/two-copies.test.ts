import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createRunStore, type RunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
});
afterEach(() => rig.close());

async function openStore(): Promise<RunStore> {
  const { dynamodb } = createAwsClients();
  const table = await openControlTable({ dynamodb, tableName: 'rescan-bot-control', clock: systemClock });
  return createRunStore(table, 'TimesheetOCR-ocr-dev', TIMESHEETS.reply);
}
const SLOW = { kind: 'fixed', perMinute: 600 } as const;
const plan = async (copy: Copy) =>
  value(await copy.runs.plan({ selection: {}, paceSetting: SLOW, by: 'U1', location: LOCATION })).runId;

describe('two copies that start the same plan at the same time', () => {
  test('start it once, and the run keeps the pipeline', async () => {
    const [one, other] = [await rig.copy(), await rig.copy()];
    const runId = await plan(one);
    rig.control.delayMs = 100;
    const starts = await rig.during(
      Promise.all([one, other].map((copy) => copy.runs.start(runId, 'U1', { location: LOCATION }))),
    );
    rig.control.delayMs = 0;
    expect(starts.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await (await openStore()).readOpen()).toMatchObject({ openRunId: runId });
    const third = await rig.copy();
    value(await rig.during(third.runs.stop('U9', { now: false })));
    await rig.until(async () => ((await third.runs.current())?.state.kind === 'stopped' ? true : undefined));
  });
});

test('a run has its last state for whoever hears of its end', async () => {
  const copy = await rig.copy();
  const read: (string | undefined)[] = [];
  copy.runs.watch(async ({ kind, snapshot }) => {
    if (kind === 'stopped') read.push((await copy.runs.read(snapshot.runId))?.state.kind);
  });
  await rig.start(copy, { pace: SLOW });
  await rig.untilDone(copy, 3);
  value(await rig.during(copy.runs.stop('U9', { now: false })));
  await rig.until(() => (read.length > 0 ? true : undefined));
  expect(read).toEqual(['stopped']);
});

test('an end that its process could not note as announced is announced by another copy as the same end', async () => {
  const [driver, other] = [await rig.copy(), await rig.copy()];
  const drives: string[] = [];
  for (const copy of [driver, other])
    copy.runs.watch((event) => {
      if (event.kind !== 'stopped') return;
      drives.push(event.drive);
      if (copy === driver) driver.kill();
    });
  await rig.start(driver, { pace: SLOW });
  await rig.untilDone(driver, 3);
  void driver.runs.stop('U9', { now: false });
  await rig.until(() => (drives.length === 1 ? true : undefined));
  other.runs.standBy();
  await other.listensTo('stopped');
  expect(drives).toEqual([drives[0], drives[0]]);
  expect(drives[0]).toMatch(/^[0-9a-f]{8}-/);
});

describe('a run that is stopped and waits for images in flight', () => {
  async function draining() {
    const [driver, other] = [await rig.copy(), await rig.copy()];
    const next = await plan(driver);
    const runId = await rig.start(driver, { pace: SLOW });
    await rig.untilDone(driver, 3);
    rig.aws.turn({ latencyMs: 4_000 });
    rig.realStepMs = 20;
    await rig.pass(1_000);
    value(await rig.during(driver.runs.stop('U9', { now: false })));
    await rig.until(async () => ((await other.runs.current())?.state.kind === 'stopped' ? true : undefined));
    expect(await driver.runs.current()).toMatchObject({ draining: true });
    expect((await driver.runs.current())?.inFlight).toBeGreaterThan(0);
    return { driver, other, runId, next };
  }

  test('is not abandoned by a start of another plan in another copy that is refused', async () => {
    const { driver, other, runId, next } = await draining();
    const refused = await rig.during(other.runs.start(next, 'U1', { location: LOCATION, abandonOpen: true }));
    expect(refused).toMatchObject({ refusal: { reason: 'lease-held' } });
    await driver.listensTo('stopped');
    expect((await other.runs.read(runId))?.state.kind).toBe('stopped');
    expect(await (await openStore()).readOpen()).toMatchObject({ openRunId: runId });
  });

  test('is announced once, by the copy that waits for them', async () => {
    const { driver, other } = await draining();
    other.runs.standBy();
    const end = await driver.listensTo('stopped');
    await rig.pass(10_000);
    expect(end.snapshot.inFlight).toBe(0);
    const ends = [driver, other].flatMap(({ events }) => events.filter(({ kind }) => kind === 'stopped'));
    expect(ends).toHaveLength(1);
  });
});

test('a plan that another copy is starting cannot be cancelled, or is not started', async () => {
  const [starting, cancelling] = [await rig.copy(), await rig.copy()];
  for (const afterWrites of [3, 4, 5]) {
    const runId = await plan(starting);
    const before = starting.writes();
    rig.control.delayMs = 100;
    const started = starting.runs.start(runId, 'U1', { location: LOCATION, abandonOpen: true });
    await rig.until(() => (starting.writes() >= before + afterWrites ? true : undefined));
    const cancelled = await rig.during(cancelling.runs.cancelPlan(runId, 'U9'));
    const { ok } = await rig.during(started);
    rig.control.delayMs = 0;
    expect([cancelled.ok, ok]).not.toEqual([true, true]);
    if (ok) await rig.during(starting.runs.stop('U9', { now: true }));
    await rig.until(async () => ((await starting.runs.current())?.state.kind === 'running' ? undefined : true));
  }
});
