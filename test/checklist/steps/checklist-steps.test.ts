import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { audit, backup, clock, flushed, freshForEachTest, HOUR, open, stepOf, store } from './checklist-rig.ts';

freshForEachTest();

describe('a checklist', () => {
  test('a checklist shows a running step, and then its finding and who did it', async () => {
    const checklist = open();
    const step = await checklist.begin('quotas', 'U1');
    expect(await stepOf(checklist, 'quotas')).toMatchObject({ state: 'running', by: 'U1' });
    await step.end('done', { kind: 'quotas', pacePerMinute: 160, blocking: [] });
    expect(await stepOf(checklist, 'quotas')).toMatchObject({ state: 'done', found: { pacePerMinute: 160 } });
  });

  test('a step whose process died is shown as interrupted', async () => {
    const checklist = open();
    await store.setStep(await checklist.ensureOpen('U1'), {
      step: 'sample',
      state: 'running',
      by: 'U1',
      at: clock.now() - 46_000,
    });
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'failed', found: { kind: 'interrupted' } });
  });

  test('a running step renews its record while its process lives', async () => {
    const checklist = open();
    const step = await checklist.begin('sample', 'U1');
    const renewedAt = async () => (await store.steps('c-0001')).find((stored) => stored.step === 'sample')?.at ?? 0;
    for (let renewal = 0; renewal < 8; renewal++) {
      const before = await renewedAt();
      await clock.advance(15_000);
      await eventually(async () => expect(await renewedAt()).toBeGreaterThan(before), { interval: 1 });
    }
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'running' });
    await step.end('done', { kind: 'sample', images: 3, failed: 0 });
  });

  test('a backup becomes stale with time, and when the table changes', async () => {
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

  test('a backup is not stale after its flush emptied the table', async () => {
    const checklist = open({ lastBackup: async () => ({ ...backup, records: 5_000 }), countRecords: async () => 0 });
    await checklist.recordResult(flushJob(), flushed);
    expect(await stepOf(checklist, 'backup')).toMatchObject({ state: 'done' });
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'done', found: { deleted: 51 } });
  });

  test('the proof of the failure logging holds until the code of the function changes, also in the next checklist', async () => {
    const checklist = open();
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    expect(await stepOf(checklist, 'test-logging')).toMatchObject({ state: 'done', by: 'U1' });
    expect(await stepOf(checklist, 'deploy')).toMatchObject({ state: 'skipped', because: 'logging-proven' });
    await checklist.ensureOpen('U1');
    await checklist.close('U1');
    await checklist.disprove('logging');
    // A closed checklist does not change.
    expect(await stepOf(open(), 'test-logging')).toMatchObject({ state: 'done', by: 'U1' });
    expect(await stepOf(open(), 'deploy')).toMatchObject({ state: 'skipped', because: 'logging-proven' });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    await checklist.ensureOpen('U1');
    expect(await stepOf(open(), 'test-logging')).toMatchObject({ state: 'done' });
    expect(await stepOf(open({ codeSha256: async () => 'other' }), 'test-logging')).toMatchObject({ state: 'stale' });
    await checklist.disprove('logging');
    expect(await stepOf(checklist, 'test-logging')).toMatchObject({ state: 'to-do' });
  });

  test('a fact that cannot be read is shown as unread, and meets no precondition', async () => {
    const broken = async () => {
      throw new Error('denied');
    };
    const checklist = open({ codeSha256: broken, lastBackup: async () => backup });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    expect((await checklist.view()).unread).toMatchObject([{ message: 'Error: denied' }]);
    expect(await checklist.preconditions('flush')).toMatchObject({
      kind: 'refuse',
      unmet: [{ reason: 'function-unknown' }],
    });
  });

  test('a flush is running while it waits for its approval, and not after the decision', async () => {
    const approval = flushApproval();
    let state: typeof approval.state = { kind: 'pending' };
    const checklist = open({ approval: async () => ({ ...approval, state }) });
    await checklist.recordFlushRequest(approval.id, 'U1');
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'running' });
    state = { kind: 'denied', by: 'U2', at: 1 };
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'to-do' });
  });

  test('a step is in the audit log before it begins, or it does not begin', async () => {
    const checklist = open();
    const step = await checklist.begin('quotas', 'U1');
    await step.end('done', { kind: 'quotas', pacePerMinute: 160, blocking: [] });
    expect(audit.written).toEqual([
      { who: 'U1', what: 'step quotas of checklist c-0001', outcome: 'begun' },
      {
        who: 'U1',
        what: 'step quotas of checklist c-0001',
        outcome: 'finished: no limit blocked, 160 images per minute allowed',
      },
    ]);
    audit.fail(new Error('down'));
    await expect(checklist.begin('sample', 'U1')).rejects.toThrow('down');
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'to-do' });
  });
});
