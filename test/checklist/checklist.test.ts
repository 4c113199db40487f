import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Checklist, type ChecklistPorts, createChecklist } from '../../src/checklist/checklist.ts';
import { type ChecklistStore, createChecklistStore } from '../../src/checklist/checklist-store.ts';
import type { StepView } from '../../src/checklist/checklist-view.ts';
import type { StepName } from '../../src/checklist/step.ts';
import { systemClock } from '../../src/clock.ts';
import { type ControlTable, openControlTable } from '../../src/state/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/dynalite.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { runSnapshot } from '../support/scripted-run-control.ts';
import { flushApproval, flushJob } from '../support/table-builders.ts';

const HOUR = 3_600_000;
let dynamo: LocalDynamo;
let table: ControlTable;
let store: ChecklistStore;
let clock: FakeClock;
beforeEach(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  store = createChecklistStore(table, 'fn');
  clock = createFakeClock(Date.parse('2026-11-24T12:00:00Z'));
});
afterEach(() => dynamo.stop());

function open(changed: Partial<ChecklistPorts> = {}): Checklist {
  return createChecklist({
    store,
    clock,
    rules: { maxBackupAgeMs: 24 * HOUR, maxDifference: 100, maxSampleAgeMs: 24 * HOUR, sampleImages: 3 },
    codeSha256: async () => 'code',
    lastBackup: async () => undefined,
    countRecords: async () => 51,
    blockingQuotas: async () => [],
    currentRun: async () => undefined,
    currentJob: async () => undefined,
    approval: async () => undefined,
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
    expect(await stepOf(open(), 'test-logging')).toMatchObject({ state: 'to-do' });
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

  test('a run over some of the images does not close it', async () => {
    const checklist = open();
    const snapshot = runSnapshot({ runId: 'r-1', isPartial: true, startedAt: clock.now() });
    await checklist.hearRun({ kind: 'started', snapshot });
    await checklist.hearRun({
      kind: 'completed',
      snapshot: { ...snapshot, state: { kind: 'completed' } },
      leftInFlight: 0,
    });
    expect(await checklist.openId()).toBe('c-0001');
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
});
