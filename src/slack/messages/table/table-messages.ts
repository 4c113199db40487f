import type { PrunePlan } from '../../../backup/catalogue/prune.ts';
import { shortBackupId } from '../../../backup/format/backup-record.ts';
import type { CatalogueEntry } from '../../../backup/format/export-record.ts';
import type { JobResult } from '../../../checklist/contracts/job-result.ts';
import type { PruneAction } from '../../../checklist/contracts/table-action.ts';
import {
  type JobProgress,
  type JobReach,
  type PointInTimeRecovery,
  READING_STAGES,
  type TableEvent,
  type TableJob,
  type TableRefusal,
} from '../../../checklist/contracts/table-control.ts';
import { NOT_KEPT } from '../../../checklist/table-jobs/table-facts.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted, duration, progressBar } from '../kit/format.ts';
import { compose, type Message, refuseWith, say } from '../kit/message.ts';
import { describeFault, faultLines } from '../run/describe-run.ts';
import { backupDoneMessage } from './backup-messages.ts';
import {
  backupLine,
  backupName,
  clockTime,
  dateTime,
  describeCounts,
  describeProgress,
  describeRecovery,
  describeSpared,
  describeStage,
  hasBar,
  jobName,
  leftOutLines,
  shortChecksum,
} from './describe-table.ts';
import { changedLines, decisionClause, tableRefusalLines } from './table-refusals.ts';

const requestedLine = ({ by, approvedBy }: TableJob): string =>
  `Requested by ${mention(by)}${approvedBy === undefined ? '' : `, approved by ${mention(approvedBy)}`}.`;

/** An export is followed for days: a time alone would not tell which day. */
const waitsForDays = ({ work }: TableJob): boolean => work.kind === 'backup' && work.export === true;

/** A job while it runs. */
export function jobMessage(job: TableJob, progress?: JobProgress): Message {
  const waiting = progress?.waiting;
  return compose({
    fact: waiting
      ? `:warning: ${jobName(job)} is waiting: ${describeFault(waiting.fault)}.`
      : `${jobName(job)} is in progress: ${progress ? describeStage(progress.stage) : 'starting'}.`,
    lines: [
      ...(waiting
        ? [
            ...faultLines(waiting.fault),
            `It continues by itself when this is fixed, if that is before ${waitsForDays(job) ? dateTime(waiting.until) : clockTime(waiting.until)}.`,
          ]
        : []),
      ...(progress && hasBar(progress) ? [`\`${progressBar(progress.done, progress.total)}\``] : []),
      ...(progress ? [describeProgress(progress)] : []),
      ...(progress?.isApproximate && progress.total > 0
        ? ['The total is DynamoDB’s own count, which can be six hours old.']
        : []),
      requestedLine(job),
    ],
    buttons: [button(ACTION.stopJob, 'Stop', job.id, { style: 'danger' })],
  });
}

/** The message of a job before its first progress. It stays true if nobody edits it any more. */
export const startedJobMessage = (job: TableJob): Message =>
  compose({
    fact: `${jobName(job)} started at ${clockTime(job.startedAt)}.`,
    lines: ['How it ends is posted in this channel. `/rescan status` shows what runs now.', requestedLine(job)],
  });

/** How a job ended. */
export function finishedMessage(job: TableJob, result: JobResult, elapsedMs: number): Message {
  const by = requestedLine(job);
  const took = `in ${duration(elapsedMs)}`;
  switch (result.kind) {
    case 'prune':
      return compose({
        fact: `${counted(result.backups, 'backup')} with ${counted(result.records, 'record')} in all ${result.backups === 1 ? 'was' : 'were'} deleted ${took}.`,
        lines: ['`/rescan backups` lists those that are left.', by],
      });
    case 'backup':
      return backupDoneMessage(result.record, result.versioning, elapsedMs);
    case 'flush': {
      const { deleted, supplemented, newRows, remaining, recreated, scope } = result;
      const left =
        newRows > 0
          ? `${counted(newRows, 'new record')} ${newRows === 1 ? 'was' : 'were'} written meanwhile.`
          : remaining.total === 0
            ? 'It left the table empty.'
            : scope
              ? 'It left no record of the scope, and kept all other records.'
              : 'It left no failed-image records.';
      return compose({
        fact: `The flush is done: ${recreated ? 'the table was deleted with ' : ''}${counted(deleted, 'record')}${recreated ? ' and created anew' : ' deleted'} ${took}. ${left}`,
        lines: [
          ...(supplemented > 0
            ? [
                `${counted(supplemented, 'record')} changed after the backup. They were saved next to it first; a restore includes them.`,
              ]
            : []),
          ...(newRows > 0
            ? ['Something still writes to the table (uploads or a person). Find out what before you start the rescan.']
            : []),
          ...(remaining.total > 0 ? [`In the table now: ${describeCounts(remaining)}.`] : []),
          ...(recreated ? recreatedLines(recreated, job) : recoveryLines(job)),
          by,
        ],
      });
    }
    case 'restore':
      return compose({
        fact: `The restore is done: ${counted(result.written, 'record')} added or overwritten, ${count(result.removed)} removed, ${count(result.unchanged)} unchanged, ${took}.`,
        lines: [
          job.work.kind === 'restore' && job.work.mode === 'replace'
            ? `Verified: the whole table was read, and its checksum ${shortChecksum(result.digest)} over ${counted(result.items, 'record')} matches the backup.`
            : 'Verified: the whole table was read, and every record of the backup is in it.',
          ...leftOutLines(result.leftOut),
          `The table as it was before is in ${backupName(result.safetyBackupId)}. Restore that backup to undo this restore.`,
          ...recoveryLines(job),
          by,
        ],
      });
    case 'restore-rows':
      return rowsRestored(job, result);
  }
}

function rowsRestored(job: TableJob, result: Extract<JobResult, { kind: 'restore-rows' }>): Message {
  const { restored, taken, notInBackup, overwritten = 0, changedSince = 0 } = result;
  const back = restored + overwritten;
  const backupId = job.work.kind === 'restore' ? job.work.backupId : '';
  return compose({
    fact: `${counted(back, 'record')} of the backup ${back === 1 ? 'is' : 'are'} back in the table.`,
    lines: [
      `They were read back from the table and match the backup.${overwritten === 0 ? ' Nothing was overwritten.' : ''}`,
      ...(overwritten > 0
        ? [
            `${counted(overwritten, 'changed record has', 'changed records have')} the version of the backup again. The versions that were replaced were saved first, in the folder \`replaced/\` of ${backupName(backupId)}.`,
          ]
        : []),
      ...(changedSince > 0
        ? [
            `:warning: ${counted(changedSince, 'record')} ${changedSince === 1 ? 'was' : 'were'} not overwritten, because ${changedSince === 1 ? 'it has' : 'they have'} changed since the request. \`/rescan diff\` shows ${changedSince === 1 ? 'it' : 'them'}.`,
          ]
        : []),
      ...(taken > 0
        ? [
            `${counted(taken, 'record')} ${taken === 1 ? 'was' : 'were'} not restored, because another record has the key now. \`/rescan diff\` shows ${taken === 1 ? 'it' : 'them'}.`,
          ]
        : []),
      ...(notInBackup > 0
        ? [`${counted(notInBackup, 'record')} ${notInBackup === 1 ? 'is' : 'are'} not in the backup.`]
        : []),
      requestedLine(job),
    ],
  });
}

function recreatedLines(
  recreated: NonNullable<Extract<JobResult, { kind: 'flush' }>['recreated']>,
  { fingerprint = [] }: TableJob,
): readonly string[] {
  const losses = fingerprint.filter(({ name }) => name.startsWith(NOT_KEPT)).map(({ value }) => value);
  return [
    `Verified: the new table has the description of the old one (checksum ${shortChecksum(recreated.digest)}), which is in ${code(recreated.descriptionUri, 400)}.`,
    recreated.nativeBackupArn === undefined
      ? 'DynamoDB keeps a system backup of the deleted table for 35 days (its name ends in `$DeletedTableBackup`).'
      : `The native backup ${code(recreated.nativeBackupArn, 300)} has the table as it was right before. It costs money until you delete it.`,
    ...(recreated.notMarked === undefined
      ? []
      : [
          `:warning: The backup of this flush could not be marked as used: ${describeFault(recreated.notMarked)}. Do not flush with it again. Make a new backup first: \`/rescan backup\`.`,
        ]),
    ...losses.map((loss) => `:warning: ${sentence(loss, 400)}`),
  ];
}

/** What the approval says about point-in-time recovery. */
function recoveryLines({ fingerprint }: TableJob): readonly string[] {
  const value = fingerprint?.find(({ name }) => name === 'point-in-time recovery')?.value;
  const known: readonly PointInTimeRecovery[] = ['on', 'off', 'unknown'];
  const recovery = known.find((candidate) => candidate === value);
  return recovery === undefined ? [] : [describeRecovery(recovery)];
}

/** What a job that did not finish leaves behind, and what to do about it. */
function leftLine(
  { work }: TableJob,
  { isUntouched, isTableKept, progress, refusal }: JobReach & { refusal?: TableRefusal },
): string {
  if (work.kind === 'backup' && work.export)
    return 'Nothing of it counts as a backup. DynamoDB cannot cancel an export: one that has begun completes and stays in S3 under `AWSDynamoDB/`.';
  if (work.kind === 'backup') return 'Nothing of it counts as a backup. `/rescan backup` makes a new one.';
  if (work.kind === 'flush' && work.recreate)
    return `${isTableKept ? 'The table was not deleted.' : ':warning: It is not known whether the table was deleted. Look for it in the DynamoDB console.'} Records that differed from backup ${code(shortBackupId(work.backupId), 80)} are saved next to it.`;
  if (work.kind === 'prune')
    return isUntouched
      ? 'No backup was deleted.'
      : 'Some of the backups may be deleted. `/rescan backups` lists those that are left.';
  if (isUntouched) return work.kind === 'flush' ? 'Nothing was deleted.' : 'Nothing was written to the table.';
  if (work.kind === 'flush')
    return `Every record deleted so far is in backup ${code(shortBackupId(work.backupId), 80)}. \`/rescan restore\` with mode merge restores them.`;
  if (work.mode === 'rows')
    return 'Some of the records may be back. Request the same records again to restore the rest.';
  if (refusal?.reason === 'restore-mismatch')
    return 'Request the same restore again to restore the records that differ.';
  return progress?.stage === 'proving' || progress?.stage === 'removing'
    ? 'Every record of the backup was written, but the result is not verified. Request the same restore again to complete it.'
    : 'The table may be partly restored. Request the same restore again to complete it.';
}

/** A job that was stopped or failed. */
export function brokenOffMessage(event: Extract<TableEvent, { kind: 'stopped' | 'failed' }>): Message {
  const { job, progress } = event;
  const done = progress ? countDone(job, progress) : 0;
  const after = done > 0 ? ` after ${counted(done, 'record')}` : '';
  if (event.kind === 'failed')
    return compose({
      fact: `:x: ${jobName(job)} failed${after}.`,
      lines: [
        ...tableRefusalLines(event.refusal, 'job'),
        ...(event.refusal.reason === 'table-unfinished' ? [] : [leftLine(job, event)]),
        requestedLine(job),
      ],
    });
  const by = /^[UW][A-Z0-9]+$/.test(event.by) ? mention(event.by) : sentence(event.by, 200);
  return compose({
    fact: `${jobName(job)} was stopped by ${by}${after}.`,
    lines: [leftLine(job, event), requestedLine(job)],
  });
}

const countDone = ({ work }: TableJob, { stage, done }: JobProgress): number =>
  work.kind === 'prune' || (work.kind !== 'backup' && READING_STAGES.has(stage)) ? 0 : done;

/** A job that does not resume after its process died, and what to do. */
export function interruptedMessage(event: Extract<TableEvent, { kind: 'interrupted' }>): Message {
  const { job, because, done, next } = event;
  return compose({
    fact: `:warning: ${jobName(job)} was interrupted${done ? ` after at least ${counted(done, 'record')}` : ''} and does not continue without a new approval.`,
    lines: [
      'The bot restarted or lost its lease while it ran. Nothing is running now.',
      ...interruptionLines(because),
      ...(next.ok
        ? [
            next.value.state.kind === 'pending'
              ? 'To continue, approve the new request in this channel. To leave it as it is, deny the request.'
              : `The request to continue it ${decisionClause(next.value.state)}.`,
          ]
        : ['It cannot be continued now:', ...tableRefusalLines(next.refusal, 'job')]),
      // A job that has deleted the table is never interrupted: it resumes, whatever its approval says.
      ...(isTableMissing(because) ? [] : [leftLine(job, { isTableKept: true })]),
      requestedLine(job),
    ],
  });
}

/** A job whose process died, and which the bot can neither continue nor end at the moment. It may have ended already. */
export const unsettledMessage = ({ job, fault }: Extract<TableEvent, { kind: 'unsettled' }>): Message =>
  compose({
    fact: `:warning: No process seems to work on ${jobName(job).replace(/^The/, 'the')}, and the bot can neither continue it nor report how it ended: ${describeFault(fault)}.`,
    lines: [
      ...faultLines(fault),
      `The bot tries again every few seconds. Until it can, ${job.work.kind === 'backup' ? 'another backup, a flush, a restore or a prune' : 'a run or another flush, restore or prune'} may be refused. A stop (\`/rescan stop\`) holds as soon as it can, unless the job has ended.`,
      requestedLine(job),
    ],
  });

/** Somebody else deleted it. */
const isTableMissing = (because: Extract<TableEvent, { kind: 'interrupted' }>['because']): boolean =>
  because.reason === 'blocked' && because.refusal.reason === 'table-missing';

function interruptionLines(because: Extract<TableEvent, { kind: 'interrupted' }>['because']): readonly string[] {
  switch (because.reason) {
    case 'expired':
      return [`Its approval was valid until ${clockTime(because.at)}.`];
    case 'changed':
      return ['Its approval no longer applies because something changed:', ...changedLines(because.changed)];
    case 'blocked':
      return tableRefusalLines(because.refusal, 'job');
    case 'older-version':
      return ['An older version of the bot started it and did not store what was approved.'];
    case 'approval-gone':
    case 'wrong-state':
    case 'other-action':
      return ['No approval in the control table covers it.'];
  }
}

/** A function that an older version of the bot had stopped. */
export function functionMessage(
  event: Extract<TableEvent, { kind: 'function-released' | 'function-not-released' }>,
): Message {
  if (event.kind === 'function-not-released') {
    const name = code(event.functionName, 120);
    return compose({
      fact: `:warning: Function ${name} is still stopped: an older version of the bot set its reserved concurrency to 0.`,
      lines: [
        `The bot could not change that: ${describeFault(event.fault)}.`,
        ...faultLines(event.fault),
        'The bot tries again every minute. To do it yourself, set the reserved concurrency in the Lambda console.',
      ],
    });
  }
  const { kind, functionName, reservedConcurrency } = event.released;
  const now =
    reservedConcurrency === undefined
      ? 'It has no reserved concurrency now.'
      : `Its reserved concurrency is ${count(reservedConcurrency)} now.`;
  return compose({
    fact:
      kind === 'released'
        ? `Function ${code(functionName, 120)} runs again.`
        : `Function ${code(functionName, 120)} was not changed.`,
    lines: [
      'An older version of the bot had set its reserved concurrency to 0 for a flush and ended before it set it back.',
      kind === 'released' ? now : `Somebody has changed that since. ${now}`,
      ...(kind === 'released'
        ? ['Uploads during that time may be missing from the table. `/rescan validate` finds images without rows.']
        : []),
    ],
  });
}

/** The reply to whoever stopped a job; how it ended is reported in the channel. */
export const stoppingJobMessage = (job: TableJob): Message =>
  job.work.kind === 'flush' && job.work.recreate
    ? say(`${jobName(job)} is stopping. If the table is deleted already, the bot creates it again first.`)
    : say(`${jobName(job)} is stopping. The channel will show how many records it reached.`);

/** The button belongs to a job that has ended; `current` is in progress. */
export const anotherJobMessage = (current: TableJob): Message =>
  refuseWith(
    `Nothing was done: this button belongs to a job that has ended. ${jobName(current)} is in progress now.`,
    'To stop it, use the button in its own message or `/rescan stop`.',
  );

export const resumedJobMessage = (job: TableJob): Message =>
  say(
    `${jobName(job)} ${job.work.kind === 'backup' && !job.work.export ? 'starts again from the beginning' : 'continues where it was'}: the bot restarted or lost its lease.`,
  );

const MAX_LISTED = 15;

/** The catalogue, newest first. */
export function backupsMessage(records: readonly CatalogueEntry[]): Message {
  if (records.length === 0) return say('There is no backup yet.', '`/rescan backup` makes one.');
  return compose({
    fact: counted(records.length, 'backup'),
    lines: [
      ...records.slice(0, MAX_LISTED).map((record) => `• ${backupLine(record)}`),
      ...(records.length > MAX_LISTED ? [`and ${counted(records.length - MAX_LISTED, 'older one')}`] : []),
    ],
    notes: [
      '`/rescan restore` restores one · `/rescan backups verify ID` reads one back from S3 · `/rescan backups prune keep=5` deletes old ones',
    ],
  });
}

/** Which backups would be deleted and which are kept, and why; a button asks for approval. */
export function pruneMessage(
  { remove, spared, action }: PrunePlan & { readonly action?: PruneAction },
  keep: number,
): Message {
  const keptLines = spared
    .slice(0, MAX_LISTED)
    .map(({ record, because }) => `• ${code(shortBackupId(record.id), 80)} is kept: ${describeSpared(because)}`);
  const more = spared.length > MAX_LISTED ? [`and ${counted(spared.length - MAX_LISTED, 'more')} that are kept`] : [];
  const newest = keep === 1 ? 'the newest backup' : `the newest ${count(keep)} backups`;
  if (!action) return say(`Nothing to delete: no backup besides ${newest} can be deleted.`, ...keptLines, ...more);
  const ids = new Set(action.backups.map(({ id }) => id));
  const removed = remove.filter(({ id }) => ids.has(id));
  return compose({
    fact: `${counted(removed.length, 'backup')} can be deleted; ${newest} ${keep === 1 ? 'stays' : 'stay'}.`,
    lines: [
      ...removed.map((record) => `• ${backupLine(record)}`),
      ...(remove.length > removed.length
        ? [
            `These are the oldest. ${counted(remove.length - removed.length, 'newer one')} can be deleted with another request.`,
          ]
        : []),
      ...keptLines,
      ...more,
      'Nothing is deleted yet. A second person must approve exactly these backups.',
    ],
    buttons: [button(ACTION.prune, 'Request approval', [keep, ...ids].join(','), { style: 'danger' })],
  });
}
