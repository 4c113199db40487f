import type { Approval } from '../../../src/approvals/approval.ts';
import type { DeployView, PlannedDeploy } from '../../../src/checklist/contracts/step-control.ts';
import type { AutopilotRecord } from '../../../src/checklist/model/autopilot-record.ts';
import type { ChecklistView, StepView } from '../../../src/checklist/model/checklist-view.ts';
import { STEPS, type StepName } from '../../../src/checklist/model/step.ts';
import type { LeftOut, Scope } from '../../../src/run/scope/scope.ts';
import { NOW } from './table-builders.ts';

/** A checklist in which every step is to do, except the given ones. */
export function checklistView(
  steps: Partial<Record<StepName, Partial<StepView>>> = {},
  more: Partial<ChecklistView> = {},
): ChecklistView {
  return {
    id: 'c-0001',
    openedBy: 'U0OPERATOR',
    openedAt: NOW - 60_000,
    steps: STEPS.map((step): StepView => ({ step, state: 'to-do', ...steps[step] })),
    unread: [],
    ...more,
  };
}

export const nothingLeftOut: LeftOut = { images: 0, records: 0, examples: [], people: { total: 0, top: [] } };
/** A scope of one person with one image. */
export const scopeFound = (change: Partial<Scope> = {}): Scope => ({
  id: 's-1a2b3c4d',
  criteria: { people: ['Ana Bel'] },
  by: 'U0OPERATOR',
  at: NOW,
  images: 1,
  bytes: 1_000,
  sha256: 'a1b2',
  records: { entry: 3, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 3 },
  beyond: 0,
  people: { total: 1, top: [{ name: 'Ana_Bel', records: 3 }] },
  nameless: 0,
  missing: nothingLeftOut,
  archived: nothingLeftOut,
  others: 9,
  ...change,
});

export const autopilotRecord = (changes: Partial<AutopilotRecord> = {}): AutopilotRecord => ({
  id: 'ap-1a2b3c4d',
  by: 'U0OPERATOR',
  location: { channel: 'C01' },
  state: 'planned',
  forecast: { images: 1_398, expectedMs: 2_520_000, expectedPerMinute: 33, expectedFailures: 42, restsOn: [] },
  plannedAt: NOW - 30_000,
  attempts: {},
  ...changes,
});

/** A request to deploy new code. */
export const deployApproval = (change: Partial<Approval> = {}): Approval => ({
  id: 'a-9',
  action: 'deploy',
  fingerprint: [
    { name: 'function', value: 'arn:aws:lambda:us-east-1:016164185850:function:TimesheetOCR-ocr-dev' },
    { name: 'package', value: 'new.zip' },
    { name: 'SHA-256 of the zip', value: 'ab'.repeat(32) },
    { name: 'running code', value: 'Zm9ybWVyIGNvZGUgb2YgdGhlIGZ1bmN0aW9uLi4uLi4=' },
    { name: 'revision', value: 'revision 1' },
    { name: 'rollback target', value: 'Zm9ybWVyIGNvZGUgb2YgdGhlIGZ1bmN0aW9uLi4uLi4=' },
    { name: 'OCR version', value: '2.6.1 to 3.0.0' },
    { name: 'files added', value: 'rescan_failure_logging.py, rescan_failure_record.py' },
    { name: 'files changed', value: 'none' },
    { name: 'files missing', value: 'team_roster.json' },
  ],
  options: '{"kind":"deploy","deployId":"d-1"}',
  requestedBy: 'U0OPERATOR',
  requestedAt: 0,
  expiresAt: 900_000,
  reason: 'a fix',
  channel: 'C1',
  ts: '1.0',
  state: { kind: 'pending' },
  ...change,
});

/** A deploy that goes on. */
export const deployInProgress = (): DeployView => ({
  id: 'd-1',
  kind: 'deploy',
  by: 'U0OPERATOR',
  at: 1_760_000_000_000,
  plan: plannedDeploy().plan,
  channel: 'C1',
});

export const plannedDeploy = (): PlannedDeploy => ({
  id: 'd-1',
  plan: {
    functionName: 'TimesheetOCR-ocr-dev',
    former: {
      handler: 'lambda_function.lambda_handler',
      codeSha256: 'Zm9ybWVyIGNvZGUgb2YgdGhlIGZ1bmN0aW9uLi4uLi4=',
      codeBytes: 4_096,
      environment: {},
    },
    next: {
      handler: 'rescan_failure_logging.handler',
      codeSha256: 'bmV4dCBjb2RlIG9mIHRoZSBmdW5jdGlvbi4uLi4uLi4=',
      codeBytes: 8_192,
      environment: { RESCAN_TABLE: 'TimesheetOCR-dev' },
    },
    unpackedBytes: 30_000,
    ocrVersion: {},
    files: {
      added: { count: 2, names: ['rescan_failure_logging.py', 'rescan_failure_record.py'] },
      changed: { count: 0, names: [] },
      missing: { count: 0, names: [] },
      same: 9,
    },
    inPlace: false,
  },
});
