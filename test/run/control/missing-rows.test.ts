import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig({ images: 120 });
});
afterEach(() => rig.close());

const PACE = { kind: 'fixed', perMinute: 200 } as const;
const NO_WATCHDOG = { GROWTH_WARN_MINUTES: '60', GROWTH_TRIP_MINUTES: '120' };

describe('a function that reports entries and writes none', () => {
  test('stops a run with default settings before half of its images', async () => {
    rig.aws.turn({ writesNothing: true });
    const bot = await rig.copy();
    await rig.start(bot, { pace: PACE });
    const trip = await bot.listensTo('tripped');
    expect(trip.snapshot.state).toMatchObject({ trippedBy: { kind: 'failure-rate' } });
    expect(trip.snapshot).toMatchObject({ lastFailure: { failureType: 'NO_ROWS' } });
    expect(trip.snapshot.totals.noRows).toBeGreaterThan(10);
  });

  test('after its first five images, stops a run as well', async () => {
    rig.aws.turn({ writesNothing: true, writesFirst: 5 });
    const bot = await rig.copy();
    await rig.start(bot, { pace: PACE });
    const trip = await bot.listensTo('tripped');
    expect(trip.snapshot.totals.noRows).toBeGreaterThan(10);
    expect(trip.snapshot.totals.processed).toBeGreaterThanOrEqual(5);
  });

  test('for its last images: the run checks all rows at its end, and lists each image without rows', async () => {
    const bot = await rig.copy(NO_WATCHDOG);
    await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 112);
    rig.aws.turn({ writesNothing: true });
    const end = await bot.listensTo('completed');
    const { processed, noRows, rejected } = end.snapshot.totals;
    expect(noRows).toBeGreaterThan(0);
    expect(noRows).toBeLessThanOrEqual(8);
    expect(processed + noRows + rejected).toBe(120);
  });
});

test('A resume after a trip without growth invokes the images since the last growth again', async () => {
  rig.aws.turn({ writesNothing: true });
  const bot = await rig.copy({ GROWTH_WARN_MINUTES: '0.02', GROWTH_TRIP_MINUTES: '0.05' });
  await rig.start(bot, { pace: PACE });
  const trip = await bot.listensTo('tripped');
  expect(trip.snapshot.state).toMatchObject({ trippedBy: { kind: 'no-growth' } });
  const { processed, rejected, noRows } = trip.snapshot.totals;
  rig.aws.turn({ writesNothing: false });
  value(await rig.during(bot.runs.resume('U1')));
  const resumed = await bot.listensTo('resumed');
  expect(resumed).toMatchObject({ rerunning: processed + noRows, repeating: 0 });
  expect(resumed.snapshot.totals).toMatchObject({ processed: 0, noRows: 0, rejected });
  const end = await bot.listensTo('completed');
  expect(end.snapshot.totals).toMatchObject({ noRows: 0, failed: 0 });
  const { counts } = await rig.invocations();
  expect(counts.filter((times) => times === 2)).toHaveLength(processed + noRows);
  expect(end.snapshot.totals.processed + end.snapshot.totals.rejected).toBe(120);
});

test('A run over a table that has the rows of an earlier run is stopped, too, because these rows are older', async () => {
  const bot = await rig.copy(NO_WATCHDOG);
  await rig.start(bot, { pace: { kind: 'fixed', perMinute: 3_000 } });
  await bot.listensTo('completed');
  // The rows are stamped with real time, the invocations with the clock of the bot.
  await rig.pass(120_000);
  rig.aws.turn({ writesNothing: true });
  bot.events.length = 0;
  await rig.start(bot, { pace: PACE });
  expect((await bot.listensTo('tripped')).snapshot.totals.noRows).toBeGreaterThan(10);
});

describe.each([
  ['10 minutes ahead of', 600_000],
  ['10 minutes behind', -600_000],
])('A bot whose clock is %s that of AWS', (_, machineAheadMs) => {
  test('misses no row of a function that writes all of them, also over rows of an earlier run', async () => {
    const bot = await rig.copy(NO_WATCHDOG, { machineAheadMs });
    for (let run = 0; run < 2; run++) {
      await rig.start(bot, { pace: { kind: 'fixed', perMinute: 1_000 } });
      const end = await bot.listensTo('completed');
      expect(end.snapshot.totals).toMatchObject({ noRows: 0, failed: 0 });
      bot.events.length = 0;
      await rig.pass(120_000);
    }
  });

  test('finds that rows are missing, also where those of an earlier run exist', async () => {
    const bot = await rig.copy(NO_WATCHDOG, { machineAheadMs });
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 3_000 } });
    await bot.listensTo('completed');
    await rig.pass(120_000);
    rig.aws.turn({ writesNothing: true });
    bot.events.length = 0;
    await rig.start(bot, { pace: PACE });
    expect((await bot.listensTo('tripped')).snapshot.totals.noRows).toBeGreaterThan(10);
  });
});

test('A run whose machine is 10 minutes behind AWS signs its first invocations with the time of AWS', async () => {
  rig.clock.jump(600_000);
  await rig.pass(100);
  rig.aws.turn({ checksSignatureTime: true });
  const bot = await rig.copy(NO_WATCHDOG, { machineAheadMs: -600_000 });
  await rig.start(bot, { pace: { kind: 'fixed', perMinute: 3_000 } });
  const end = await bot.listensTo('completed');
  expect(end.snapshot.totals).toMatchObject({ noRows: 0, failed: 0 });
});
