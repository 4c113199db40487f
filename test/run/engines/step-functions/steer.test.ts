import { expect, test } from 'vitest';
import { NotSentError } from '../../../../src/pipeline/may-send.ts';
import type { Executions } from '../../../../src/pipeline/state-machine/executions.ts';
import { rerunSinceGrowth } from '../../../../src/run/engines/reducer/counting.ts';
import { takeCheckpoint } from '../../../../src/run/engines/reducer/run-views.ts';
import { startOfBotLane } from '../../../../src/run/store/lanes.ts';
import type { MachineEntry } from '../../../../src/run/store/machine-entry.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';
import {
  createSimulatedMachine,
  type RemoteRig,
  type RemoteRigOptions,
  startRemoteRig,
} from '../../../support/rigs/remote-rig.ts';

test('a run opens one execution, follows it, and completes when every image has an outcome', async () => {
  const rig = await startRemoteRig({ images: 500 });
  await rig.play();
  expect(rig.run.totals).toMatchObject({ processed: 500, calls: 500 });
  expect((await rig.drive.ended).halt).toEqual({ kind: 'completed' });
  expect([...rig.world.executions.keys()]).toEqual([expect.stringMatching(/^r-0001-1-[0-9a-f]{8}$/)]);
  expect(rig.warnings).toEqual([]);
});

const IMAGES = process.env.FAULTS === 'full' ? 1_000_000 : 100_000;

test('the calls a minute do not depend on the number of images', async () => {
  const rig = await startRemoteRig({ images: IMAGES, perMinute: 60_000 });
  const perMinute: number[] = [];
  let before = 0;
  for (let minute = 0; minute < IMAGES / 60_000 + 3; minute++) {
    await rig.play(60_000);
    perMinute.push(rig.world.total() - before);
    before = rig.world.total();
  }
  expect(rig.run.totals.processed).toBe(IMAGES);
  expect((await rig.drive.ended).halt.kind).toBe('completed');
  expect(Math.max(...perMinute)).toBeLessThanOrEqual(240);
});

const failed: MachineEntry['result'] = {
  kind: 'outcome',
  outcome: { kind: 'failed', failureType: 'TEXTRACT_ERROR', message: 'Textract could not read it' },
};
const processed: MachineEntry['result'] = { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } };
const suspected: MachineEntry['result'] = {
  kind: 'suspected',
  fault: { reason: 'function-broken', message: 'no', fix: 'look' },
  failure: { kind: 'failed', failureType: 'OCR_ERROR', message: 'no' },
};
/** The durations of the rig. */
const took = (index: number) => 2_000 + ((index * 7_919) % 8_000);
const calls = (rig: RemoteRig, name: string) => rig.world.calls.get(name) ?? 0;
/** The next process that drives the run, from what the last one saved. */
const next = (rig: RemoteRig, options: RemoteRigOptions & { fresh?: boolean } = {}) =>
  startRemoteRig({
    ...options,
    clock: rig.clock,
    world: rig.world,
    record: rig.record(),
    from: { checkpoint: takeCheckpoint(rig.run, rig.clock.now()), fresh: options.fresh ?? false },
  });

test('failures in a row trip the run, and the execution is stopped when its rows have ended', async () => {
  const rig = await startRemoteRig({ images: 2_000, perMinute: 600, resultOf: () => failed });
  await rig.play();
  const { halt } = await rig.drive.ended;
  expect(halt).toMatchObject({ kind: 'trip', trip: { kind: 'consecutive-failures' } });
  expect(calls(rig, 'StopExecution')).toBe(1);
  expect(rig.run.totals.failed).toBeLessThan(400);
});

test('a paused run is continued by a redrive, and no image is processed twice', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  expect((await rig.drive.ended).leftInFlight).toBe(0);
  expect(rig.run.totals.processed).toBeGreaterThan(50);
  const resumed = await next(rig, { images: 300, perMinute: 600, fresh: true });
  await resumed.play();
  expect(resumed.run.totals).toMatchObject({ processed: 300, calls: 300 });
  expect(calls(rig, 'RedriveExecution')).toBe(1);
  expect(rig.world.executions.size).toBe(1);
  // The drain lowered it to one row at a time.
  expect(calls(rig, 'UpdateMapRun')).toBeGreaterThanOrEqual(2);
});

test.for([false, true])(
  'images that were cut off are invoked again by a new execution and count as repeats; stopped in AWS: %s',
  async (inAws) => {
    const rig = await startRemoteRig({ images: 300, perMinute: 600 });
    await rig.play(10_000);
    if (inAws) for (const execution of rig.world.executions.values()) execution.stoppedAt = rig.clock.now();
    else rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
    await rig.play();
    const [first] = rig.world.executions.values();
    const stoppedAt = (first?.stoppedAt ?? 0) - (first?.beganAt ?? 0);
    const wasCutOff = (index: number) => index * 100 < stoppedAt && index * 100 + took(index) > stoppedAt;
    const cutOff = first?.images.filter(wasCutOff).length;
    expect(cutOff).toBeGreaterThan(20);
    const resumed = await next(rig, { images: 300, perMinute: 600, fresh: true });
    expect(resumed.run.totals.repeats).toBe(cutOff);
    await resumed.play(5_000);
    // The bot dies and is started again: they are not counted twice.
    resumed.drive.halt({ kind: 'shutdown' });
    await resumed.play();
    const last = await next(resumed, { images: 300, perMinute: 600, fresh: true });
    await last.play();
    expect(last.run.totals).toMatchObject({ processed: 300, repeats: cutOff });
    expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([2, 0]);
  },
);

test('images that an execution cut off which failed while the bot was away are counted as repeats by the bot that goes on', async () => {
  const failing = (executions: Executions): Executions => ({
    ...executions,
    describe: async (arn) => {
      const facts = await executions.describe(arn);
      return facts && (facts.status === 'ABORTED' ? { ...facts, status: 'FAILED' } : facts);
    },
  });
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'shutdown' });
  await rig.play();
  for (const execution of rig.world.executions.values()) execution.stoppedAt = rig.clock.now();
  const after = await next(rig, { images: 300, perMinute: 600, change: failing });
  await after.play();
  expect((await after.drive.ended).halt.kind).toBe('completed');
  expect(after.run.totals.processed).toBe(300);
  expect(after.run.totals.repeats).toBeGreaterThan(20);
});

test('a paused run whose execution began with another definition is continued by a new execution', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  const resumed = await next(rig, { images: 300, perMinute: 600, fresh: true, digest: 'second' });
  await resumed.play();
  expect(resumed.run.totals).toMatchObject({ processed: 300, calls: 300 });
  expect(resumed.run.totals.repeats).toBeUndefined();
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([2, 0]);
});

test('a redrive that follows a drained stop says so no more: what it cuts off later is not redriven', async () => {
  const rig = await startRemoteRig({ images: 600, perMinute: 600 });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  const second = await next(rig, { images: 600, perMinute: 600, fresh: true });
  await second.play(10_000);
  expect(calls(rig, 'RedriveExecution')).toBe(1);
  second.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: true });
  await second.play();
  const third = await next(second, { images: 600, perMinute: 600, fresh: true });
  expect(third.run.totals.repeats).toBeGreaterThan(20);
  await third.play();
  expect(third.run.totals.processed).toBe(600);
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([2, 1]);
});

test('where a redrive is not possible any more, a new execution has the images without an outcome', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: false });
  await rig.play();
  const done = rig.run.totals.processed;
  const afterTwoWeeks = (executions: Executions): Executions => ({
    ...executions,
    describe: async (arn) => {
      const facts = await executions.describe(arn);
      return facts && { ...facts, isRedrivable: false };
    },
  });
  const resumed = await next(rig, { images: 300, perMinute: 600, fresh: true, change: afterTwoWeeks });
  await resumed.play();
  expect(resumed.run.totals).toMatchObject({ processed: 300, calls: 300 });
  const second = [...rig.world.executions.values()][1];
  expect(second?.images).toHaveLength(300 - done);
  expect(resumed.record().execution).toBe(second?.name);
});

test('a bot that shuts down leaves the execution, and the next one follows it without starting anything', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(5_000);
  rig.drive.halt({ kind: 'shutdown' });
  await rig.play();
  expect((await rig.drive.ended).halt).toEqual({ kind: 'shutdown' });
  expect(calls(rig, 'StopExecution')).toBe(0);
  rig.clock.jump(20_000);
  const after = await next(rig, { images: 300, perMinute: 600 });
  await after.play();
  expect(after.run.totals).toMatchObject({ processed: 300, calls: 300 });
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([1, 0]);
});

test.each(['start', 'stop', 'redrive'] as const)('a lost reply of %s starts and repeats nothing', async (call) => {
  let lost = 0;
  const losing = (executions: Executions): Executions => ({
    ...executions,
    [call]: async (...given: never[]) => {
      await Reflect.apply(executions[call], undefined, given);
      if (lost++ === 0) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      return Reflect.apply(executions[call], undefined, given);
    },
  });
  const rig = await startRemoteRig({ images: 200, perMinute: 600, change: losing });
  await rig.play(10_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  const resumed = await next(rig, { images: 200, perMinute: 600, fresh: true, change: losing });
  await resumed.play();
  expect(lost).toBeGreaterThan(0);
  expect(resumed.run.totals).toMatchObject({ processed: 200, calls: 200 });
  expect(rig.world.executions.size).toBe(1);
});

test('a process that died after it named an execution is followed by one that starts this execution', async () => {
  const never = (executions: Executions): Executions => ({ ...executions, start: () => new Promise(() => {}) });
  const died = await startRemoteRig({ images: 100, change: never });
  await died.play(2_000);
  expect(died.world.executions.size).toBe(0);
  const { execution } = died.record();
  const after = await next(died, { images: 100 });
  await after.play();
  expect([...died.world.executions.keys()]).toEqual([execution]);
  expect(after.run.totals.processed).toBe(100);
});

test('a process whose run another one has taken over starts and stops nothing', async () => {
  const rig = await startRemoteRig({ images: 100, perMinute: 60 });
  rig.fenceOff();
  await rig.play(60_000);
  const lost = await startRemoteRig({ images: 100, perMinute: 60 });
  await lost.play(5_000);
  lost.fenceOff();
  lost.drive.halt({ kind: 'pause', by: 'U1' });
  lost.drive.halt({ kind: 'lease-lost' });
  await lost.play(60_000);
  expect(calls(rig, 'StartExecution') + calls(lost, 'StopExecution')).toBe(0);
});

test('an execution that was deleted, or stopped in AWS, pauses the run with what happened', async () => {
  for (const [change, text] of [
    ['deleted', /does not exist any more/],
    ['aborted', /was stopped in AWS, and not by the bot/],
  ] as const) {
    const rig = await startRemoteRig({ images: 200, perMinute: 600 });
    await rig.play(5_000);
    for (const [name, execution] of rig.world.executions) {
      if (change === 'deleted') rig.world.executions.delete(name);
      else execution.stoppedAt = rig.clock.now();
    }
    await rig.play();
    const { halt } = await rig.drive.ended;
    expect(halt).toMatchObject({
      kind: 'fault',
      fault: { reason: 'state-machine', message: expect.stringMatching(text) },
    });
  }
});

test('an execution that brings no outcome is replaced once, then the run pauses', async () => {
  const rig = await startRemoteRig({ images: 50, resultOf: () => undefined });
  await rig.play();
  const { halt } = await rig.drive.ended;
  expect(halt).toMatchObject({
    kind: 'fault',
    fault: { message: expect.stringContaining('50 of 50 images have no outcome') },
  });
  expect(rig.world.executions.size).toBe(2);
});

test('an image whose reply may be that of every image is processed again, in the next generation', async () => {
  const once = (index: number, generation: number) => (index === 7 && generation === 0 ? suspected : processed);
  const rig = await startRemoteRig({ images: 100, perMinute: 600, resultOf: once });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('completed');
  expect(rig.run.totals).toMatchObject({ processed: 100, failed: 0 });
  const [, second] = rig.world.executions.values();
  expect(second).toMatchObject({ images: [7], lane: 2 });
});

test('an image that meets such a problem twice has failed, where the problem can be its own', async () => {
  const always = (index: number) => (index === 7 ? suspected : processed);
  const rig = await startRemoteRig({ images: 300, perMinute: 600, resultOf: always });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('completed');
  expect(rig.run.totals).toMatchObject({ processed: 299, failed: 1, failedByType: { OCR_ERROR: 1 } });
  expect(rig.journal).toHaveLength(1);
});

test('a problem that every image meets pauses the run, and no image is counted as failed', async () => {
  const rig = await startRemoteRig({ images: 500, perMinute: 600, resultOf: () => suspected });
  await rig.play();
  expect((await rig.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { reason: 'function-broken' } });
  expect(rig.run.totals.failed).toBe(0);
});

test('an execution that somebody stopped in AWS while the bot was away stays stopped, and the run pauses', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(5_000);
  rig.drive.halt({ kind: 'shutdown' });
  await rig.play();
  for (const execution of rig.world.executions.values()) execution.stoppedAt = rig.clock.now();
  const after = await next(rig, { images: 300, perMinute: 600 });
  await after.play();
  const message = expect.stringMatching(/was stopped in AWS, and not by the bot/);
  expect((await after.drive.ended).halt).toMatchObject({ kind: 'fault', fault: { message } });
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([1, 0]);
  // What was recorded before is counted.
  expect(after.run.totals.processed).toBeGreaterThan(0);
});

test('an execution that ended by itself while the bot was away is judged before anything else starts', async () => {
  const endsFailed = (executions: Executions): Executions => ({
    ...executions,
    describe: async (arn) => {
      const facts = await executions.describe(arn);
      return facts && (facts.status === 'ABORTED' ? { ...facts, status: 'FAILED' } : facts);
    },
  });
  const options = { images: 300, perMinute: 600, resultOf: () => failed, change: endsFailed };
  const rig = await startRemoteRig(options);
  await rig.play(1_000);
  rig.drive.halt({ kind: 'shutdown' });
  await rig.play();
  rig.clock.jump(20_000);
  for (const execution of rig.world.executions.values()) execution.stoppedAt = rig.clock.now();
  const after = await next(rig, options);
  await after.play();
  expect((await after.drive.ended).halt).toMatchObject({ kind: 'trip', trip: { kind: 'consecutive-failures' } });
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([1, 0]);
});

test('a run whose bot died between the resume and the redrive goes on', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(5_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  const after = await next(rig, { images: 300, perMinute: 600 });
  await after.play();
  expect((await after.drive.ended).halt.kind).toBe('completed');
  expect(after.run.totals).toMatchObject({ processed: 300, calls: 300 });
});

test('an answer of Step Functions from before a start or a redrive is no end of the execution', async () => {
  const LAG_MS = 20_000;
  const clockOf: { now?: () => number } = {};
  const late = (executions: Executions): Executions => {
    let hiddenUntil = 0;
    let before: Awaited<ReturnType<Executions['describe']>>;
    const now = () => clockOf.now?.() ?? 0;
    return {
      ...executions,
      async start(...given) {
        before = undefined;
        hiddenUntil = now() + LAG_MS;
        return executions.start(...given);
      },
      async redrive(...given) {
        before = await executions.describe(given[0]);
        hiddenUntil = now() + LAG_MS;
        return executions.redrive(...given);
      },
      describe: async (arn) => (now() < hiddenUntil ? before : executions.describe(arn)),
      mapRunOf: async (arn) => (now() < hiddenUntil ? undefined : executions.mapRunOf(arn)),
    };
  };
  const rig = await startRemoteRig({ images: 600, perMinute: 600, change: late });
  clockOf.now = () => rig.clock.now();
  await rig.play(30_000);
  expect(rig.world.executions.size).toBe(1);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('pause');
  const resumed = await next(rig, { images: 600, perMinute: 600, fresh: true, change: late });
  await resumed.play();
  expect((await resumed.drive.ended).halt.kind).toBe('completed');
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([1, 1]);
});

test('a record from before a restore of the control table names no execution that was used, and ends one that runs', async () => {
  const rig = await startRemoteRig({ images: 300, perMinute: 600 });
  await rig.play(5_000);
  rig.drive.halt({ kind: 'shutdown' });
  await rig.play();
  const [name = ''] = rig.world.executions.keys();
  const after = await startRemoteRig({ images: 300, perMinute: 600, clock: rig.clock, world: rig.world });
  await after.play();
  expect((await after.drive.ended).halt.kind).toBe('completed');
  expect(rig.world.executions.get(name)?.error).toBe('RunHalted');
  expect([...rig.world.executions.keys()]).toEqual([name, name.replace('r-0001-1-', 'r-0001-2-')]);
  expect(after.run.totals.processed).toBe(300);
});

test('an execution whose start was not answered is ended when the run is stopped meanwhile', async () => {
  const unanswered = (executions: Executions): Executions => ({
    ...executions,
    start: async (...given) => {
      await executions.start(...given);
      rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: false });
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    },
  });
  const rig = await startRemoteRig({ images: 300, perMinute: 600, change: unanswered });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('stop');
  expect(calls(rig, 'StopExecution')).toBe(1);
});

/** A run that is stopped while the state after the stop cannot be written for `ms`. */
async function stoppedWithoutWrites(ms: number, options: RemoteRigOptions, afterMs: number): Promise<RemoteRig> {
  let savesHaltAt = Number.POSITIVE_INFINITY;
  const rig = await startRemoteRig({ ...options, savesHaltAt: () => savesHaltAt });
  await rig.play(afterMs);
  savesHaltAt = rig.clock.now() + ms;
  rig.drive.halt({ kind: 'stop', by: { kind: 'person', by: 'U1' }, now: false });
  return rig;
}

test('a halt whose write fails is written again, and images begin only until then', async () => {
  const rig = await stoppedWithoutWrites(1_500, { images: 1_000, perMinute: 600 }, 10_000);
  const haltedAt = rig.clock.now();
  await rig.play();
  const [execution] = rig.world.executions.values();
  expect((execution?.haltedAt ?? Number.POSITIVE_INFINITY) - haltedAt).toBeLessThanOrEqual(3_000);
  expect((await rig.drive.ended).leftInFlight).toBe(0);
  expect(rig.run.totals.processed).toBeLessThanOrEqual(132);
  const resumed = await next(rig, { images: 1_000, perMinute: 600, fresh: true });
  await resumed.play();
  expect(resumed.run.totals).toMatchObject({ processed: 1_000, calls: 1_000 });
});

test('people hear that images may start while a halt is not written, and that none starts when it is', async () => {
  for (const [ms, gateAfterHalt] of [
    [500, undefined],
    [4_000, 'running'],
  ] as const) {
    const rig = await stoppedWithoutWrites(ms, { images: 1_000, perMinute: 600 }, 10_000);
    await rig.play();
    const draining = rig.events.filter(({ kind }) => kind === 'draining');
    expect(draining.map(({ snapshot }) => snapshot.gateAfterHalt)).toEqual([gateAfterHalt]);
    expect(rig.events.at(-1)?.snapshot.gateAfterHalt).toBeUndefined();
  }
});

test('a halt that cannot be written for five seconds stops the execution, and the images it cut off count as repeats', async () => {
  const rig = await stoppedWithoutWrites(60_000, { images: 300, perMinute: 600 }, 10_000);
  const haltedAt = rig.clock.now();
  await rig.play();
  const [execution] = rig.world.executions.values();
  expect((execution?.stoppedAt ?? Number.POSITIVE_INFINITY) - haltedAt).toBeLessThanOrEqual(6_000);
  expect((await rig.drive.ended).leftInFlight).toBeGreaterThan(20);
  expect(rig.drive.snapshot().gateAfterHalt).toBe('stopped');
  const resumed = await next(rig, { images: 300, perMinute: 600, fresh: true });
  expect(resumed.run.totals.repeats).toBeGreaterThan(20);
  await resumed.play();
  expect(resumed.run.totals.processed).toBe(300);
  expect([calls(rig, 'StartExecution'), calls(rig, 'RedriveExecution')]).toEqual([2, 0]);
});

test('where neither the halt can be written nor the execution be stopped, the end says that images may start', async () => {
  const failing = (executions: Executions): Executions => ({
    ...executions,
    stop: async () => {
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    },
  });
  const rig = await stoppedWithoutWrites(3_600_000, { images: 1_000, perMinute: 600, change: failing }, 10_000);
  await rig.play(60_000);
  expect((await rig.drive.ended).halt.kind).toBe('stop');
  expect(rig.drive.snapshot().gateAfterHalt).toBe('running');
});

test('an image that begins before the halt is written is waited for, also where it is the only one', async () => {
  const one = { images: 50, perMinute: 10, tookMs: () => 5_000 };
  // Images begin every 6 s: one of them while the halt is not written.
  const rig = await stoppedWithoutWrites(4_000, one, 16_000);
  await rig.play();
  const [execution] = rig.world.executions.values();
  const begun = Math.floor(((execution?.haltedAt ?? 0) - (execution?.beganAt ?? 0)) / 6_000) + 1;
  expect(rig.run.totals.processed).toBe(begun);
});

test('a pause waits for an image that takes longer than every image before, and does not repeat it', async () => {
  const slow = { images: 200, perMinute: 600, tookMs: (index: number) => (index === 40 ? 60_000 : 2_000) };
  const rig = await startRemoteRig(slow);
  await rig.play(6_000);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play(40_000);
  expect(calls(rig, 'StopExecution')).toBe(0);
  expect(rig.drive.snapshot()).toMatchObject({ inFlight: 1, draining: true });
  await rig.play();
  expect(await rig.drive.ended).toMatchObject({ halt: { kind: 'pause' }, leftInFlight: 0 });
  expect(rig.run.totals.calls).toBeGreaterThan(50);
  const [execution] = rig.world.executions.values();
  expect((execution?.stoppedAt ?? 0) - (execution?.beganAt ?? 0)).toBeGreaterThan(64_000);
});

test('the time in which an execution is prepared and started is not time without growth', async () => {
  const clock = createFakeClock();
  const slow = (executions: Executions): Executions => ({
    ...executions,
    async start(...about) {
      await clock.sleep(15 * 60_000);
      return executions.start(...about);
    },
  });
  const rig = await startRemoteRig({ images: 100, clock, change: slow });
  await rig.play();
  expect((await rig.drive.ended).halt).toEqual({ kind: 'completed' });
  const warned = rig.events.flatMap((event) => (event.kind === 'warning-began' ? [event.warning.kind] : []));
  expect(warned).not.toContain('no-growth');
});

test('a run whose journal has no numbers for another generation pauses, and is not processed again after a trip', async () => {
  const clock = createFakeClock();
  const other = await startRemoteRig({ images: 50, clock, world: createSimulatedMachine() });
  const checkpoint = { ...takeCheckpoint(other.run, clock.now()), journalSeq: startOfBotLane(49) };
  const resultOf = (index: number) => (index === 7 ? suspected : processed);
  const rig = await startRemoteRig({ images: 50, clock, resultOf, from: { checkpoint, fresh: true } });
  await rig.play();
  const { halt } = await rig.drive.ended;
  expect(halt).toMatchObject({
    kind: 'fault',
    fault: { reason: 'state-machine', fix: expect.stringContaining('start') },
  });
  expect(rig.run.journalSeq).toBeLessThan(startOfBotLane(50));
  expect(rig.run.totals.processed).toBe(49);
  expect(() => rerunSinceGrowth(rig.run)).toThrow('49 times');
  other.drive.halt({ kind: 'shutdown' });
  await other.play(1_000);
});

test('while the lease is renewed late nothing is started or stopped, and the run goes on afterwards', async () => {
  let refused: string[] = [];
  const late = (executions: Executions): Executions => {
    const onceLate =
      <A extends unknown[], R>(step: string, work: (...given: A) => Promise<R>) =>
      async (...given: A): Promise<R> => {
        if (refused.includes(step)) return work(...given);
        refused = [...refused, step];
        throw new NotSentError('The request was not sent.');
      };
    const { start, stop, redrive } = executions;
    return {
      ...executions,
      start: onceLate('start', start),
      stop: onceLate('stop', stop),
      redrive: onceLate('redrive', redrive),
    };
  };
  const rig = await startRemoteRig({ images: 200, perMinute: 600, change: late });
  await rig.play(20_000);
  expect(rig.run.totals.processed).toBeGreaterThan(0);
  rig.drive.halt({ kind: 'pause', by: 'U1' });
  await rig.play();
  expect((await rig.drive.ended).halt.kind).toBe('pause');
  const resumed = await next(rig, { images: 200, perMinute: 600, fresh: true, change: late });
  await resumed.play();
  expect((await resumed.drive.ended).halt.kind).toBe('completed');
  expect(resumed.run.totals).toMatchObject({ processed: 200, calls: 200 });
  expect(refused).toEqual(['start', 'stop', 'redrive']);
});
