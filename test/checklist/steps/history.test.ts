import { expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { clock, freshForEachTest, HOUR, open, store, table } from './checklist-rig.ts';

freshForEachTest();

/** A checklist, and a store of runs in which each new run is started one hour after the last. */
function rig() {
  const runs = createRunStore(table, 'fn', TIMESHEETS.reply);
  const checklist = open({ runs: runs.newestFirst });
  async function run(isPartial: boolean, isStarted = true): Promise<string> {
    await clock.advance(HOUR);
    const runId = await runs.nextRunId();
    const startedAt = clock.now();
    const selection = isPartial ? { prefix: '2025/' } : {};
    await runs.createPlanned({ ...runPlan(), runId, selection, plannedAt: startedAt }, { channel: 'C1' }, 5);
    if (!isStarted) return runId;
    await table.update({ pk: `run#${runId}`, sk: 'run' }, { set: { startedAt, startedBy: 'U1' } });
    const snapshot = runSnapshot({ runId, state: { kind: 'running' }, startedAt, ...(isPartial && { isPartial }) });
    await checklist.onRunEvent({ kind: 'started', snapshot });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    return runId;
  }
  const listed = async (limit = 10) =>
    (await checklist.history(limit)).map((entry) => (entry.kind === 'run' ? entry.run.runId : entry.record.id));
  return { checklist, run, listed };
}

test('The history lists each started run once: in its checklist, or by itself where it belongs to none', async () => {
  const { run, listed } = rig();
  await run(true);
  await run(false);
  await run(true);
  await run(true, false);
  await run(false);
  await run(true);
  expect(await listed()).toEqual(['r-0006', 'c-0002', 'r-0003', 'c-0001', 'r-0001']);
  expect(await listed(2)).toEqual(['r-0006', 'c-0002']);
});

test('The history names the validation of a run, also where it came after the close', async () => {
  const { checklist, run } = rig();
  await run(false);
  await store.setStep('c-0001', { step: 'validate', state: 'failed', by: 'U1', at: clock.now() });
  expect(await checklist.history(5)).toMatchObject([{ kind: 'checklist', validation: { state: 'failed' } }]);
});
