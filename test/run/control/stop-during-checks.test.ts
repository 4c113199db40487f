import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StartControl, StartRefusal } from '../../../src/checklist/contracts/result-control.ts';
import { createStartControl } from '../../../src/checklist/steps/start-control.ts';
import type { Result } from '../../../src/lib/result.ts';
import type { Refusal } from '../../../src/run/model/run-control.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { createMemoryAudit } from '../../support/memory/memory-audit.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
let ana: Copy;
let starts: StartControl;
beforeEach(async () => {
  rig = await startRunsRig({ images: 60 });
  ana = await rig.copy();
  starts = createStartControl(
    ana.runs,
    {
      async preconditions() {
        await rig.clock.sleep(CHECK_MS);
        return { kind: 'pass', overridden: [] };
      },
      scope: async () => undefined,
    },
    createMemoryAudit(),
    {
      async *images() {},
    },
    rig.clock,
  );
});
afterEach(() => rig.close());

/** How long the preconditions of a start or resume take. */
const CHECK_MS = 20_000;
const PACE = { kind: 'fixed', perMinute: 600 } as const;
const COPIES = [
  ['the same copy', async () => ana],
  ['another copy', () => rig.copy()],
] as const;

async function haltsWhile(
  starting: Promise<Result<RunSnapshot, StartRefusal>>,
  halting: () => Promise<Result<RunSnapshot, Refusal>>,
) {
  await rig.pass(1_500);
  const halted = await rig.during(halting());
  const { total } = await rig.invocations();
  const started = await rig.during(starting);
  await rig.pass(3_000);
  expect((await rig.invocations()).total).toBe(total);
  return { halted, started };
}
async function pausedRun(): Promise<void> {
  await rig.start(ana, { pace: PACE });
  await rig.untilDone(ana, 10);
  value(await rig.during(ana.runs.pause('U1')));
  await ana.listensTo('paused');
  await rig.pass(2_000);
}
const planned = async (): Promise<string> =>
  value(await rig.during(ana.runs.plan({ selection: {}, paceSetting: PACE, by: 'U1', location: LOCATION }))).runId;

describe.each(COPIES)('a stop through %s while a resume or start is checked', (_which, copy) => {
  test('a resume that was requested before the stop does not begin, and one that is requested after it does', async () => {
    await pausedRun();
    const ben = await copy();
    const { halted, started } = await haltsWhile(starts.resume('U1'), () => ben.runs.stop('U9', { now: false }));
    const state = { kind: 'stopped', by: { kind: 'person', by: 'U9' } };
    expect(halted).toMatchObject({ value: { state } });
    expect(started).toMatchObject({ refusal: { reason: 'changed-since', run: { state } } });
    expect((await ana.runs.current())?.state).toEqual(state);
    value(await rig.during(ana.runs.resume('U1')));
    await ana.listensTo('resumed');
  });

  test('a resume of a stopped run does not begin where a second stop finds nothing to stop', async () => {
    await pausedRun();
    value(await rig.during(ana.runs.stop('U1', { now: false })));
    const ben = await copy();
    const { halted, started } = await haltsWhile(starts.resume('U1'), () => ben.runs.stop('U9', { now: false }));
    expect(halted).toMatchObject({ refusal: { reason: 'not-running', isHalt: true } });
    expect(started).toEqual({ ok: false, refusal: { reason: 'halted-since', request: 'stop', by: 'U9' } });
  });

  test.each(['stop', 'pause'] as const)(
    'a start that was requested before a %s does not begin, and its plan can be started after it',
    async (request) => {
      const runId = await planned();
      const ben = await copy();
      const { halted, started } = await haltsWhile(starts.start(runId, 'U1', { location: LOCATION }), () =>
        request === 'stop' ? ben.runs.stop('U9', { now: false }) : ben.runs.pause('U9'),
      );
      expect(halted).toEqual({ ok: false, refusal: { reason: 'no-run', isHalt: true } });
      expect(started).toEqual({ ok: false, refusal: { reason: 'halted-since', request, by: 'U9' } });
      expect(await rig.during(starts.start(runId, 'U1', { location: LOCATION }))).toMatchObject({ ok: true });
    },
  );

  test('a start that was requested before a stop does not begin where the control table could not store the stop', async () => {
    const runId = await planned();
    const ben = await copy();
    const { halted, started } = await haltsWhile(starts.start(runId, 'U1', { location: LOCATION }), async () => {
      rig.control.refuses = true;
      const answer = await ben.runs.stop('U9', { now: false });
      rig.control.refuses = false;
      return answer;
    });
    expect(halted).toMatchObject({ refusal: { reason: 'halt-unread', stored: { kind: 'bucket' } } });
    expect(started).toEqual({ ok: false, refusal: { reason: 'halted-since', request: 'stop', by: 'U9' } });
  });
});

test('a resume does not begin where the run was resumed and tripped or paused by itself while it was checked', async () => {
  await pausedRun();
  const resuming = starts.resume('U1');
  const other = await rig.copy();
  value(await rig.during(other.runs.resume('U2')));
  rig.aws.turn({ functionMissing: true });
  await other.listensTo('paused');
  rig.aws.turn({ functionMissing: false });
  expect(await rig.during(resuming)).toMatchObject({
    refusal: { reason: 'changed-since', run: { state: { because: { kind: 'fault' } } } },
  });
});
