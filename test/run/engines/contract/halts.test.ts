import { afterEach, describe, expect, test } from 'vitest';
import { LOCATION, type RunsRig, startRunsRig, value } from '../../../support/rigs/runs-rig.ts';

const ENGINES = ['local', 'step-functions'] as const;
const PACE = { kind: 'fixed', perMinute: 600 } as const;

let rig: RunsRig;
afterEach(() => rig.close());

describe.each(ENGINES)('the engine %s', (engine) => {
  const start = async (images: number) => {
    rig = await startRunsRig({ images, engine });
    return rig.copy();
  };

  test('stops itself after failures in a row, and a resume processes the images that have no outcome', async () => {
    const bot = await start(120);
    rig.aws.turn({ failures: { kind: 'textract' } });
    await rig.start(bot, { pace: PACE });
    const { snapshot } = await bot.listensTo('tripped');
    expect(snapshot).toMatchObject({
      state: { kind: 'tripped', trippedBy: { kind: 'consecutive-failures' } },
      lastFailure: { failureType: 'TEXTRACT_ERROR' },
    });
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(120);
    expect(snapshot.totals.failed).toBe(total);
    await rig.pass(10_000);
    expect((await rig.invocations()).total).toBe(total);
    rig.aws.turn({ failures: [] });
    value(await rig.during(bot.runs.resume('U1')));
    const end = await bot.listensTo('completed');
    expect(end.snapshot.totals.failed).toBe(total);
    expect((await rig.invocations()).counts).toEqual(Array(120).fill(1));
  });

  test('stops itself after a canary that fails, and starts no other image', async () => {
    const bot = await start(60);
    rig.aws.turn({ failures: { kind: 'textract' } });
    const canary = { images: 8, percent: 20 };
    const request = { selection: {}, paceSetting: PACE, canary, by: 'U1', location: LOCATION };
    const plan = value(await bot.runs.plan(request));
    value(await bot.runs.start(plan.runId, 'U1', { location: LOCATION }));
    const { snapshot } = await bot.listensTo('tripped');
    expect(snapshot.state).toMatchObject({ trippedBy: { kind: 'canary', images: 8 } });
    expect((await rig.invocations()).total).toBeLessThanOrEqual(8);
  });

  test('starts the others after a canary that passes', async () => {
    const bot = await start(30);
    const canary = { images: 5, percent: 20 };
    const request = { selection: {}, paceSetting: PACE, canary, by: 'U1', location: LOCATION };
    const plan = value(await bot.runs.plan(request));
    value(await bot.runs.start(plan.runId, 'U1', { location: LOCATION }));
    expect(await bot.listensTo('canary-passed')).toMatchObject({ images: 5, failed: 0 });
    expect((await bot.listensTo('completed')).snapshot.totals.failed).toBe(0);
    expect((await rig.invocations()).counts).toEqual(Array(30).fill(1));
  });

  test('stops itself when the table does not grow, and a resume processes the images since then again', async () => {
    const bot = await start(40);
    rig.aws.turn({ writesNothing: true });
    await bot.runs.shutDown();
    const watching = await rig.copy({
      GROWTH_WARN_MINUTES: '0.02',
      GROWTH_TRIP_MINUTES: '0.05',
      ROWS_WAIT_SECONDS: '600',
    });
    await rig.start(watching, { pace: { kind: 'fixed', perMinute: 200 } });
    const trip = await watching.listensTo('tripped');
    expect(trip.snapshot.state).toMatchObject({ trippedBy: { kind: 'no-growth' } });
    const { processed } = trip.snapshot.totals;
    rig.aws.turn({ writesNothing: false });
    const other = await rig.copy();
    await rig.during(watching.runs.shutDown());
    value(await rig.during(other.runs.resume('U1')));
    expect(await other.listensTo('resumed')).toMatchObject({ rerunning: processed });
    const { totals } = (await other.listensTo('completed')).snapshot;
    expect(totals).toMatchObject({ noRows: 0, failed: 0 });
    expect(totals.processed + totals.rejected).toBe(40);
  });

  test('finds images whose rows never came, and does not count them as processed', async () => {
    const bot = await start(40);
    rig.aws.turn({ writesNothing: true, writesFirst: 35 });
    await rig.start(bot, { pace: PACE });
    const { totals } = (await bot.listensTo('completed')).snapshot;
    expect(totals.noRows).toBeGreaterThan(0);
    expect(totals.processed + totals.noRows + totals.rejected).toBe(40);
  });

  test('pauses when the function is missing, and continues without a failed image', async () => {
    const bot = await start(60);
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    rig.aws.turn({ functionMissing: true });
    const { snapshot } = await bot.listensTo('paused');
    expect(snapshot.state).toMatchObject({ because: { kind: 'fault', fault: { reason: 'function-missing' } } });
    expect(snapshot.totals.failed).toBe(0);
    rig.aws.turn({ functionMissing: false });
    value(await rig.during(bot.runs.resume('U1')));
    expect((await bot.listensTo('completed')).snapshot.totals.failed).toBe(0);
    expect((await rig.invocations()).counts).toHaveLength(60);
  });

  test('pauses when a permission is missing, and names the action', async () => {
    const bot = await start(40);
    const denied = ['lambda:InvokeFunction'];
    const lacks = (actions: readonly string[]) =>
      rig.aws.turn(engine === 'local' ? { accessDenied: actions } : { stepFunctions: { denied: actions } });
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 3);
    lacks(denied);
    const { snapshot } = await bot.listensTo('paused');
    const fault = { reason: 'access-denied', fix: expect.stringContaining('lambda:InvokeFunction') };
    expect(snapshot).toMatchObject({ state: { because: { kind: 'fault', fault } }, totals: { failed: 0 } });
    lacks([]);
    value(await rig.during(bot.runs.resume('U1')));
    expect((await bot.listensTo('completed')).snapshot.totals.failed).toBe(0);
    expect((await rig.invocations()).counts).toEqual(Array(40).fill(1));
  });

  test('announces that the credentials have expired, fails no image, and completes when they are renewed', async () => {
    const bot = await start(60);
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 300 } });
    await rig.untilDone(bot, 5);
    rig.aws.turn({ expiredCredentials: true });
    const { snapshot } = await bot.listensTo('paused');
    expect(snapshot.state).toMatchObject({ because: { kind: 'fault', fault: { reason: 'credentials' } } });
    expect(snapshot.totals.failed).toBe(0);
    rig.aws.turn({ expiredCredentials: false });
    await rig.until(async () => ((await bot.runs.current())?.state.kind === 'paused' ? true : undefined));
    await rig.pass(30_000);
    const { total } = await rig.invocations();
    await rig.pass(10_000);
    expect((await rig.invocations()).total).toBe(total);
    value(await rig.during(bot.runs.resume('U1')));
    expect((await bot.listensTo('completed')).snapshot.totals.failed).toBe(0);
    expect((await rig.invocations()).counts).toHaveLength(60);
  });

  test('is paused and resumed, and no image is invoked twice', async () => {
    const bot = await start(80);
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    value(await bot.runs.pause('U2'));
    const paused = await bot.listensTo('paused');
    expect(paused).toMatchObject({ leftInFlight: 0, snapshot: { state: { because: { by: 'U2' } } } });
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(80);
    await rig.pass(10_000);
    expect((await rig.invocations()).total).toBe(total);
    value(await rig.during(bot.runs.resume('U1')));
    await bot.listensTo('completed');
    expect((await rig.invocations()).counts).toEqual(Array(80).fill(1));
  });

  test.each(['stop', 'trip'] as const)(
    'a %s whose first write fails starts no more images once the table can be written',
    async (what) => {
      const bot = await start(400);
      await rig.start(bot, { pace: PACE });
      await rig.untilDone(bot, 5);
      rig.aws.turn({
        accessDenied: ['dynamodb:UpdateItem'],
        ...(what === 'trip' && { failures: { kind: 'textract' } }),
      });
      if (what === 'stop') value(await rig.during(bot.runs.stop('U9', { now: false })));
      await bot.listensTo('draining');
      rig.aws.turn({ accessDenied: [] });
      const { snapshot } = await bot.listensTo(what === 'stop' ? 'stopped' : 'tripped');
      const { total } = await rig.invocations();
      expect(total).toBeLessThan(300);
      await rig.pass(5_000);
      expect((await rig.invocations()).total).toBe(total);
      expect(snapshot.gateAfterHalt).toBeUndefined();
    },
  );

  test('a stop while the control table cannot be written holds, and the table has it as soon as it can be written', async () => {
    const bot = await start(400);
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    rig.control.refuses = true;
    value(await rig.during(bot.runs.stop('U9', { now: false })));
    expect(await bot.listensTo('stopped')).toMatchObject({ unwritten: true });
    const { total } = await rig.invocations();
    await rig.pass(3_000);
    // Images in flight when the execution was stopped reach the function until their requests have arrived.
    expect((await rig.invocations()).total).toBeLessThanOrEqual(total + 10);
    rig.control.refuses = false;
    await rig.until(async () => ((await bot.runs.current())?.unsaved ? undefined : true));
    expect((await bot.runs.current())?.state).toEqual({ kind: 'stopped', by: { kind: 'person', by: 'U9' } });
  });

  test('leaves images in flight after stop now, and only those are invoked again', async () => {
    const bot = await start(60);
    rig.realStepMs = 10;
    rig.aws.turn({ latencyMs: 300 });
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    value(await bot.runs.stop('U1', { now: true }));
    const stopped = await bot.listensTo('stopped');
    const left = stopped.kind === 'stopped' ? stopped.leftInFlight : 0;
    rig.aws.turn({ latencyMs: 10 });
    value(await rig.during(bot.runs.resume('U1')));
    const completed = await bot.listensTo('completed');
    const { counts } = await rig.invocations();
    expect(counts).toHaveLength(60);
    const twice = counts.filter((times) => times > 1).length;
    expect(twice).toBeLessThanOrEqual(left + 1);
    // What was in progress is said at the resume, and counted.
    const resumed = await bot.listensTo('resumed');
    const repeating = resumed.kind === 'resumed' ? resumed.repeating : 0;
    expect(repeating).toBeGreaterThanOrEqual(twice);
    expect(repeating).toBeGreaterThan(0);
    expect(completed.snapshot.totals.repeats).toBe(repeating);
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  });

  test('changes its pace while it runs', async () => {
    const bot = await start(40);
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 30 } });
    await rig.untilDone(bot, 2);
    value(await bot.runs.setPace('U2', { kind: 'fixed', perMinute: 3_000 }));
    expect(await bot.listensTo('pace-changed')).toMatchObject({ by: 'U2' });
    const end = await bot.listensTo('completed');
    expect(end.snapshot).toMatchObject({ paceSetting: { perMinute: 3_000 }, totals: { failed: 0 } });
  });
});
