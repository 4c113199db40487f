import { describe, expect, test } from 'vitest';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { flushJob } from '../../support/messages/table-builders.ts';
import { backup, clock, flushed, freshForEachTest, open, stepOf } from './checklist-rig.ts';

freshForEachTest();

describe('a checklist', () => {
  test('a flush of failed-image records does not count as the flush of the checklist', async () => {
    const checklist = open();
    const job = flushJob();
    if (job.work.kind !== 'flush') throw new Error('no flush');
    await checklist.recordResult({ ...job, work: { ...job.work, failedOnly: true } }, flushed);
    expect(await checklist.preconditions('start')).toMatchObject({ kind: 'refuse' });
  });

  test('a flush that ends after its checklist was closed does not permit a start in the next one', async () => {
    const checklist = open();
    const checklistId = await checklist.ensureOpen('U1');
    await checklist.close('U1');
    await checklist.recordResult(flushJob({ checklistId }), flushed);
    expect(await checklist.preconditions('start')).toMatchObject({ kind: 'refuse' });
  });

  test('a restore makes the flush stale, and a start needs another flush', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.recordTableChange(flushJob());
    await checklist.recordResult(flushJob(), flushed);
    await clock.advance(1_000);
    const restore = { kind: 'restore', backupId: 'b-1', mode: 'rows' } as const;
    await checklist.recordTableChange(flushJob({ work: restore }));
    expect((await checklist.preconditions('start')).kind).toBe('pass');
    await checklist.recordTableChange(flushJob({ work: { ...restore, mode: 'replace' } }));
    expect(await stepOf(checklist, 'flush')).toMatchObject({ state: 'stale', stale: { reason: 'restored-since' } });
    expect(await checklist.preconditions('start')).toMatchObject({ unmet: [{ reason: 'restored-since' }] });
  });

  test('a resume is refused when the table was flushed after the run started', async () => {
    const run = runSnapshot({
      runId: 'r-1',
      startedAt: clock.now(),
      state: { kind: 'paused', because: { kind: 'person', by: 'U1' } },
    });
    const checklist = open({ currentRun: async () => run });
    expect((await checklist.preconditions('resume')).kind).toBe('pass');
    await clock.advance(1_000);
    await checklist.recordTableChange(flushJob());
    expect(await checklist.preconditions('resume')).toMatchObject({
      unmet: [{ reason: 'table-reset', by: 'flush' }],
    });
  });

  test('a flush of an earlier checklist does not permit a start in this one', async () => {
    const checklist = open();
    await checklist.recordResult(flushJob(), flushed);
    expect((await checklist.preconditions('start')).kind).toBe('pass');
    await checklist.close('U1');
    expect(await checklist.preconditions('start')).toMatchObject({
      kind: 'refuse',
      unmet: [{ reason: 'not-flushed' }],
    });
    expect((await checklist.preconditions('start', { keep: true })).kind).toBe('pass');
  });
});
