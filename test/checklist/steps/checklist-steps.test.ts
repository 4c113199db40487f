import { describe, expect, test } from 'vitest';
import { flushApproval, flushJob } from '../../support/table-builders.ts';
import { audit, backup, clock, flushed, freshForEachTest, HOUR, open, stepOf, store } from './checklist-rig.ts';

freshForEachTest();

describe('a checklist', () => {
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
    await checklist.recordResult(flushJob(), flushed);
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
    expect((await checklist.view()).unread).toMatchObject([{ message: 'Error: denied' }]);
    expect(await checklist.preconditions('flush')).toMatchObject({
      kind: 'refuse',
      unmet: [{ reason: 'function-unknown' }],
    });
  });

  test('a flush that waits for its approval is under way, and not any more when that is decided', async () => {
    const approval = flushApproval();
    let state: typeof approval.state = { kind: 'pending' };
    const checklist = open({ approval: async () => ({ ...approval, state }) });
    await checklist.recordFlushRequest(approval.id, 'U1');
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'running' });
    state = { kind: 'denied', by: 'U2', at: 1 };
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'to-do' });
  });

  test('every step that begins is in the audit before, and does not begin where it cannot be', async () => {
    const checklist = open();
    const step = await checklist.begin('quotas', 'U1');
    await step.end('done', { kind: 'quotas', pacePerMinute: 160, blocking: [] });
    expect(audit.written).toEqual([
      { who: 'U1', what: 'step quotas of checklist c-0001', outcome: 'started' },
      {
        who: 'U1',
        what: 'step quotas of checklist c-0001',
        outcome: 'done: no limit blocked, 160 images per minute allowed',
      },
    ]);
    audit.fail(new Error('down'));
    await expect(checklist.begin('sample', 'U1')).rejects.toThrow('down');
    expect(await stepOf(checklist, 'sample')).toMatchObject({ state: 'to-do' });
  });
});
