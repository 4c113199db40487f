import { describe, expect, test } from 'vitest';
import type { ChecklistPorts } from '../../../src/checklist/steps/checklist.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { checklistMessage, historyLine } from '../../../src/slack/messages/checklist/checklist-message.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { audit, backup, clock, flushed, freshForEachTest, open, stepOf, store, table } from './checklist-rig.ts';

freshForEachTest();

describe('a checklist', () => {
  test('viewing a checklist does not open one', async () => {
    const checklist = open();
    expect((await checklist.view()).id).toBeUndefined();
    expect(await checklist.openId()).toBeUndefined();
  });

  test('concurrent first steps open one checklist', async () => {
    const [one, other] = [open(), open()];
    const ids = await Promise.all([
      one.ensureOpen('U1'),
      other.ensureOpen('U2'),
      one.ensureOpen('U3'),
      other.ensureOpen('U4'),
    ]);
    expect(new Set(ids).size).toBe(1);
    expect(await one.history(10)).toMatchObject([{ kind: 'checklist', record: { id: ids[0] } }]);
  });

  test('a checklist is closed with its run, and stays in the history', async () => {
    const checklist = open();
    await checklist.recordResult(flushJob(), flushed);
    const snapshot = runSnapshot({ runId: 'r-0007', state: { kind: 'running' }, startedAt: clock.now() });
    await checklist.onRunEvent({ kind: 'started', snapshot });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    expect(await checklist.openId()).toBeUndefined();
    expect(await checklist.view()).toMatchObject({ id: 'c-0001', outcome: { kind: 'completed', runId: 'r-0007' } });
    // The event comes twice, as after a crash: nothing changes.
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    expect(await checklist.ensureOpen('U1')).toBe('c-0002');
  });

  test('a checklist whose run left images without rows is closed as failed', async () => {
    const checklist = open();
    await checklist.recordResult(flushJob(), flushed);
    const { totals, ...running } = runSnapshot({ runId: 'r-0007', state: { kind: 'running' }, startedAt: clock.now() });
    await checklist.onRunEvent({ kind: 'started', snapshot: { ...running, totals } });
    const snapshot = { ...running, state: { kind: 'completed' }, totals: { ...totals, noRows: 54 } } as const;
    await checklist.onRunEvent({ kind: 'completed', snapshot, drive: 'd-1', leftInFlight: 0 });
    const view = await checklist.view();
    expect(view.outcome).toEqual({ kind: 'completed', runId: 'r-0007', failed: ['rescan'] });
    expect(view.steps.find(({ step }) => step === 'rescan')).toMatchObject({
      state: 'failed',
      found: { kind: 'rescan', runId: 'r-0007', noRows: 54 },
    });
    expect(checklistMessage(view, clock.now(), { buttons: true }).text).toMatch(
      /^Checklist c-0001 is closed as failed with Rescan r-0007: Rescan every image\./,
    );
    const lines = (await checklist.history(1)).map((entry) => historyLine(entry, clock.now()));
    expect(lines).toEqual([expect.stringContaining('failed with Rescan r-0007 (Rescan every image)')]);
  });

  test.each(['started', 'resumed'] as const)(
    'a checklist notes once that its run keeps the records of the table, by the event %s',
    async (kind) => {
      const checklist = open();
      await checklist.ensureOpen('U1');
      const snapshot = runSnapshot({ runId: 'r-7', keepsRecords: true, startedAt: clock.now(), startedBy: 'U2' });
      const resumed = { kind: 'resumed', snapshot, repeating: 0, rerunning: 0, from: 'interrupted' } as const;
      await checklist.onRunEvent(kind === 'resumed' ? resumed : { kind: 'started', snapshot, hasLiveMessage: true });
      await checklist.onRunEvent(resumed);
      expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'skipped', because: 'keep', by: 'U2' });
      expect((await store.open())?.runIds).toEqual(['r-7']);
      const noted = audit.written.filter(({ outcome }) => outcome.includes('the table keeps its records'));
      expect(noted).toMatchObject([{ who: 'U2', what: 'checklist c-0001' }]);
    },
  );

  test('a checklist that could not note at the start that its run keeps the records notes it at the end', async () => {
    const checklist = open();
    await checklist.ensureOpen('U1');
    const snapshot = runSnapshot({ runId: 'r-7', keepsRecords: true, startedAt: clock.now(), startedBy: 'U2' });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    const closed = await store.read('c-0001');
    expect(closed?.steps?.find(({ step }) => step === 'flush')).toMatchObject({ state: 'skipped', because: 'keep' });
    expect(closed?.runIds).toEqual(['r-7']);
  });

  test('a checklist notes nothing of a resumed run that began before it, or has only a part of the images', async () => {
    const checklist = open();
    const of = (change: Partial<RunSnapshot>) =>
      checklist.onRunEvent({
        ...{ kind: 'resumed', repeating: 0, rerunning: 0, from: 'paused' },
        snapshot: runSnapshot({ runId: 'r-7', keepsRecords: true, startedAt: clock.now() - 1, ...change }),
      });
    await of({});
    expect(await checklist.openId()).toBeUndefined();
    await checklist.ensureOpen('U1');
    await of({});
    await of({ startedAt: clock.now(), isPartial: true });
    expect(await store.open()).toMatchObject({ runIds: [] });
    expect((await store.open())?.kept).toBeUndefined();
  });

  test('a run over a part of the images neither opens nor closes a checklist', async () => {
    const checklist = open();
    const snapshot = runSnapshot({ runId: 'r-1', isPartial: true, startedAt: clock.now() });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.onRunEvent({ kind: 'started', snapshot });
    expect(await checklist.openId()).toBeUndefined();
    await checklist.ensureOpen('U1');
    await checklist.onRunEvent({ kind: 'started', snapshot });
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    expect(await open({ currentRun: async () => completed }).openId()).toBe('c-0001');
    expect((await checklist.view()).steps.find(({ step }) => step === 'rescan')?.state).toBe('to-do');
  });

  test('a checklist whose run is complete is closed by the next reader, so its flush does not permit another start', async () => {
    const before = open();
    await before.recordResult(flushJob(), flushed);
    const started = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    await before.onRunEvent({ kind: 'started', snapshot: started });
    const completed = { ...started, state: { kind: 'completed' } } as const;
    const after = open({ currentRun: async () => completed });
    expect(await after.preconditions('start')).toMatchObject({ kind: 'refuse', unmet: [{ reason: 'not-flushed' }] });
    expect(await after.view()).toMatchObject({
      id: 'c-0001',
      outcome: { kind: 'completed', runId: 'r-0007' },
      next: 'validate',
    });
    expect(await after.ensureOpen('U1')).toBe('c-0002');
  });

  test('a closed checklist shows a later validation and its overrides', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('sample', 'U2', 'known');
    const snapshot = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    await checklist.onRunEvent({ kind: 'started', snapshot });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.onRunEvent({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
    const found = { kind: 'validate', verdict: 'good' } as const;
    await store.setStep('c-0001', { step: 'validate', state: 'done', by: 'U1', at: clock.now(), found });
    const view = await open({ currentRun: async () => completed }).view();
    expect(view).toMatchObject({ id: 'c-0001', next: 'backup' });
    expect(view.steps.find(({ step }) => step === 'validate')).toMatchObject({ state: 'done', found });
    expect(view.steps.find(({ step }) => step === 'sample')).toMatchObject({
      overriddenBy: { by: 'U2', reason: 'known' },
    });
  });

  test('closing a checklist withdraws its request for approval, and is refused during a run or a flush', async () => {
    const withdrawn: string[] = [];
    const snapshot = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    const idle: Partial<ChecklistPorts> = {
      approval: async () =>
        flushApproval(withdrawn.length === 0 ? {} : { state: { kind: 'withdrawn', by: 'U9', at: 1 } }),
    };
    const checklist = open(idle);
    checklist.watchObsoleteRequests(({ approvalId, by }) => void withdrawn.push(`${approvalId} by ${by}`));
    await checklist.recordFlushRequest('a-1', 'U1');
    expect(await open({ ...idle, currentJob: async () => flushJob() }).close('U1')).toMatchObject({
      refusal: { reason: 'job-active' },
    });
    for (const kind of ['running', 'interrupted'] as const)
      expect(
        await open({ ...idle, currentRun: async () => ({ ...snapshot, state: { kind } }) }).close('U1'),
      ).toMatchObject({ refusal: { reason: 'run-active', runId: 'r-0007' } });
    expect(withdrawn).toEqual([]);
    expect(await checklist.close('U9')).toEqual({ ok: true, value: { id: 'c-0001', withdrew: true } });
    expect(withdrawn).toEqual(['a-1 by U9']);
    expect(audit.written.at(-1)).toMatchObject({ who: 'U9', what: 'checklist c-0001' });
    expect(await checklist.close('U9')).toEqual({ ok: false, refusal: { reason: 'none-open' } });
  });

  test('a closed checklist can be viewed while another one is open', async () => {
    const checklist = open();
    const job = flushJob({ checklistId: await checklist.ensureOpen('U1') });
    const refusal = {
      reason: 'differs',
      backupId: 'b-1',
      difference: { added: 200, changed: 0, removed: 0 },
      most: 100,
    } as const;
    await checklist.onTableEvent({ kind: 'failed', job, refusal });
    await checklist.close('U1');
    await checklist.ensureOpen('U2');
    const past = await checklist.view('c-0001');
    expect(past).toMatchObject({ id: 'c-0001', outcome: { kind: 'closed', by: 'U1' } });
    expect(past.steps.find(({ step }) => step === 'flush')).toMatchObject({
      state: 'failed',
      found: { message: 'It failed: the table differs too much from its backup.' },
    });
    expect((await checklist.view()).id).toBe('c-0002');
    expect((await checklist.view('c-0099')).id).not.toBe('c-0099');
  });

  test('a record that two concurrent openers left behind is no checklist', async () => {
    await table.create(
      { pk: 'checklists#fn', sk: 'c-0009' },
      { id: 'c-0009', openedBy: 'U1', openedAt: 1, runIds: [] },
    );
    const checklist = open();
    expect(await checklist.history(10)).toEqual([]);
    expect((await checklist.view()).id).toBeUndefined();
  });
});
