import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Checklist, type ChecklistPorts, createChecklist } from '../../src/checklist/checklist.ts';
import { type ChecklistStore, createChecklistStore } from '../../src/checklist/checklist-store.ts';
import type { StepView } from '../../src/checklist/checklist-view.ts';
import type { StepName } from '../../src/checklist/step.ts';
import { systemClock } from '../../src/clock.ts';
import { type ControlTable, openControlTable } from '../../src/state/control-table.ts';
import { type AuditNotes, createAuditNotes } from '../support/audit-notes.ts';
import { type LocalDynamo, startDynalite } from '../support/dynalite.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { runSnapshot } from '../support/scripted-run-control.ts';
import { flushApproval, flushJob } from '../support/table-builders.ts';

const HOUR = 3_600_000;
let dynamo: LocalDynamo;
let table: ControlTable;
let store: ChecklistStore;
let clock: FakeClock;
let audit: AuditNotes;
beforeEach(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  store = createChecklistStore(table, 'fn');
  clock = createFakeClock(Date.parse('2026-11-24T12:00:00Z'));
  audit = createAuditNotes();
});
afterEach(() => dynamo.stop());

function open(changed: Partial<ChecklistPorts> = {}): Checklist {
  return createChecklist({
    store,
    clock,
    rules: {
      maxBackupAgeMs: 24 * HOUR,
      maxDifference: 100,
      maxSampleAgeMs: 24 * HOUR,
      sampleImages: 3,
      autoResume: true,
    },
    codeSha256: async () => 'code',
    lastBackup: async () => undefined,
    countRecords: async () => 51,
    blockingQuotas: async () => [],
    currentRun: async () => undefined,
    currentJob: async () => undefined,
    approval: async () => undefined,
    withdraw: async () => false,
    audit,
    readFault: (error) => ({ reason: 'access-denied', message: String(error), mend: 'look' }),
    warn: () => {},
    ...changed,
  });
}
async function stepOf(checklist: Checklist, step: StepName): Promise<StepView | undefined> {
  return (await checklist.view()).steps.find((seen) => seen.step === step);
}
const backup = { id: 'b-1', startedAt: Date.parse('2026-11-24T11:00:00Z'), records: 51 };
const flushed = {
  kind: 'flush',
  deleted: 51,
  supplemented: 0,
  remaining: { total: 0, entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0 },
  newRows: 0,
} as const;

describe('a checklist', () => {
  test('is not opened by looking at it', async () => {
    const checklist = open();
    expect((await checklist.view()).id).toBeUndefined();
    expect(await checklist.openId()).toBeUndefined();
  });

  test('is opened by its first step, once, however many begin at once', async () => {
    const [one, other] = [open(), open()];
    const ids = await Promise.all([
      one.ensureOpen('U1'),
      other.ensureOpen('U2'),
      one.ensureOpen('U3'),
      other.ensureOpen('U4'),
    ]);
    expect(new Set(ids).size).toBe(1);
    const listed = [];
    for await (const record of one.history(10)) listed.push(record.id);
    expect(listed).toEqual([ids[0]]);
  });

  test('shows a step under way, then what it found and who did it', async () => {
    const checklist = open();
    const step = await checklist.begin('quotas', 'U1');
    expect(await stepOf(checklist, 'quotas')).toMatchObject({ state: 'running', by: 'U1' });
    await step.end('done', { kind: 'quotas', pacePerMinute: 160, blocking: [] });
    expect(await stepOf(checklist, 'quotas')).toMatchObject({ state: 'done', found: { pacePerMinute: 160 } });
  });

  test('a step whose process died is shown as broken off, not as under way for ever', async () => {
    const checklist = open();
    await store.setStep(await checklist.ensureOpen('U1'), {
      step: 'sample',
      state: 'running',
      by: 'U1',
      at: clock.now() - 46_000,
    });
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'failed', found: { kind: 'interrupted' } });
  });

  test('a step under way renews its record as long as it lives', async () => {
    const checklist = open();
    const step = await checklist.begin('sample', 'U1');
    for (let beat = 0; beat < 8; beat++) {
      await clock.advance(15_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'running' });
    await step.end('done', { kind: 'sample', images: 3, failed: 0 });
  });

  test('a backup is done, grows stale with time, and is stale when the table changed', async () => {
    expect(await stepOf(open({ lastBackup: async () => backup }), 'backup')).toMatchObject({
      state: 'done',
      found: { backupId: 'b-1' },
    });
    const changed = open({ lastBackup: async () => backup, countRecords: async () => 500 });
    expect(await stepOf(changed, 'backup')).toMatchObject({ state: 'stale', stale: { reason: 'table-changed' } });
    await clock.advance(24 * HOUR);
    expect(await stepOf(open({ lastBackup: async () => backup }), 'backup')).toMatchObject({
      state: 'stale',
      stale: { reason: 'backup-old' },
    });
  });

  test('a backup that has served its flush is not stale because the table is empty', async () => {
    const checklist = open({ lastBackup: async () => ({ ...backup, records: 5_000 }), countRecords: async () => 0 });
    await checklist.noteDone(flushJob(), flushed);
    expect(await stepOf(checklist, 'backup')).toMatchObject({ state: 'done' });
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'done', found: { deleted: 51 } });
  });

  test('proof of the failure logging holds until the function’s code changes, and across rescans', async () => {
    const checklist = open();
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    expect(await stepOf(checklist, 'test-logging')).toMatchObject({ state: 'done', by: 'U1' });
    expect(await stepOf(checklist, 'deploy')).toMatchObject({ state: 'skipped', because: 'logging-proven' });
    await checklist.ensureOpen('U1');
    await checklist.close('U1');
    await checklist.disprove('logging');
    // A closed one stays as it was left.
    expect(await stepOf(open(), 'test-logging')).toMatchObject({ state: 'done', by: 'U1' });
    expect(await stepOf(open(), 'deploy')).toMatchObject({ state: 'skipped', because: 'logging-proven' });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    await checklist.ensureOpen('U1');
    expect(await stepOf(open(), 'test-logging')).toMatchObject({ state: 'done' });
    expect(await stepOf(open({ codeSha256: async () => 'other' }), 'test-logging')).toMatchObject({ state: 'stale' });
    await checklist.disprove('logging');
    expect(await stepOf(checklist, 'test-logging')).toMatchObject({ state: 'to-do' });
  });

  test('what cannot be read is shown as trouble, and nothing passes on it', async () => {
    const broken = async () => {
      throw new Error('denied');
    };
    const checklist = open({ codeSha256: broken, lastBackup: async () => backup });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    expect((await checklist.view()).troubles).toMatchObject([{ message: 'Error: denied' }]);
    expect(await checklist.gate('flush')).toMatchObject({
      kind: 'refuse',
      missing: [{ reason: 'function-unknown' }],
    });
  });

  test('a flush that waits for its approval is under way, and not any more when that is decided', async () => {
    const approval = flushApproval();
    let state: typeof approval.state = { kind: 'pending' };
    const checklist = open({ approval: async () => ({ ...approval, state }) });
    await checklist.noteFlushAsked(approval.id, 'U1');
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'running' });
    state = { kind: 'denied', by: 'U2', at: 1 };
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'to-do' });
  });

  test('a flush of failed-image records alone is no flush of the rescan', async () => {
    const checklist = open();
    const job = flushJob();
    if (job.work.kind !== 'flush') throw new Error('no flush');
    await checklist.noteDone({ ...job, work: { ...job.work, failedOnly: true } }, flushed);
    expect(await checklist.gate('start')).toMatchObject({ kind: 'refuse' });
  });

  test('is closed with its run, and kept in the history', async () => {
    const checklist = open();
    await checklist.noteDone(flushJob(), flushed);
    const snapshot = runSnapshot({ runId: 'r-0007', state: { kind: 'running' }, startedAt: clock.now() });
    await checklist.hearRun({ kind: 'started', snapshot });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.hearRun({ kind: 'completed', snapshot: completed, leftInFlight: 0 });
    expect(await checklist.openId()).toBeUndefined();
    expect(await checklist.view()).toMatchObject({ id: 'c-0001', outcome: { kind: 'completed', runId: 'r-0007' } });
    // Told twice, as after a crash: nothing changes.
    await checklist.hearRun({ kind: 'completed', snapshot: completed, leftInFlight: 0 });
    expect(await checklist.ensureOpen('U1')).toBe('c-0002');
  });

  test('a run over some of the images neither opens nor closes one', async () => {
    const checklist = open();
    const snapshot = runSnapshot({ runId: 'r-1', isPartial: true, startedAt: clock.now() });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.hearRun({ kind: 'started', snapshot });
    expect(await checklist.openId()).toBeUndefined();
    await checklist.ensureOpen('U1');
    await checklist.hearRun({ kind: 'started', snapshot });
    await checklist.hearRun({ kind: 'completed', snapshot: completed, leftInFlight: 0 });
    expect(await open({ currentRun: async () => completed }).openId()).toBe('c-0001');
    expect((await checklist.view()).steps.find(({ step }) => step === 'rescan')?.state).toBe('to-do');
  });

  test('is closed at the next look where the bot went down after its run was complete: its flush opens no other start', async () => {
    const before = open();
    await before.noteDone(flushJob(), flushed);
    const started = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    await before.hearRun({ kind: 'started', snapshot: started });
    const completed = { ...started, state: { kind: 'completed' } } as const;
    const after = open({ currentRun: async () => completed });
    expect(await after.gate('start')).toMatchObject({ kind: 'refuse', missing: [{ reason: 'not-flushed' }] });
    expect(await after.view()).toMatchObject({
      id: 'c-0001',
      outcome: { kind: 'completed', runId: 'r-0007' },
      next: 'validate',
    });
    expect(await after.ensureOpen('U1')).toBe('c-0002');
  });

  test('shows a validation that came after its end, and what was passed over before', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('sample', 'U2', 'known');
    const snapshot = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    await checklist.hearRun({ kind: 'started', snapshot });
    const completed = { ...snapshot, state: { kind: 'completed' } } as const;
    await checklist.hearRun({ kind: 'completed', snapshot: completed, leftInFlight: 0 });
    const found = { kind: 'validate', verdict: 'good' } as const;
    await store.setStep('c-0001', { step: 'validate', state: 'done', by: 'U1', at: clock.now(), found });
    const view = await open({ currentRun: async () => completed }).view();
    expect(view).toMatchObject({ id: 'c-0001', next: 'backup' });
    expect(view.steps.find(({ step }) => step === 'validate')).toMatchObject({ state: 'done', found });
    expect(view.steps.find(({ step }) => step === 'sample')).toMatchObject({
      overriddenBy: { by: 'U2', reason: 'known' },
    });
  });

  test('closed by a person takes its request for approval back, and is not closed under a run or a flush', async () => {
    const withdrawn: string[] = [];
    const snapshot = runSnapshot({ runId: 'r-0007', startedAt: clock.now() });
    const idle: Partial<ChecklistPorts> = {
      approval: async () => flushApproval(),
      async withdraw(id, by) {
        withdrawn.push(`${id} by ${by}`);
        return true;
      },
    };
    const checklist = open(idle);
    await checklist.noteFlushAsked('a-1', 'U1');
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
    expect(audit.deeds.at(-1)).toMatchObject({ who: 'U9', what: 'checklist c-0001' });
    expect(await checklist.close('U9')).toEqual({ ok: false, refusal: { reason: 'none-open' } });
  });

  test('a flush that ends after its checklist was closed opens no gate of the next one', async () => {
    const checklist = open();
    const checklistId = await checklist.ensureOpen('U1');
    await checklist.close('U1');
    await checklist.noteDone(flushJob({ checklistId }), flushed);
    expect(await checklist.gate('start')).toMatchObject({ kind: 'refuse' });
  });

  test('a restore undoes its flush: the step is stale, and a start needs another', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.noteBegun(flushJob());
    await checklist.noteDone(flushJob(), flushed);
    await clock.advance(1_000);
    const restore = { kind: 'restore', backupId: 'b-1', mode: 'put-back' } as const;
    await checklist.noteBegun(flushJob({ work: restore }));
    expect((await checklist.gate('start')).kind).toBe('pass');
    await checklist.noteBegun(flushJob({ work: { ...restore, mode: 'replace' } }));
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'stale', stale: { reason: 'restored-since' } });
    expect(await checklist.gate('start')).toMatchObject({ missing: [{ reason: 'restored-since' }] });
  });

  test('going on with a run is refused once the table was flushed under it', async () => {
    const run = runSnapshot({
      runId: 'r-1',
      startedAt: clock.now(),
      state: { kind: 'paused', because: { kind: 'person', by: 'U1' } },
    });
    const checklist = open({ currentRun: async () => run });
    expect((await checklist.gate('resume')).kind).toBe('pass');
    await clock.advance(1_000);
    await checklist.noteBegun(flushJob());
    expect(await checklist.gate('resume')).toMatchObject({ missing: [{ reason: 'table-reset', by: 'flush' }] });
  });

  test('that is past can be looked at, also while another is open', async () => {
    const checklist = open();
    const job = flushJob({ checklistId: await checklist.ensureOpen('U1') });
    const refusal = {
      reason: 'differs',
      backupId: 'b-1',
      difference: { added: 200, changed: 0, removed: 0 },
      most: 100,
    } as const;
    await checklist.hearTable({ kind: 'failed', job, refusal });
    await checklist.close('U1');
    await checklist.ensureOpen('U2');
    const past = await checklist.view('c-0001');
    expect(past).toMatchObject({ id: 'c-0001', outcome: { kind: 'closed', by: 'U1' } });
    expect(past.steps.find(({ step }) => step === 'flush')).toMatchObject({
      state: 'failed',
      found: { message: 'Nothing was deleted: the table differed from its backup by more than it may.' },
    });
    expect((await checklist.view()).id).toBe('c-0002');
    expect((await checklist.view('c-0099')).id).not.toBe('c-0099');
  });

  test('a record that two copies left behind when they opened it at once is no rescan', async () => {
    await table.create(
      { pk: 'checklists#fn', sk: 'c-0009' },
      { id: 'c-0009', openedBy: 'U1', openedAt: 1, runIds: [] },
    );
    const checklist = open();
    const ids = [];
    for await (const { id } of checklist.history(10)) ids.push(id);
    expect(ids).toEqual([]);
    expect((await checklist.view()).id).toBeUndefined();
  });

  test('every step that begins is in the audit before, and does not begin where it cannot be', async () => {
    const checklist = open();
    const step = await checklist.begin('quotas', 'U1');
    await step.end('done', { kind: 'quotas', pacePerMinute: 160, blocking: [] });
    expect(audit.deeds).toEqual([
      { who: 'U1', what: 'step quotas of checklist c-0001', outcome: 'began' },
      { who: 'U1', what: 'step quotas of checklist c-0001', outcome: 'done: nothing blocks, 160 images a minute' },
    ]);
    audit.fail(new Error('down'));
    await expect(checklist.begin('sample', 'U1')).rejects.toThrow('down');
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'to-do' });
  });

  test('a flush of an earlier rescan opens no gate of this one', async () => {
    const checklist = open();
    await checklist.noteDone(flushJob(), flushed);
    expect((await checklist.gate('start')).kind).toBe('pass');
    await checklist.close('U1');
    expect(await checklist.gate('start')).toMatchObject({ kind: 'refuse', missing: [{ reason: 'not-flushed' }] });
    expect((await checklist.gate('start', { keep: true })).kind).toBe('pass');
  });

  test('an override holds in this rescan only', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('test-logging', 'U2', 'mended by hand');
    await checklist.override('sample', 'U2', 'known');
    expect(await checklist.gate('flush')).toMatchObject({ kind: 'pass', overridden: [{ by: 'U2' }, { by: 'U2' }] });
    expect(await stepOf(checklist, 'sample')).toMatchObject({ overriddenBy: { by: 'U2', reason: 'known' } });
    await checklist.close('U1');
    await checklist.ensureOpen('U1');
    expect(await checklist.gate('flush')).toMatchObject({ kind: 'refuse' });
  });

  test('an override is in the audit with its reason and with what was missing, or it does not hold', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('sample', 'U2', 'known');
    expect(audit.deeds.at(-1)).toEqual({
      who: 'U2',
      what: 'override of sample in checklist c-0001',
      why: 'known',
      outcome: 'to be passed over: sample-missing',
    });
    audit.fail(new Error('down'));
    await expect(checklist.override('test-logging', 'U2', 'known')).rejects.toThrow('down');
    expect(await checklist.gate('flush')).toMatchObject({ missing: [{ reason: 'logging-unproven' }] });
  });

  test('an override of a sample that nobody tried does not cover one that failed', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    await checklist.override('sample', 'U2', 'no time');
    expect((await checklist.gate('flush')).kind).toBe('pass');
    await checklist.prove('sample', { by: 'U1', codeSha256: 'code', images: 3, failed: 3 });
    expect(await checklist.gate('flush')).toMatchObject({ missing: [{ reason: 'sample-failed' }] });
    expect(await stepOf(checklist, 'sample')).not.toHaveProperty('overriddenBy');
  });

  test('there is nothing to pass over where a step holds, nor where the function cannot be looked at', async () => {
    expect(await open().override('quotas', 'U2', 'known')).toEqual({ ok: false, refusal: { reason: 'holds' } });
    const blind = open({
      async codeSha256() {
        throw new Error('denied');
      },
    });
    expect(await blind.override('sample', 'U2', 'known')).toMatchObject({
      ok: false,
      refusal: { reason: 'fault', fault: { message: 'Error: denied' } },
    });
    expect(await blind.openId()).toBeUndefined();
  });
});
