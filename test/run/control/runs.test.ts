import { writeFileSync } from 'node:fs';
import { DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
});
afterEach(() => rig.close());

describe('planning and running', () => {
  test('a run processes every image of the bucket once, from plan to completed', async () => {
    const bot = await rig.copy();
    const plan = value(
      await bot.runs.plan({
        selection: {},
        paceSetting: { kind: 'fixed', perMinute: 3_000 },
        by: 'U1',
        location: LOCATION,
      }),
    );
    expect(plan).toMatchObject({ runId: 'r-0001', total: 60, leftOut: 5, entries: 0, plannedBy: 'U1' });
    value(await bot.runs.start(plan.runId, 'U2', { location: LOCATION }));
    const end = await bot.listensTo('completed');
    expect(end.snapshot).toMatchObject({
      state: { kind: 'completed' },
      totals: { processed: 58, rejected: 2, failed: 0 },
    });
    expect(end.snapshot.growth.entries).toBeGreaterThan(150);
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
    expect(await bot.runs.current()).toMatchObject({ runId: 'r-0001', state: { kind: 'completed' }, startedBy: 'U2' });
  });

  test('a sample of a prefix has the requested size, and the same seed gives the same images', async () => {
    const bot = await rig.copy();
    const selection = { prefix: '2025-', sample: 7, seed: 42 };
    const paceSetting = { kind: 'fixed', perMinute: 3_000 } as const;
    const plan = value(await bot.runs.plan({ selection, paceSetting, by: 'U1', location: LOCATION }));
    expect(plan.total).toBe(7);
    const again = value(await bot.runs.plan({ selection, paceSetting, by: 'U1', location: LOCATION }));
    value(await bot.runs.start(again.runId, 'U1', { location: LOCATION }));
    await bot.listensTo('completed');
    expect(bot.events.find(({ kind }) => kind === 'started')).toMatchObject({ hasLiveMessage: true });
    expect((await rig.invocations()).counts).toHaveLength(7);
  });

  test('a plan is started once, however often Start is pressed and through whichever copy', async () => {
    const [one, two] = [await rig.copy(), await rig.copy()];
    const plan = value(
      await one.runs.plan({
        selection: {},
        paceSetting: { kind: 'fixed', perMinute: 3_000 },
        by: 'U1',
        location: LOCATION,
      }),
    );
    const clicks = await Promise.all(
      [one, two, one, two].map((copy) => copy.runs.start(plan.runId, 'U1', { location: LOCATION })),
    );
    expect(clicks.filter((click) => click.ok)).toHaveLength(1);
    await rig.until(() => [...one.events, ...two.events].find((event) => event.kind === 'completed'));
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });

  test('a second plan is refused while a run is running', async () => {
    const bot = await rig.copy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 60 } });
    const second = await bot.runs.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION });
    expect(second).toMatchObject({ ok: false, refusal: { reason: 'run-active' } });
  });

  test('a run that trips by its breaker reports its last failure', async () => {
    rig.aws.turn({ failures: { kind: 'textract' } });
    const bot = await rig.copy();
    await rig.start(bot);
    const trip = await bot.listensTo('tripped');
    expect(trip.snapshot).toMatchObject({
      state: { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
      lastFailure: { failureType: 'TEXTRACT_ERROR' },
    });
    expect((await rig.invocations()).total).toBeLessThanOrEqual(20);
  });

  test('a run trips by its watchdog when the function writes nothing', async () => {
    rig.aws.turn({ writesNothing: true });
    const bot = await rig.copy({ GROWTH_WARN_MINUTES: '0.02', GROWTH_TRIP_MINUTES: '0.05' });
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
    expect((await bot.listensTo('tripped')).snapshot.state).toMatchObject({ trippedBy: { kind: 'no-growth' } });
  });
});

describe('stop, pause and resume', () => {
  test('a stopped run continues where it was, and no image is invoked twice', async () => {
    const bot = await rig.copy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(bot, 20);
    value(await bot.runs.stop('U2', { now: false }));
    const stopped = await bot.listensTo('stopped');
    expect(stopped).toMatchObject({ leftInFlight: 0, snapshot: { state: { by: { kind: 'person', by: 'U2' } } } });
    value(await rig.during(bot.runs.resume('U1')));
    await bot.listensTo('completed');
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });

  test('stop now leaves images in flight, and only those are invoked again after a resume', async () => {
    rig.aws.turn({ latencyMs: 600 });
    const bot = await rig.copy();
    await rig.start(bot);
    await rig.untilDone(bot, 10);
    value(await bot.runs.stop('U1', { now: true }));
    const stopped = await bot.listensTo('stopped');
    const left = stopped.kind === 'stopped' ? stopped.leftInFlight : 0;
    expect(left).toBeGreaterThan(0);
    rig.aws.turn({ latencyMs: 20 });
    value(await rig.during(bot.runs.resume('U1')));
    await bot.listensTo('completed');
    const { counts } = await rig.invocations();
    expect(counts).toHaveLength(60);
    expect(counts.filter((times) => times > 1).length).toBeLessThanOrEqual(left);
    expect(Math.max(...counts)).toBe(2);
  });

  test('a copy that does not drive the run stops it by its record', async () => {
    const [driver, other] = [await rig.copy(), await rig.copy()];
    await rig.start(driver, { pace: { kind: 'fixed', perMinute: 600 } });
    await rig.untilDone(driver, 5);
    expect(value(await rig.during(other.runs.stop('U9', { now: false }))).state).toEqual({
      kind: 'stopped',
      by: { kind: 'person', by: 'U9' },
    });
    const { total } = await rig.invocations();
    await rig.pass(5_000);
    expect((await rig.invocations()).total).toBe(total);
  });

  test('a copy that does not drive the run pauses it and changes its pace', async () => {
    const [driver, other] = [await rig.copy(), await rig.copy()];
    await rig.start(driver, { pace: { kind: 'fixed', perMinute: 120 } });
    value(await rig.during(other.runs.setPace('U9', { kind: 'fixed', perMinute: 2_000 })));
    await driver.listensTo('pace-changed');
    value(await rig.during(other.runs.pause('U9')));
    await driver.listensTo('paused');
    value(await rig.during(other.runs.resume('U9')));
    await other.listensTo('completed');
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });

  test('`stop` that is set by hand on the record stops the run', async () => {
    const bot = await rig.copy();
    const runId = await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
    const dynamodb = new DynamoDBClient({});
    await dynamodb.send(
      new UpdateItemCommand({
        TableName: 'rescan-bot-control',
        Key: { pk: { S: `run#${runId}` }, sk: { S: 'run' } },
        UpdateExpression: 'SET #stop = :yes',
        ExpressionAttributeNames: { '#stop': 'stop' },
        ExpressionAttributeValues: { ':yes': { BOOL: true } },
      }),
    );
    expect((await bot.listensTo('stopped')).snapshot.state).toEqual({ kind: 'stopped', by: { kind: 'control-table' } });
    value(await rig.during(bot.runs.resume('U1')));
    await rig.untilDone(bot, 8);
  });

  test('the stop file stops the run, and nothing is started or resumed while it exists', async () => {
    const bot = await rig.copy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
    await rig.untilDone(bot, 3);
    writeFileSync(rig.stopFile, '');
    expect((await bot.listensTo('stopped')).snapshot.state).toMatchObject({ by: { kind: 'stop-file' } });
    expect(await bot.runs.resume('U1')).toMatchObject({ ok: false, refusal: { reason: 'stop-file' } });
  });

  test('a resume without a run, or of a running run, is refused', async () => {
    const bot = await rig.copy();
    expect(await bot.runs.resume('U1')).toEqual({ ok: false, refusal: { reason: 'nothing-to-resume' } });
    expect(await bot.runs.stop('U1', { now: false })).toEqual({
      ok: false,
      refusal: { reason: 'no-run', isHalt: true },
    });
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 60 } });
    expect(await bot.runs.resume('U1')).toMatchObject({ ok: false, refusal: { reason: 'run-active' } });
  });

  test('an open run has to be abandoned before another one starts, and is closed then', async () => {
    const bot = await rig.copy();
    const first = await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
    value(await bot.runs.stop('U1', { now: false }));
    await bot.listensTo('stopped');
    const plan = value(
      await bot.runs.plan({ selection: { limit: 3 }, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION }),
    );
    expect(plan.openRun?.runId).toBe(first);
    expect(await bot.runs.start(plan.runId, 'U1', { location: LOCATION })).toMatchObject({
      refusal: { reason: 'run-open' },
    });
    value(await bot.runs.start(plan.runId, 'U1', { location: LOCATION, abandonOpen: true }));
    await bot.listensTo('abandoned');
    await bot.listensTo('completed');
  });
});

describe('faults', () => {
  test.each([
    ['expired credentials', { expiredCredentials: true }, 'credentials'],
    ['an outage of all of AWS', { outage: true }, 'network'],
  ])('%s: the pause is announced at once, no image fails, and the run can be resumed', async (_what, dials, reason) => {
    const bot = await rig.copy();
    bot.runs.standBy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(bot, 10);
    rig.aws.turn(dials);
    const paused = await bot.listensTo('paused');
    expect(paused).toMatchObject({ unwritten: true });
    expect(paused.snapshot.state).toMatchObject({
      because: { kind: 'fault', fault: { reason: expect.stringMatching(`${reason}|control-table`) } },
    });
    const { total } = await rig.invocations();
    rig.aws.turn({ expiredCredentials: false, outage: false });
    await rig.pass(30_000);
    expect((await rig.invocations()).total).toBe(total);
    expect((await bot.runs.current())?.state.kind).toBe('paused');
    value(await rig.during(bot.runs.resume('U1')));
    const end = await bot.listensTo('completed');
    expect(end.snapshot.totals).toMatchObject({ processed: 58, rejected: 2, failed: 0 });
  });

  test('a run whose lease could not be renewed for a while starts nothing, and goes on when it is renewed', async () => {
    const bot = await rig.copy({ LEASE_SECONDS: '2' });
    bot.runs.standBy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(bot, 10);
    rig.aws.turn({ accessDenied: ['dynamodb:UpdateItem'] });
    await rig.pass(3_000);
    const { total } = await rig.invocations();
    await rig.pass(6_000);
    expect((await rig.invocations()).total).toBe(total);
    rig.aws.turn({ accessDenied: [] });
    const end = await bot.listensTo('completed');
    expect(end.snapshot.totals).toMatchObject({ processed: 58, rejected: 2, failed: 0 });
  });

  test.each([
    ['a missing function', { functionMissing: true }, 'function-missing'],
    ['a missing bucket', { bucketMissing: true }, 'bucket-missing'],
    ['a missing permission', { accessDenied: ['lambda:InvokeFunction'] }, 'access-denied'],
  ])('%s pauses the run, no image fails, and the run can be resumed', async (_what, dials, reason) => {
    const bot = await rig.copy();
    await rig.start(bot, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(bot, 10);
    rig.aws.turn(dials);
    const paused = await bot.listensTo('paused');
    expect(paused.snapshot.state).toMatchObject({ because: { kind: 'fault', fault: { reason } } });
    rig.aws.turn({ functionMissing: false, bucketMissing: false, accessDenied: [] });
    value(await rig.during(bot.runs.resume('U1')));
    const end = await bot.listensTo('completed');
    expect(end.snapshot.totals).toMatchObject({ processed: 58, rejected: 2, failed: 0 });
  });

  test('a plan that fails reports the fault and leaves nothing behind', async () => {
    const bot = await rig.copy();
    rig.aws.turn({ accessDenied: ['s3:ListBucket'] });
    const refused = await bot.runs.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION });
    expect(refused).toMatchObject({ ok: false, refusal: { reason: 'fault', fault: { reason: 'access-denied' } } });
    rig.aws.turn({ accessDenied: [] });
    await rig.start(bot);
    await bot.listensTo('completed');
  });

  test.each([
    [{ prefix: 'nothing/' }, 'no-match'],
    [{ prefix: 'dictionaries/' }, 'no-match'],
  ])('a filter %j that matches no image is refused', async (selection, reason) => {
    const bot = await rig.copy();
    const refused = await bot.runs.plan({ selection, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION });
    expect(refused).toMatchObject({ ok: false, refusal: { reason } });
  });

  test('a pace above the ceiling is refused with the calculation of the ceiling', async () => {
    rig.aws.turn({ quotas: { novaLiteCrossRegionRequestsPerMinute: 200 } });
    const bot = await rig.copy();
    const refused = await bot.runs.plan({
      selection: {},
      paceSetting: { kind: 'fixed', perMinute: 500 },
      by: 'U1',
      location: LOCATION,
    });
    expect(refused).toMatchObject({ refusal: { reason: 'pace-over-ceiling', asked: 500 } });
    if (!refused.ok && refused.refusal.reason === 'pace-over-ceiling')
      expect(refused.refusal.because.join()).toMatch(/200.*80.*160/);
  });
});

describe('several copies of the bot', () => {
  test('a copy that shuts down hands the run over, and no image is invoked twice', async () => {
    const [first, second] = [await rig.copy(), await rig.copy()];
    first.runs.standBy();
    second.runs.standBy();
    await rig.start(first, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(first, 15);
    await rig.during(first.runs.shutDown());
    await first.listensTo('interrupted');
    await second.listensTo('completed');
    expect(second.events.find((event) => event.kind === 'resumed')).toMatchObject({ from: 'interrupted' });
    const { counts } = await rig.invocations();
    expect(counts).toHaveLength(60);
    expect(counts.filter((times) => times > 1)).toHaveLength(0);
  });

  test('with AUTO_RESUME=false an interrupted run waits until a person resumes it', async () => {
    const first = await rig.copy({ AUTO_RESUME: 'false' });
    await rig.start(first, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(first, 15);
    await rig.during(first.runs.shutDown());
    const second = await rig.copy({ AUTO_RESUME: 'false' });
    second.runs.standBy();
    await rig.pass(30_000);
    expect((await second.runs.current())?.state).toEqual({ kind: 'interrupted' });
    value(await rig.during(second.runs.resume('U1')));
    await second.listensTo('completed');
  });
});
