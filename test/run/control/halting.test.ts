import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig();
});
afterEach(() => rig.close());

const SLOW_LEASE = { LEASE_SECONDS: '10' };
const plan = async (copy: Copy) =>
  value(
    await copy.runs.plan({
      selection: {},
      paceSetting: { kind: 'fixed', perMinute: 1_800 },
      by: 'U1',
      location: LOCATION,
    }),
  ).runId;

describe('a stop during the start of a run', () => {
  // A start takes about ten calls of DynamoDB.
  test.each([3, 5, 7])(
    'a stop after %i calls of the start holds, from the same and from another copy, and no image is invoked afterwards',
    async (calls) => {
      const [first, second] = [await rig.copy(SLOW_LEASE), await rig.copy(SLOW_LEASE)];
      for (const stopping of [first, second]) {
        const runId = await plan(first);
        rig.aws.turn({ addedLatencyMs: 30 });
        rig.realStepMs = 25;
        const starting = first.runs.start(runId, 'U1', { location: LOCATION, abandonOpen: true });
        await systemClock.sleep(calls * 30);
        const stopped = await rig.during(stopping.runs.stop('U9', { now: false }));
        await rig.during(starting);
        rig.aws.turn({ addedLatencyMs: 0 });
        rig.realStepMs = 2;
        // The stop came before the start: there was no run to stop.
        const wasStarting = stopped.ok && stopped.value.runId === runId;
        if (!wasStarting) {
          await rig.during(first.runs.stop('U9', { now: false }));
          await rig.until(async () => ((await first.runs.current())?.state.kind === 'running' ? undefined : true));
          continue;
        }
        const end = await rig.until(async () => {
          const now = await first.runs.current();
          return now?.state.kind === 'running' ? undefined : now;
        });
        expect(['stopped', 'abandoned', 'planned']).toContain(end.state.kind);
        const { total } = await rig.invocations();
        await rig.pass(5_000);
        expect((await rig.invocations()).total).toBe(total);
      }
    },
  );
});

test('a run whose process died during the start can be abandoned', async () => {
  const bot = await rig.copy(SLOW_LEASE);
  const dead = await plan(bot);
  const { dynamodb } = createAwsClients();
  const table = await openControlTable({ dynamodb, tableName: 'rescan-bot-control', clock: systemClock });
  await createRunStore(table, 'TimesheetOCR-ocr-dev', TIMESHEETS.reply).claimPipeline(dead, 'a start that died');
  const next = await plan(bot);
  expect(await bot.runs.start(next, 'U1', { location: LOCATION })).toMatchObject({ refusal: { reason: 'run-open' } });
  value(await bot.runs.start(next, 'U1', { location: LOCATION, abandonOpen: true }));
  await bot.listensTo('completed');
});

test('a run that the bot cannot resume is paused by the fault, and this is announced', async () => {
  const first = await rig.copy(SLOW_LEASE);
  await rig.start(first, { pace: { kind: 'fixed', perMinute: 1_800 } });
  await rig.until(async () => ((await rig.invocations()).total >= 5 ? true : undefined));
  await rig.during(first.runs.shutDown());
  rig.aws.turn({ functionMissing: true });
  const second = await rig.copy(SLOW_LEASE);
  second.runs.standBy();
  const paused = await second.listensTo('paused');
  expect(paused.snapshot.state).toMatchObject({ because: { kind: 'fault', fault: { reason: 'function-missing' } } });
  rig.aws.turn({ functionMissing: false });
  value(await rig.during(second.runs.resume('U1')));
  await second.listensTo('completed');
});

test('a stop of a run that did not run says so, through any copy; one of a run that ran does not', async () => {
  const [first, second] = [await rig.copy(SLOW_LEASE), await rig.copy(SLOW_LEASE)];
  for (const copy of [first, second]) {
    const runId = await plan(first);
    value(await rig.during(first.runs.start(runId, 'U1', { location: LOCATION, abandonOpen: true })));
    value(await rig.during(first.runs.pause('U1')));
    await rig.until(async () => ((await first.runs.current())?.state.kind === 'paused' ? true : undefined));
    await rig.pass(1_000);
    const stopped = value(await rig.during(copy.runs.stop('U9', { now: false })));
    expect(stopped).toMatchObject({ runId, state: { kind: 'stopped' }, wasAtRest: true });
  }
  const runId = await plan(first);
  value(await rig.during(first.runs.start(runId, 'U1', { location: LOCATION, abandonOpen: true })));
  expect(value(await rig.during(second.runs.stop('U9', { now: false })))).not.toHaveProperty('wasAtRest');
});
