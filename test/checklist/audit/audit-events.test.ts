import { expect, test } from 'vitest';
import {
  auditOfAutopilot,
  auditOfRun,
  auditOfTable,
  createAuditor,
} from '../../../src/checklist/audit/audit-events.ts';
import { createMemoryAudit } from '../../support/memory/memory-audit.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../support/messages/checklist-builders.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';

test('the audit entry for the end of a run names who ended it, and how many images it processed', () => {
  const totals = { ...runSnapshot().totals, processed: 5, rejected: 2, failed: 1 };
  const stopped = runSnapshot({
    runId: 'r-0007',
    state: { kind: 'stopped', by: { kind: 'person', by: 'U2' } },
    totals,
    total: 10,
  });
  expect(auditOfRun({ kind: 'stopped', snapshot: stopped, leftInFlight: 0 })).toEqual({
    who: 'U2',
    what: 'run r-0007',
    outcome: 'stopped: 5 processed, 2 rejected, 1 failed of 10 images',
  });
});

test('the audit entry for a job contains its reason and who approved it', () => {
  const job = flushJob({ id: 'a-1', by: 'U1', approvedBy: 'U2', reason: 'A new template' });
  expect(auditOfTable({ kind: 'started', job })).toEqual({
    who: 'U1',
    what: 'flush a-1',
    outcome: 'started, approved by U2',
    why: 'A new template',
  });
  expect(auditOfTable({ kind: 'failed', job, refusal: { reason: 'no-backup' } })).toMatchObject({
    outcome: 'failed: no-backup',
  });
});

test('a request for approval has no audit entry of its event, because it is in the audit log before it exists', () => {
  expect(auditOfTable({ kind: 'approval-changed', approval: flushApproval() })).toBeUndefined();
  const state = { kind: 'denied', by: 'U2', at: 1 } as const;
  expect(auditOfTable({ kind: 'approval-changed', approval: flushApproval({ id: 'a-1', state }) })).toEqual({
    who: 'U2',
    what: 'approval a-1 of a flush',
    outcome: 'denied',
  });
});

test('the audit entries of the autopilot say what it did', () => {
  const record = autopilotRecord({ id: 'ap-1', by: 'U1', stoppedBy: 'U2' });
  const view = checklistView();
  const outcomeOf = (event: Parameters<typeof auditOfAutopilot>[0]) => auditOfAutopilot(event)?.outcome;
  expect(outcomeOf({ kind: 'started', record })).toBe('started with 1398 images');
  expect(outcomeOf({ kind: 'approval-asked', record, approval: flushApproval({ id: 'a-1' }) })).toBe(
    'requested approval a-1 of a flush',
  );
  expect(auditOfAutopilot({ kind: 'stopped', record, view })).toMatchObject({ who: 'U2', outcome: 'stopped' });
  expect(outcomeOf({ kind: 'changed', record, view })).toBeUndefined();
});

test('the auditor writes an entry for each event that changes something, and none for progress', () => {
  const audit = createMemoryAudit();
  const auditor = createAuditor(audit);
  const snapshot = runSnapshot({ runId: 'r-0007' });
  auditor.onRunEvent({ kind: 'progress', snapshot });
  auditor.onRunEvent({ kind: 'started', snapshot });
  auditor.onTableEvent({ kind: 'started', job: flushJob() });
  auditor.onAutopilotEvent({ kind: 'started', record: autopilotRecord() });
  expect(audit.written.map(({ what }) => what.split(' ')[0])).toEqual(['run', 'flush', 'autopilot']);
});
