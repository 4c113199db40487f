import { expect, test } from 'vitest';
import { checkPreconditions } from '../../../../src/checklist/model/preconditions.ts';
import { autopilotMessage, receiptMessage } from '../../../../src/slack/messages/checklist/autopilot-message.ts';
import { checklistMessage } from '../../../../src/slack/messages/checklist/checklist-message.ts';
import { preconditionLines } from '../../../../src/slack/messages/refusals/describe-precondition.ts';
import { runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../../support/messages/checklist-builders.ts';
import { NOW } from '../../../support/messages/table-builders.ts';

const rules = { maxBackupAgeMs: 1, maxDifference: 1, maxSampleAgeMs: 1, sampleImages: 1, autoResume: true };
const startLines = (facts: Partial<Parameters<typeof checkPreconditions>[1]>): string => {
  const result = checkPreconditions('start', { now: NOW, overrides: [], ...facts }, rules);
  return result.kind === 'refuse' ? preconditionLines('start', result.unmet).join('\n') : '';
};

test('a start during a flush says that the flush is in progress, and not that one must be requested', () => {
  const text = startLines({ job: { kind: 'flush', by: 'U1', startedAt: NOW } });
  expect(text).toMatch(
    /^The run was not started: the flush is still in progress \(started at .*\)\. Try again when it is done\.$/,
  );
  expect(startLines({})).toMatch(/the table was not flushed in this rescan\. Request a flush with/);
});

test('a start while a flush waits for approval says until when', () => {
  const text = startLines({ flushRequest: { by: 'U1', at: NOW, until: NOW + 60_000, isPending: true } });
  expect(text).toMatch(
    /^The run was not started: the flush waits for approval \(until .*\)\. Ask an approver to decide it/,
  );
});

test('an autopilot whose flush waits for approval says so, and not that the flush is in progress', () => {
  const view = checklistView({ flush: { state: 'running', by: 'U1', at: NOW, approvalUntil: NOW + 60_000 } });
  const { text } = autopilotMessage(autopilotRecord({ state: 'running', startedAt: NOW }), view, NOW);
  expect(text).toMatch(/^The autopilot is waiting for approval of the flush \(until .*\)\./);
  expect(text).toMatch(/Flush the table\* \(waiting for approval\): an approver decides by /);
});

test('a checklist that was closed with a failed validation says so', () => {
  const closed = { outcome: { kind: 'completed', runId: 'r-0142' } } as const;
  const failed = checklistMessage(checklistView({ validate: { state: 'failed' } }, closed), NOW, { buttons: false });
  expect(failed.text).toMatch(/^Checklist c-0001 is closed with a failed validation of Rescan r-0142\./);
  const done = checklistMessage(checklistView({ validate: { state: 'done' } }, closed), NOW, { buttons: false });
  expect(done.text).toMatch(/^Checklist c-0001 is closed: Rescan r-0142 is complete\./);
});

test('the receipt of an autopilot whose validation found a loss begins with the loss', () => {
  const record = autopilotRecord({ state: 'finished', startedAt: NOW, endedAt: NOW + 60_000 });
  const validation = { kind: 'validate', verdict: 'bad', fewerEntries: 165, imagesWithoutRows: 54 } as const;
  expect(receiptMessage(record, runSnapshot(), { validation }).text).toMatch(
    /^:x: The autopilot has finished, but the validation found a problem: 54 images without records, 165 fewer entries and zero-hour weeks than in the backup\./,
  );
});
