import type { ApprovalState, ClickRefusal, UseRefusal } from '../../../approvals/approval.ts';
import type { ChangedFact } from '../../../approvals/fingerprint.ts';
import type { TableRefusal } from '../../../checklist/contracts/table-control.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { counted, duration } from '../kit/format.ts';
import { type Message, say } from '../kit/message.ts';
import { preconditionLines } from '../refusals/describe-precondition.ts';
import { describeFault, faultLines, runName } from '../run/describe-run.ts';
import { backupName, differenceText, jobName } from './table-text.ts';

const NEW_BACKUP = '`/rescan backup` makes a new one.';

/** Why nothing was done to the table, in one place: what is so, then what can be done about it. */
export const tableRefusalMessage = (refusal: TableRefusal): Message => say(...tableRefusalLines(refusal));

export function tableRefusalLines(refusal: TableRefusal): string[] {
  switch (refusal.reason) {
    case 'no-backup':
      return ['There is no verified backup of this table: nothing is deleted without one.', NEW_BACKUP];
    case 'backup-not-found':
      return [`There is no backup ${code(refusal.backupId, 80)}.`, '`/rescan backups` lists them.'];
    case 'backup-unverified':
      return [
        `${backupName(refusal.backupId)} is not verified, so nothing may rely on it: ${code(refusal.why, 200)}.`,
        `${code(`/rescan backups verify ${refusal.backupId}`, 120)} reads it back again; ${NEW_BACKUP}`,
      ];
    case 'backup-too-old':
      return [
        `${backupName(refusal.backupId)} is ${duration(refusal.ageMs)} old; a flush needs one of the last ${duration(refusal.mostMs)}.`,
        NEW_BACKUP,
      ];
    case 'backup-of-another-table':
      return [
        `${backupName(refusal.backupId)} is of another table (${code(refusal.itsArn, 200)}), not of ${code(refusal.arn, 200)}.`,
      ];
    case 'backup-damaged':
      return [
        `${backupName(refusal.backupId)} is damaged in S3: ${code(refusal.object, 300)}: ${code(refusal.why, 200)}.`,
        `The table was not touched. ${NEW_BACKUP}`,
      ];
    case 'backup-in-use':
      return [`${backupName(refusal.backupId)} is in use and stays.`];
    case 'differs':
      return [
        `The table differs from ${backupName(refusal.backupId)} by more than ${counted(refusal.most, 'record')}: ${differenceText(refusal.difference)}. Nothing was deleted.`,
        NEW_BACKUP,
      ];
    case 'table-not-active':
      return [`Table ${code(refusal.table, 120)} is ${code(refusal.status, 40)}, not ACTIVE. Try again when it is.`];
    case 'run-active':
      return [
        `${runName(refusal.runId)} is running: the table is left alone meanwhile.`,
        'Wait for its end, or stop it with `/rescan stop`.',
      ];
    case 'job-active':
      return [
        `${jobName(refusal.job)} of ${mention(refusal.job.by)} is under way: one at a time.`,
        '`/rescan stop` stops it.',
      ];
    case 'no-job':
      return ['No flush or restore is under way.'];
    case 'stop-file':
      return [`The stop file ${code(refusal.path, 200)} is there: nothing starts while it exists.`];
    case 'busy':
      return [
        `Another copy of the bot (${code(refusal.holder, 100)}) works on this pipeline: nothing was done.`,
        'Try again in half a minute; if that copy is gone, its right ends by itself.',
      ];
    case 'location':
      return [
        refusal.why === 'missing'
          ? `There is no bucket ${code(refusal.bucket, 80)}.`
          : `The bucket ${code(refusal.bucket, 80)} cannot be read or written.`,
        'Look at the setting `CONTROL_BUCKET`, and at the bot’s permissions on it.',
      ];
    case 'legacy':
      return [
        `${code(refusal.fileName, 120)} is a backup of the old runbook: ${counted(refusal.items, 'record')} without their types. Restored as it is, it would put text in the place of numbers and sets.`,
        refusal.losses.length === 0
          ? 'Nothing in it looks like a lost type, but none can be told from text.'
          : `Lost: ${refusal.losses
              .slice(0, 12)
              .map(
                ({ attribute, lookedLike, values }) =>
                  `${code(attribute, 60)} (${lookedLike}, ${counted(values, 'value')})`,
              )
              .join(', ')}.`,
        'Say `types-from=ID` to take each attribute’s type from a good backup.',
      ];
    case 'legacy-types':
      return [
        `${code(refusal.fileName, 120)} could not be given its types, and nothing of it was kept:`,
        ...refusal.problems.slice(0, 8).map((problem) => `• ${code(problem, 200)}`),
      ];
    case 'legacy-unreadable':
      return [`${code(refusal.fileName, 120)} cannot be read: ${sentence(refusal.why)}.`];
    case 'recovery-off':
      return [
        'Point-in-time recovery of the table is off, so DynamoDB cannot export it.',
        'Switch it on in DynamoDB’s console, or use `/rescan backup`.',
      ];
    case 'preconditions':
      return preconditionLines(refusal.step, refusal.unmet);
    case 'approval-gone':
      return [`There is no request ${code(refusal.approvalId, 60)} any more: nothing was done.`];
    case 'click':
      return clickLines(refusal.refusal);
    case 'use':
      return useLines(refusal.refusal);
    case 'fault':
      return [`Nothing was done: ${describeFault(refusal.fault)}.`, ...faultLines(refusal.fault)];
  }
}

function clickLines(refusal: ClickRefusal): string[] {
  switch (refusal.reason) {
    case 'decided':
      return [`This was decided before: ${decidedText(refusal.state)}. Your click changed nothing.`];
    case 'expired':
      return ['This request has expired: nothing was done.', 'Ask again, on the table as it is now.'];
    case 'own-request':
      return ['You asked for this, so a second person must approve it: nothing was done.'];
    case 'not-an-approver':
      return [
        'Only approvers may decide this (active members of this workspace on the list `APPROVERS`; no guests, no bots): nothing was done.',
      ];
    case 'wrong-message':
      return ['These buttons are not those of the request itself: nothing was done.'];
  }
}

function useLines(refusal: UseRefusal): string[] {
  switch (refusal.reason) {
    case 'changed':
      return [
        'The approval is void, as the world is not what it was given on. Nothing was done.',
        ...changedLines(refusal.changed),
      ];
    case 'expired':
      return ['The approval has expired: nothing was done.'];
    case 'other-act':
      return [`The approval is for a ${refusal.act}: nothing was done.`];
    case 'not-approved':
      return [`It is not approved: ${decidedText(refusal.state)}. Nothing was done.`];
  }
}

export const changedLines = (changed: readonly ChangedFact[]): string[] =>
  changed.map(
    ({ name, before, after }) => `• ${sentence(name, 60)}: ${code(before, 120)} then, ${code(after, 120)} now`,
  );

/** What came of a request, and by whom. */
export function decidedText(state: ApprovalState): string {
  switch (state.kind) {
    case 'pending':
      return 'nobody has decided yet';
    case 'approved':
    case 'used':
      return `approved by ${mention(state.by)}`;
    case 'denied':
      return `denied by ${mention(state.by)}`;
    case 'withdrawn':
      return `taken back by ${mention(state.by)}`;
    case 'expired':
      return 'it expired';
    case 'void':
      return state.changed.length === 0
        ? 'it is void'
        : `it is void, as ${counted(state.changed.length, 'fact')} changed`;
  }
}
