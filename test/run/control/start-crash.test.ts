import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { FULL } from '../../support/fault-forms.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
});
afterEach(() => rig.close());

/** The writes of a start: the claim, the lease, the fence, the claim again (two), who started it, that it runs. */
const WRITES = FULL ? [1, 2, 3, 4, 5, 6, 7] : [2, 5, 7];

async function planned(): Promise<string> {
  const copy = await rig.copy();
  const paceSetting = { kind: 'fixed', perMinute: 1_800 } as const;
  return value(await copy.runs.plan({ selection: {}, paceSetting, by: 'U1', location: LOCATION })).runId;
}
/** A process that starts after the one before was killed, when its lease can have expired. */
async function restarted(): Promise<Copy> {
  const copy = await rig.copy();
  copy.runs.standBy();
  await rig.pass(25_000);
  return copy;
}

describe.each([
  ['before it is stored', false],
  ['before its reply arrives', true],
])('a process that dies at a write of a start, %s', (_when, isStored) => {
  test.each(WRITES)(
    'write %i: after a restart the run has started, or its plan can be started',
    async (diesAtWrite) => {
      const runId = await planned();
      const dying = await rig.copy({}, { diesAtWrite, isStored });
      void dying.runs.start(runId, 'U1', { location: LOCATION });
      await rig.until(() => (dying.writes() === diesAtWrite ? true : undefined));
      await rig.pass(2_000);
      const next = await restarted();
      const run = await next.runs.current();
      if (run === undefined || run.state.kind === 'planned') {
        expect(await next.runs.readPlan(runId)).toBeDefined();
        value(await rig.during(next.runs.start(runId, 'U1', { location: LOCATION })));
      }
      await next.listensTo('completed');
      expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
    },
  );

  test.each(WRITES)('write %i: a stop before the restart holds', async (diesAtWrite) => {
    const runId = await planned();
    const dying = await rig.copy({}, { diesAtWrite, isStored });
    void dying.runs.start(runId, 'U1', { location: LOCATION });
    await rig.until(() => (dying.writes() === diesAtWrite ? true : undefined));
    await rig.pass(2_000);
    const stopping = await rig.copy();
    const stopped = await rig.during(stopping.runs.stop('U9', { now: false }));
    const next = await restarted();
    await rig.pass(5_000);
    expect((await rig.invocations()).total).toBe(0);
    const run = await next.runs.current();
    if (stopped.ok) expect(['abandoned', 'stopped']).toContain(run?.state.kind);
    else expect(stopped.refusal.reason).toBe('no-run');
  });
});

test('a stop by another copy between the lease and the first write of the record holds', async () => {
  const runId = await planned();
  const [starting, stopping] = [await rig.copy(), await rig.copy()];
  // The lease is the second write of a start.
  rig.control.delayMs = 200;
  const started = starting.runs.start(runId, 'U1', { location: LOCATION });
  await rig.until(() => (starting.writes() === 3 ? true : undefined));
  rig.control.delayMs = 0;
  await rig.during(stopping.runs.stop('U9', { now: false }));
  await rig.during(started);
  await rig.pass(5_000);
  expect((await rig.invocations()).total).toBe(0);
  expect((await stopping.runs.current())?.state).toEqual({ kind: 'stopped', by: { kind: 'person', by: 'U9' } });
});

describe('a start whose write is stored and whose reply is lost', () => {
  test('runs, where the record can be read', async () => {
    const runId = await planned();
    const copy = await rig.copy({}, { losesReply: { of: 7 } });
    const started = value(await rig.during(copy.runs.start(runId, 'U1', { location: LOCATION })));
    expect(started.state.kind).toBe('running');
    await copy.listensTo('completed');
    expect(copy.events[0]).toMatchObject({ kind: 'started' });
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });

  test.each([6, 7])(
    'write %i: is said to have possibly started, where the record cannot be read, and runs when it can be',
    async (of) => {
      const runId = await planned();
      const copy = await rig.copy({}, { losesReply: { of, refuses: true } });
      copy.runs.standBy();
      const answer = await rig.during(copy.runs.start(runId, 'U1', { location: LOCATION }));
      expect(answer).toMatchObject({ refusal: { reason: 'maybe-started', runId } });
      expect((await rig.invocations()).total).toBe(0);
      rig.control.refuses = false;
      await copy.listensTo('completed');
      expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
    },
  );

  // A check for work in each phase of the end of the start: nothing was done, or the run is found by a stop.
  test.each(Array.from({ length: 12 }, (_, step) => 600 + 60 * step))(
    'another copy that looks for work %i ms after the request drives no run that was answered with "Nothing was done"',
    async (afterMs) => {
      const runId = await planned();
      rig.control.delayMs = 60;
      const copy = await rig.copy({}, { losesReply: { of: 6 } });
      const other = await rig.copy();
      const starting = copy.runs.start(runId, 'U1', { location: LOCATION });
      await rig.pass(afterMs);
      other.runs.standBy();
      const answer = await rig.during(starting);
      rig.control.delayMs = 0;
      await rig.pass(12_000);
      if (!answer.ok && answer.refusal.reason !== 'maybe-started') {
        expect(answer.refusal.reason).toBe('fault');
        expect((await rig.invocations()).total).toBe(0);
        expect(other.events).toEqual([]);
        return;
      }
      expect((await other.runs.current())?.runId).toBe(runId);
    },
  );

  test('a resume is said to have possibly begun, too, and a stop then holds', async () => {
    const copy = await rig.copy();
    const runId = await rig.start(copy, { pace: { kind: 'fixed', perMinute: 600 } });
    await rig.untilDone(copy, 5);
    value(await rig.during(copy.runs.pause('U1')));
    await copy.listensTo('paused');
    await rig.pass(2_000);
    // A resume writes the lease, the fence, who resumed it, that it runs.
    const other = await rig.copy({}, { losesReply: { of: 4, refuses: true } });
    const answer = await rig.during(other.runs.resume('U1'));
    expect(answer).toMatchObject({ refusal: { reason: 'maybe-started', runId } });
    rig.control.refuses = false;
    expect((await other.runs.current())?.state.kind).toBe('running');
    value(await rig.during(other.runs.stop('U9', { now: false })));
    expect((await other.runs.current())?.state).toEqual({ kind: 'stopped', by: { kind: 'person', by: 'U9' } });
  });
});

test.each(['its lease record is deleted', 'it is killed'])(
  'a run that another process started after a crash continues without a person after %s',
  async (what) => {
    const runId = await planned();
    const dying = await rig.copy({}, { diesAtWrite: 7, isStored: false });
    void dying.runs.start(runId, 'U1', { location: LOCATION });
    await rig.until(() => (dying.writes() === 7 ? true : undefined));
    const second = await restarted();
    await second.listensTo('started');
    await rig.untilDone(second, 5);
    if (what === 'it is killed') second.kill();
    else {
      const { dynamodb } = createAwsClients();
      const Key = { pk: { S: 'lease#TimesheetOCR-ocr-dev' }, sk: { S: 'lease' } };
      await dynamodb.send(new DeleteItemCommand({ TableName: 'rescan-bot-control', Key }));
      await second.listensTo('interrupted');
    }
    const last = what === 'it is killed' ? await rig.copy() : second;
    last.runs.standBy();
    await last.listensTo('completed');
    expect(last.events.map(({ kind }) => kind)).not.toContain('paused');
  },
);
