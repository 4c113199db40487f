import type { ApprovalState, ClickRefusal, UseRefusal } from '../../../approvals/approval.ts';
import type { ChangedFact } from '../../../approvals/fingerprint.ts';
import type { TableRefusal } from '../../../checklist/contracts/table-control.ts';
import { scopeText } from '../checklist/scope-message.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { counted, duration } from '../kit/format.ts';
import { type Message, refuseWith } from '../kit/message.ts';
import { preconditionLines } from '../refusals/describe-precondition.ts';
import { tryAgainLine } from '../refusals/lease-refusal.ts';
import { describeFault, faultLines, runName } from '../run/describe-run.ts';
import { actionName, backupName, clockTime, describeDifference, describeSpared, jobName } from './describe-table.ts';

const NEW_BACKUP = '`/rescan backup` makes a new one.';

/** Why nothing was done to the table, and what to do about it. */
export const tableRefusalMessage = (refusal: TableRefusal): Message => refuseWith(...tableRefusalLines(refusal));

/**
 * The same as lines. `of`: a request that was refused, so that nothing was done; or a job that failed, which may have done a part
 * and says itself what that was.
 */
export function tableRefusalLines(refusal: TableRefusal, of: 'request' | 'job' = 'request'): string[] {
  switch (refusal.reason) {
    case 'no-backup':
      return ['There is no verified backup of this table. Nothing is deleted without one.', NEW_BACKUP];
    case 'backup-not-found':
      return [`There is no backup ${code(refusal.backupId, 80)}.`, '`/rescan backups` lists them.'];
    case 'backup-unverified':
      return [
        `${backupName(refusal.backupId)} is not verified, so it cannot be used: ${code(refusal.why, 200)}.`,
        `${code(`/rescan backups verify ${refusal.backupId}`, 120)} reads it back again; ${NEW_BACKUP}`,
      ];
    case 'backup-used':
      return [
        `${backupName(refusal.backupId)} was already used by a flush at ${clockTime(refusal.at)}. Records that were written since then are not in it.`,
        NEW_BACKUP,
      ];
    case 'backup-too-old':
      if (refusal.ageMs < 0)
        return [
          `${backupName(refusal.backupId)} is dated ${duration(-refusal.ageMs)} in the future, so its age is unknown and a flush cannot rely on it.`,
          `A clock was wrong when it was made, or is wrong now. Check the clock of the bot's machine. ${NEW_BACKUP}`,
        ];
      return [
        `${backupName(refusal.backupId)} is ${duration(refusal.ageMs)} old; a flush needs one of the last ${duration(refusal.mostMs)}.`,
        NEW_BACKUP,
      ];
    case 'backup-of-another-table':
      return [
        `${backupName(refusal.backupId)} belongs to another table (${code(refusal.itsArn, 200)}), not to ${code(refusal.arn, 200)}.`,
      ];
    case 'backup-damaged':
      return [
        `${backupName(refusal.backupId)} is damaged in S3: ${code(refusal.object, 300)}: ${code(refusal.why, 200)}.`,
        of === 'request' ? `Nothing was written to the table. ${NEW_BACKUP}` : NEW_BACKUP,
      ];
    case 'scope-changed':
      return [
        refusal.now === undefined
          ? 'Nothing was deleted: the flush was requested for a scope, and this rescan covers everything now.'
          : 'Nothing was deleted: the scope of this rescan changed after the flush was requested.',
        '`/rescan flush` asks again for what the rescan covers now.',
      ];
    case 'recreate-with-scope':
      return [
        `\`flush recreate\` deletes every record, and this rescan covers only ${scopeText(refusal.scope)}.`,
        'Use `/rescan flush`, or `/rescan scope clear` first.',
      ];
    case 'backup-in-use':
      return [
        `${backupName(refusal.backupId)} cannot be deleted: ${describeSpared(refusal.because)}.`,
        '`/rescan backups prune keep=5` lists what can be deleted now.',
      ];
    case 'differs':
      return [
        `The table differs from ${backupName(refusal.backupId)} by more than ${counted(refusal.most, 'record')}: ${describeDifference(refusal.difference)}.`,
        NEW_BACKUP,
      ];
    case 'restore-mismatch':
      return [
        `After the restore the table does not match ${backupName(refusal.backupId)}: ${describeDifference(refusal.difference)}.`,
        'Something else may have written to the table during the restore.',
      ];
    case 'record-refused':
      return [`DynamoDB did not accept a record: ${code(refusal.why, 400)}.`];
    case 'table-not-active':
      return [`Table ${code(refusal.table, 120)} is ${code(refusal.status, 40)}, not ACTIVE. Try again when it is.`];
    case 'table-missing':
      return [
        `There is no table ${code(refusal.table, 120)} in this account and region.`,
        'Check the settings `TABLE` and `AWS_REGION`. If the table was deleted, restore it from point-in-time recovery or a backup of DynamoDB.',
      ];
    case 'run-active':
      return [
        `${runName(refusal.runId)} is running, so the table cannot be changed now.`,
        'Wait until it ends, or stop it with `/rescan stop`.',
      ];
    case 'job-active':
      return [
        `${jobName(refusal.job)} that ${mention(refusal.job.by)} requested is in progress. Only one can run at a time.`,
        '`/rescan stop` stops it.',
      ];
    case 'interrupted':
      return ['The bot stopped while the backup was made, and did not run again within an hour.'];
    case 'no-job':
      return ['No flush or restore is in progress.'];
    case 'stop-file':
      return [`The stop file ${code(refusal.path, 200)} exists. Nothing starts until it is deleted.`];
    case 'busy':
      return [
        `Nothing was done: other work of the bot (${code(refusal.holder, 100)}) may still be in progress.`,
        tryAgainLine(refusal.waitMs),
      ];
    case 'shutting-down':
      return ['Nothing was started, because the bot is restarting.', 'Try again in half a minute.'];
    case 'location':
      return [
        refusal.why === 'missing'
          ? `There is no bucket ${code(refusal.bucket, 80)}.`
          : `The bucket ${code(refusal.bucket, 80)} cannot be read or written.`,
        'Check the setting `CONTROL_BUCKET` and the bot’s permissions on the bucket.',
      ];
    case 'legacy':
      return [
        `${code(refusal.fileName, 120)} is a backup in the old runbook’s format: ${counted(refusal.items, 'record')} without their types. Restoring it as it is would write text instead of numbers and sets.`,
        refusal.losses.length === 0
          ? 'Nothing in it looks like a lost type, but text does not show the types.'
          : `Lost: ${refusal.losses
              .slice(0, 12)
              .map(
                ({ attribute, lookedLike, values }) =>
                  `${code(attribute, 60)} (${lookedLike}, ${counted(values, 'value')})`,
              )
              .join(', ')}.`,
        'Add `types-from=ID` to take the type of each attribute from a good backup.',
      ];
    case 'legacy-types':
      return [
        `${code(refusal.fileName, 120)} could not be given its types. Nothing of it was kept:`,
        ...refusal.problems.slice(0, 8).map((problem) => `• ${code(problem, 200)}`),
      ];
    case 'legacy-unreadable':
      return [`${code(refusal.fileName, 120)} cannot be read: ${sentence(refusal.why)}.`];
    case 'recovery-off':
      return [
        'Point-in-time recovery of the table is off, so DynamoDB cannot export it.',
        'Turn it on in the DynamoDB console (Backups, Point-in-time recovery), or use `/rescan backup`.',
      ];
    case 'export-failed':
      return [
        `DynamoDB ended the export with an error: ${code(refusal.code, 80)}: ${sentence(refusal.why, 300)}`,
        `Export ${code(refusal.arn, 300)}. Fix this, then \`/rescan backup export\`; or use \`/rescan backup\`.`,
      ];
    case 'not-recreatable':
      return [
        `Nothing was deleted: the bot cannot create table ${code(refusal.table, 120)} again exactly as it is.`,
        ...refusal.obstacles.slice(0, 10).map((obstacle) => `• ${sentence(obstacle, 500)}`),
        '`/rescan flush` deletes the records one by one and keeps the table.',
      ];
    case 'table-in-use':
      return [
        `Table ${code(refusal.table, 120)} was not deleted, because it changed right before that.`,
        ...refusal.changes.slice(0, 10).map((change) => `• ${sentence(change, 500)}`),
        'Find out what changes the table. Then ask again.',
      ];
    case 'table-unfinished':
      return unfinishedLines(refusal);
    case 'preconditions':
      return preconditionLines(refusal.step, refusal.unmet);
    case 'approval-gone':
      return [`Request ${code(refusal.approvalId, 60)} no longer exists. Nothing was done.`];
    case 'click':
      return clickLines(refusal.refusal);
    case 'use':
      return useLines(refusal.refusal);
    case 'start-unclear':
      return [
        `The control table failed while the approval was being used: ${describeFault(refusal.fault)}.`,
        ...faultLines(refusal.fault),
        'The bot checks within seconds whether it was used. It then starts the job or reports that nothing was done, in this channel.',
      ];
    case 'fault':
      return [
        of === 'request' ? `Nothing was done: ${describeFault(refusal.fault)}.` : `${describeFault(refusal.fault)}.`,
        ...faultLines(refusal.fault),
      ];
  }
}

const LEFT_AS: Readonly<Record<Extract<TableRefusal, { reason: 'table-unfinished' }>['state'], string>> = {
  missing: 'was deleted, and could not be created again',
  incomplete: 'was deleted and created again, but it is not yet as it was',
  unknown: 'may be deleted: the bot could not read it',
};

/** What is missing, and how to do it by hand. */
function unfinishedLines(refusal: Extract<TableRefusal, { reason: 'table-unfinished' }>): string[] {
  const { table, state, reasons, createUri, descriptionUri } = refusal;
  const create = `aws s3 cp ${createUri} create-table.json && aws dynamodb create-table --cli-input-json file://create-table.json`;
  return [
    `:warning: Table ${code(table, 120)} ${LEFT_AS[state]}.`,
    ...reasons.slice(0, 10).map((reason) => `• ${code(reason, 500)}`),
    ...(state === 'incomplete' ? [] : [`If the table does not exist, create it: ${code(create, 700)}`]),
    `TTL, point-in-time recovery and contributor insights are in ${code(descriptionUri, 400)}. Set those that the table lacks.`,
    'All records are in the backup. `/rescan restore` writes them back, if they are wanted.',
  ];
}

function clickLines(refusal: ClickRefusal): string[] {
  switch (refusal.reason) {
    case 'decided':
      return [`This request was decided before: ${describeDecision(refusal.state)}. Your click changed nothing.`];
    case 'expired':
      return ['This request has expired. Nothing was done.', 'Ask again to get a request for the table as it is now.'];
    case 'own-request':
      return ['You asked for this, so a second person must approve it. Nothing was done.'];
    case 'not-an-approver':
      return [
        'Only approvers can decide this: active members of this workspace who are listed in `APPROVERS`, no guests and no bots. Nothing was done.',
      ];
    case 'wrong-message':
      return ['These buttons do not belong to the message of the request. Nothing was done.'];
  }
}

function useLines(refusal: UseRefusal): string[] {
  switch (refusal.reason) {
    case 'changed':
      return [
        'Nothing was done. The approval no longer applies because something changed:',
        ...changedLines(refusal.changed),
      ];
    case 'expired':
      return ['The approval has expired. Nothing was done.'];
    case 'other-action':
      return [`The approval is for a ${actionName(refusal.action)}. Nothing was done.`];
    case 'wrong-state':
      return [`The request is not approved: ${describeDecision(refusal.state)}. Nothing was done.`];
  }
}

export const changedLines = (changed: readonly ChangedFact[]): string[] =>
  changed.map(
    ({ name, before, after }) => `• ${sentence(name, 60)}: ${code(before, 120)} before, ${code(after, 120)} now`,
  );

/** The same with its verb: `was denied by @ana at 8:19`, `expired at 8:34`. */
export const decisionClause = (state: ApprovalState): string =>
  `${state.kind === 'expired' ? '' : state.kind === 'pending' ? 'is ' : 'was '}${describeDecision(state)}`;

/** How a request was decided, who decided and when: `denied by @ana at 8:19`. */
export function describeDecision(state: ApprovalState): string {
  switch (state.kind) {
    case 'pending':
      return 'not decided yet';
    case 'approved':
    case 'used':
      return `approved by ${mention(state.by)} at ${clockTime(state.at)}`;
    case 'denied':
      return `denied by ${mention(state.by)} at ${clockTime(state.at)}${state.reason === undefined ? '' : ` (reason: ${code(state.reason, 500)})`}`;
    case 'withdrawn':
      return `withdrawn by ${mention(state.by)} at ${clockTime(state.at)}`;
    case 'expired':
      return `expired at ${clockTime(state.at)}`;
    case 'void':
      return describeVoid(state);
  }
}

function describeVoid({ changed, because }: Extract<ApprovalState, { kind: 'void' }>): string {
  if (because === 'never-started') return 'approved, but the bot restarted before it started';
  return changed.length > 0
    ? `approved, but ${counted(changed.length, 'fact')} changed before it started`
    : 'approved, but it could not start (the reply to the approver has the reason)';
}
