import type { BackupRecord } from '../../../backup/format/backup-record.ts';
import { storedBytes } from '../../../backup/format/backup-record.ts';
import type { JobProgress, TableAction, TableJob } from '../../../checklist/contracts/table-control.ts';
import type { KindCounts } from '../../../pipeline/table/records.ts';
import { code } from '../kit/escape.ts';
import { bytes, count, counted, duration } from '../kit/format.ts';

/** `4,187 records: 3,900 entries, 12 zero-hour weeks, …`: kinds that are there. */
export function countsText(counts: KindCounts): string {
  const kinds: [number, string, string][] = [
    [counts.entry, 'entry', 'entries'],
    [counts['zero-hour'], 'zero-hour week', 'zero-hour weeks'],
    [counts.rejected, 'rejected sheet', 'rejected sheets'],
    [counts.coverage, 'coverage record', 'coverage records'],
    [counts.failed, 'failed image', 'failed images'],
  ];
  const there = kinds.filter(([n]) => n > 0).map(([n, one, many]) => counted(n, one, many));
  const total = counted(counts.total, 'record');
  return there.length === 0 ? total : `${total}: ${there.join(', ')}`;
}

/** `12 added, 3 changed, 1 removed`, of the table against a backup. */
export const differenceText = (difference: { added: number; changed: number; removed: number }): string =>
  difference.added + difference.changed + difference.removed === 0
    ? 'nothing differs'
    : `${count(difference.added)} added, ${count(difference.changed)} changed, ${count(difference.removed)} removed since`;

export const backupName = (backupId: string): string => `Backup ${code(backupId, 80)}`;

/** The first digits of a digest: enough to compare by eye. */
export const digestText = (sum: string): string => `\`${sum.slice(0, 12)}…\``;

/** One line of a list of backups. */
export function backupLine(record: BackupRecord, now: number): string {
  const state =
    record.verification.kind === 'verified' ? 'verified' : `*not verified*: ${code(record.verification.reason, 120)}`;
  const what = record.purpose === 'safety' ? 'safety backup of a restore' : undefined;
  return [
    `${code(record.id, 80)} · ${duration(now - record.startedAt)} ago · ${counted(record.counts.total, 'record')} · ${bytes(storedBytes(record))}`,
    `digest ${digestText(record.digest.sum)} · by ${/^[UW][A-Z0-9]+$/.test(record.by) ? `<@${record.by}>` : code(record.by, 60)} · ${state}`,
    ...(what === undefined ? [] : [what]),
    ...(record.note === undefined ? [] : [code(record.note, 200)]),
  ].join(' · ');
}

/** What an act does, in words that an approver can decide on. */
export function actText(act: TableAction, table: string): string {
  if (act.kind === 'flush')
    return act.failedOnly
      ? `delete the failed-image records of ${code(table, 120)}`
      : `delete every record of ${code(table, 120)}`;
  if (act.mode === 'put-back')
    return `put ${counted(act.entries?.length ?? 0, 'single record')} of backup ${code(act.backupId, 80)} back into ${code(table, 120)}, each only where nothing stands at its key`;
  return act.mode === 'replace'
    ? `make ${code(table, 120)} equal to backup ${code(act.backupId, 80)}`
    : `put the records of backup ${code(act.backupId, 80)} into ${code(table, 120)}, leaving others`;
}

/** The single records an act puts back, as far as they are named; none where it puts none back. */
export function namedLines(act: TableAction): readonly string[] {
  if (act.kind !== 'restore' || !act.names || act.names.length === 0) return [];
  const more = (act.entries?.length ?? 0) - act.names.length;
  return [`${act.names.map((name) => code(name, 200)).join(', ')}${more > 0 ? `, and ${count(more)} more` : ''}.`];
}

export const jobName = (job: TableJob): string =>
  job.work.kind === 'backup' ? 'The backup' : job.work.kind === 'flush' ? 'The flush' : 'The restore';

const STAGES: Readonly<Record<string, string>> = {
  reading: 'reading the table',
  verifying: 'reading it back from S3',
  comparing: 'comparing the table with the backup',
  deleting: 'deleting',
  leftovers: 'looking for records that came meanwhile',
  counting: 'counting what is left',
  checking: 'reading the backup back from S3',
  'safety-backup': 'making a safety backup of what is there',
  writing: 'writing',
  removing: 'removing what the backup does not hold',
  proving: 'proving by a scan',
  holding: 'holding the function; waiting for invocations under way',
};

export const stageText = (stage: string): string => STAGES[stage] ?? stage;

/** `1,200 of about 4,187 records · 3.1 MB · 600 a second · about 5 s left` */
export function progressText(progress: JobProgress): string {
  const { done, total, isApproximate, elapsedMs } = progress;
  const perSecond = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const left = perSecond > 0 && total > done ? ((total - done) / perSecond) * 1000 : undefined;
  const of = total > 0 ? ` of ${isApproximate ? 'about ' : ''}${count(total)}` : '';
  return [
    `${count(done)}${of} records`,
    ...(progress.bytes === undefined ? [] : [bytes(progress.bytes)]),
    ...(perSecond > 0 && done > 0 ? [`${count(perSecond)} a second`] : []),
    ...(left === undefined ? [] : [`about ${duration(left)} left`]),
    ...(progress.supplemented
      ? [`${count(progress.supplemented)} saved first, as they came or changed after the backup`]
      : []),
  ].join(' · ');
}
