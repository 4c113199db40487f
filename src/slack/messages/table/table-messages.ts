import type { BackupRecord } from '../../../backup/format/backup-record.ts';
import { storedBytes } from '../../../backup/format/backup-record.ts';
import type { JobProgress, JobResult, TableEvent, TableJob } from '../../../checklist/contracts/table-control.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { bytes, count, counted, duration, progressBar } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { tableRefusalLines } from './table-refusals.ts';
import { backupLine, backupName, countsText, digestText, jobName, progressText, stageText } from './table-text.ts';

/** A job while it is under way. */
export function jobMessage(job: TableJob, progress?: JobProgress): Message {
  const lines = progress
    ? [
        ...(progress.total > 0 ? [`\`${progressBar(progress.done, progress.total)}\``] : []),
        progressText(progress),
        ...(progress.isApproximate && progress.total > 0
          ? ['The total is DynamoDB’s own count, about six hours old.']
          : []),
      ]
    : [];
  return compose({
    fact: `${jobName(job)} is under way: ${progress ? stageText(progress.stage) : 'beginning'}.`,
    lines: [
      ...lines,
      `Asked for by ${mention(job.by)}${job.approvedBy === undefined ? '' : `, approved by ${mention(job.approvedBy)}`}.`,
    ],
    ...(job.work.kind === 'backup' ? {} : { buttons: [button(ACTION.stopJob, 'Stop', job.id, { style: 'danger' })] }),
  });
}

/** What a job came to. */
export function finishedMessage(job: TableJob, result: JobResult, elapsedMs: number): Message {
  const by = `Asked for by ${mention(job.by)}${job.approvedBy === undefined ? '' : `, approved by ${mention(job.approvedBy)}`}.`;
  switch (result.kind) {
    case 'backup':
      return backupDone(result.record, result.versioning, elapsedMs);
    case 'flush':
      return compose({
        fact:
          result.newRows === 0
            ? `The flush is done: ${counted(result.deleted, 'record')} deleted in ${duration(elapsedMs)}; the count is zero.`
            : `The flush is done: ${counted(result.deleted, 'record')} deleted in ${duration(elapsedMs)}, but ${counted(result.newRows, 'new record')} came meanwhile.`,
        lines: [
          ...(result.supplemented > 0
            ? [
                `${counted(result.supplemented, 'record')} had come or changed after the backup: saved beside it first, and a restore brings them back too.`,
              ]
            : []),
          ...(result.newRows > 0
            ? ['Something still writes into the table (uploads, or a person): look at it before you start the rescan.']
            : []),
          `In the table now: ${countsText(result.remaining)}.`,
          by,
        ],
      });
    case 'restore':
      return compose({
        fact: `The restore is done: ${counted(result.written, 'record')} written${result.removed > 0 ? `, ${count(result.removed)} removed` : ''} in ${duration(elapsedMs)}.`,
        lines: [
          job.work.kind === 'restore' && job.work.mode === 'replace'
            ? `Proven by a scan: the digest of the table equals the backup’s, ${digestText(result.digest)} over ${counted(result.items, 'record')}.`
            : 'Proven by a scan: every record of the backup is in the table.',
          `What was there before is in ${backupName(result.safetyBackupId)}: a restore of it undoes this one.`,
          by,
        ],
      });
    case 'put-back':
      return compose({
        fact: `${counted(result.restored, 'record')} of the backup ${result.restored === 1 ? 'is' : 'are'} back in the table.`,
        lines: [
          'Read back from the table and equal to what the backup holds. Nothing was overwritten.',
          ...(result.taken > 0
            ? [
                `${counted(result.taken, 'record')} ${result.taken === 1 ? 'was' : 'were'} left alone: something else stands at that key by now. \`/rescan diff\` shows what.`,
              ]
            : []),
          ...(result.notInBackup > 0 ? [`${counted(result.notInBackup, 'record')} the backup does not hold.`] : []),
          by,
        ],
      });
  }
}

function backupDone(record: BackupRecord, versioning: 'on' | 'off' | 'unknown', elapsedMs: number): Message {
  const { verification } = record;
  const size = `${counted(record.counts.total, 'record')}, ${bytes(storedBytes(record))} in S3`;
  if (verification.kind === 'unverified')
    return compose({
      fact: `${backupName(record.id)} was written, but could not be verified: ${code(verification.reason, 200)}.`,
      lines: [
        'Nothing may rely on it.',
        ...(verification.objectKey === undefined ? [] : [`The object: ${code(verification.objectKey, 300)}`]),
      ],
    });
  return compose({
    fact: `${backupName(record.id)} is made and verified: ${size}, in ${duration(elapsedMs)}.`,
    lines: [
      `Read back from S3 and equal in digest: ${digestText(record.digest.sum)}.`,
      countsText(record.counts),
      ...(record.note === undefined ? [] : [`Note: ${code(record.note, 300)}`]),
      ...(versioning === 'off'
        ? ['*Warning:* versioning of the bucket is off: what is overwritten or deleted there is gone.']
        : []),
      `By ${mention(record.by)}.`,
    ],
  });
}

/** The last word on a job that did not come to its end. */
export function brokenOffMessage(event: Extract<TableEvent, { kind: 'stopped' | 'failed' }>): Message {
  const { job, progress } = event;
  const far = progress && progress.done > 0 ? ` after ${counted(progress.done, 'record')}` : '';
  const half =
    job.work.kind === 'flush'
      ? 'Every record deleted so far is in the backup: `/rescan restore` with mode merge brings them back.'
      : job.work.kind === 'restore'
        ? 'The table is between two states. Ask for the same restore again: it ends what this one began.'
        : 'Nothing of it counts as a backup.';
  return event.kind === 'stopped'
    ? compose({
        fact: `${jobName(job)} was stopped by ${/^[UW][A-Z0-9]+$/.test(event.by) ? mention(event.by) : sentence(event.by, 200)}${far}.`,
        lines: [half, `It was asked for by ${mention(job.by)}.`],
      })
    : compose({
        fact: `${jobName(job)} broke off${far}.`,
        lines: [...tableRefusalLines(event.refusal), half, `It was asked for by ${mention(job.by)}.`],
      });
}

/** To whoever stopped it; how it ended is told in the channel. */
export const stoppingJobMessage = (job: TableJob): Message =>
  say(`${jobName(job)} stops between two batches; how far it came is told in the channel.`);

export const resumedJobMessage = (job: TableJob): Message =>
  say(
    `${jobName(job)} goes on by itself, where it was: the bot went down, or another copy of it had the table meanwhile.`,
  );

const MOST_LISTED = 15;

/** The catalogue, newest first. */
export function backupsMessage(records: readonly BackupRecord[], now: number): Message {
  if (records.length === 0) return say('There is no backup yet.', '`/rescan backup` makes one.');
  return compose({
    fact: counted(records.length, 'backup'),
    lines: [
      ...records.slice(0, MOST_LISTED).map((record) => `• ${backupLine(record, now)}`),
      ...(records.length > MOST_LISTED
        ? [`and ${counted(records.length - MOST_LISTED, 'older one', 'older ones')}`]
        : []),
    ],
    notes: [
      '`/rescan restore` puts one back · `/rescan backups verify ID` reads one back from S3 · `/rescan backups prune keep=5` deletes old ones',
    ],
  });
}

/** As many ids as a button holds; the rest goes with the next prune. */
const MOST_PRUNED = 50;

export function pruneMessage(
  plan: {
    remove: readonly BackupRecord[];
    spared: readonly { record: BackupRecord; because: 'last-verified' | 'in-use' }[];
  },
  keep: number,
  now: number,
): Message {
  const spared = plan.spared.map(
    ({ record, because }) =>
      `• ${code(record.id, 80)} stays: ${because === 'in-use' ? 'an approval, a run or a job refers to it' : 'the last verified one'}`,
  );
  if (plan.remove.length === 0)
    return say(`Nothing to delete: no backup goes beyond the newest ${count(keep)}.`, ...spared);
  const removed = plan.remove.slice(0, MOST_PRUNED);
  return compose({
    fact: `${counted(removed.length, 'backup')} would be deleted; the newest ${count(keep)} stay.`,
    lines: [...removed.slice(0, MOST_LISTED).map((record) => `• ${backupLine(record, now)}`), ...spared],
    buttons: [
      button(
        ACTION.prune,
        `Delete ${counted(removed.length, 'backup')}`,
        removed.map((record) => record.id).join(','),
        {
          style: 'danger',
          confirm: {
            title: 'Delete these backups?',
            text: 'They are gone from S3 then.',
            yes: 'Delete',
            no: 'Keep them',
          },
        },
      ),
    ],
  });
}
