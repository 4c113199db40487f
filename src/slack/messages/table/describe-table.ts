import type { ApprovedAction } from '../../../approvals/approval.ts';
import type { SpareReason } from '../../../backup/errors.ts';
import { shortBackupId } from '../../../backup/format/backup-record.ts';
import { type CatalogueEntry, isExport } from '../../../backup/format/export-record.ts';
import { rowsOf, type TableAction } from '../../../checklist/contracts/table-action.ts';
import type {
  JobProgress,
  JobStage,
  PointInTimeRecovery,
  RecreationFacts,
  TableJob,
  TableNow,
  WriteCost,
} from '../../../checklist/contracts/table-control.ts';
import type { KindCounts } from '../../../pipeline/table/records.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { aboutDuration, bytes, count, counted, duration } from '../kit/format.ts';

/** `8:34 AM` in the time zone of each reader. */
export const clockTime = (at: number): string =>
  `<!date^${Math.floor(at / 1000)}^{time}|${new Date(at).toISOString().slice(11, 16)} UTC>`;

const utcTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});
/** `29 Nov, 08:17 UTC`: for texts in which Slack does not convert times. */
export const plainDateTime = (at: number): string => `${utcTime.format(at)} UTC`;

/** Day and time in the time zone of each reader. */
export const dateTime = (at: number): string =>
  `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time}|${plainDateTime(at)}>`;

/** `4,187 records: 3,900 entries, 12 zero-hour weeks, …`: the kinds of which there are any. */
export function describeCounts(counts: KindCounts): string {
  const kinds: [number, string, string][] = [
    [counts.entry, 'entry', 'entries'],
    [counts['zero-hour'], 'zero-hour week', 'zero-hour weeks'],
    [counts.rejected, 'rejected image', 'rejected images'],
    [counts.coverage, 'coverage record', 'coverage records'],
    [counts.failed, 'failed image', 'failed images'],
  ];
  const there = kinds.filter(([n]) => n > 0).map(([n, one, many]) => counted(n, one, many));
  const total = counted(counts.total, 'record');
  return there.length === 0 ? total : `${total}: ${there.join(', ')}`;
}

/** `12 added, 3 changed, 1 removed`: the table compared with a backup. */
export const describeDifference = (difference: { added: number; changed: number; removed: number }): string =>
  difference.added + difference.changed + difference.removed === 0
    ? 'no differences'
    : `${count(difference.added)} added, ${count(difference.changed)} changed, ${count(difference.removed)} removed`;

export const backupName = (backupId: string): string => `Backup ${code(shortBackupId(backupId), 80)}`;

/** The first digits of a checksum, which people can compare. */
export const shortChecksum = (sum: string): string => `\`${sum.slice(0, 12)}\``;

const describeVerification = ({ verification }: CatalogueEntry): string => {
  switch (verification.kind) {
    case 'verified':
      return 'verified';
    case 'sampled':
      return `checked by a sample of ${counted(verification.sampled, 'record')}`;
    case 'unverified':
      return `*not verified*: ${code(verification.reason, 120)}`;
  }
};

/** One line of a list of backups. */
export function backupLine(record: CatalogueEntry): string {
  return [
    `${code(shortBackupId(record.id), 80)} · ${dateTime(record.startedAt)} · ${counted(record.counts.total, 'record')}`,
    describeVerification(record),
    ...(isExport(record) ? ['export of DynamoDB'] : []),
    `by ${mention(record.by)}`,
    ...(record.purpose === 'safety' ? ['safety backup of a restore'] : []),
    ...(record.note === undefined ? [] : [code(record.note, 200)]),
  ].join(' · ');
}

/** What an action does, as the object of "asks to". `records`: how many there are, where that is known. */
export function describeAction(action: TableAction, table: string, records?: string): string {
  const where = code(table, 120);
  const rest = action.continues === undefined ? '' : ` (continues ${code(action.continues, 60)})`;
  if (action.kind === 'flush' && action.recreate) {
    const all = records === undefined ? 'every record' : `all ${sentence(records, 20)} records`;
    return `delete table ${where} with ${all} and create it anew, empty${rest}`;
  }
  if (action.kind === 'flush' && action.scope) {
    const all = records === undefined ? 'the records' : counted(Number(records.replaceAll(',', '')), 'record');
    return `delete ${all} of ${where} that name one of ${counted(action.scope.images, 'image')}, and keep all others${rest}`;
  }
  if (action.kind === 'flush') {
    const all = records === undefined ? 'every record' : `all ${sentence(records, 20)} records`;
    return `delete ${action.failedOnly ? 'the failed-image records' : all} of ${where}${rest}`;
  }
  if (action.kind === 'prune') {
    const inAll = action.backups.reduce((sum, backup) => sum + backup.records, 0);
    const newest = action.keep === 1 ? 'the newest one' : `the newest ${count(action.keep)}`;
    return `permanently delete ${counted(action.backups.length, 'backup')} of ${where} with ${counted(inAll, 'record')} in all, and keep ${newest}${rest}`;
  }
  const backup = `backup ${code(shortBackupId(action.backupId), 80)}`;
  switch (action.mode) {
    case 'rows':
      return `${describeRows(action, backup, where)}${rest}`;
    case 'replace':
      return `make ${where} equal to ${backup}${rest}`;
    case 'merge':
      return `write the records of ${backup} to ${where} and keep all others${rest}`;
  }
}

function describeRows(
  { entries = [], overwrites = [] }: Extract<TableAction, { kind: 'restore' }>,
  backup: string,
  where: string,
): string {
  const overwritten = counted(overwrites.length, 'changed record');
  if (entries.length === 0 && overwrites.length > 0)
    return `overwrite ${overwritten} of ${where} with the version of ${backup}`;
  const restored = `restore ${counted(entries.length, 'record')} of ${backup} to ${where}, each only if nothing has its key`;
  return overwrites.length === 0
    ? restored
    : `${restored}, and overwrite ${overwritten} with the version of the backup`;
}

/** When a backup was made, by its id, epoch ms. */
const madeAt = (backupId: string): number => Number(/^\d{14}(?=-)/.exec(backupId)?.[0] ?? 0);

/** Each backup that an action deletes, or the single records that it restores and the fields that change; none where it does neither. */
export function namedLines(action: TableAction): readonly string[] {
  if (action.kind === 'prune')
    return action.backups.map(
      ({ id, records }) => `• ${code(shortBackupId(id), 80)} · ${dateTime(madeAt(id))} · ${counted(records, 'record')}`,
    );
  if (action.kind !== 'restore' || !action.names || action.names.length === 0) return [];
  const { names, overwrites = [], fields = [] } = action;
  const more = rowsOf(action) - names.length;
  return [
    `${names.map((name) => code(name, 200)).join(', ')}${more > 0 ? `, and ${count(more)} more` : ''}.`,
    ...(fields.length > 0
      ? [
          `Fields that change: ${fields.map(({ name, records }) => `${code(name, 60)} in ${counted(records, 'record')}`).join(', ')}.`,
        ]
      : []),
    ...(overwrites.length > 0
      ? [
          'The version of the table is saved beside the backup first. A record that was edited since this request is left as it is.',
        ]
      : []),
  ];
}

const UNKNOWN = {
  'no-backup': 'there is no earlier backup that was made after the last run over all images',
  unreadable: 'an earlier backup could not be read. The bot’s log has the reason',
  'no-time': 'the profile of this pipeline names no attribute with the time at which the function wrote a record',
} as const;

/** What a flush loses of what people corrected, as far as it can be known. */
export function correctionLines(action: TableAction): readonly string[] {
  if (action.kind !== 'flush' || !action.corrections) return [];
  const { corrections } = action;
  const after = 'After the rescan, `/rescan diff restore` can restore them from the backup of this flush.';
  if (corrections.kind === 'unknown')
    return [`*Corrections by hand* not known: ${UNKNOWN[corrections.because]}. ${after}`];
  const since = `backup ${code(shortBackupId(corrections.since), 80)}`;
  if (corrections.rows === 0)
    return [`*Corrections by hand* none since ${since}: no entry has other values with the same time of writing.`];
  const fields = corrections.fields.map(({ name, records }) => `${code(name, 60)} ${count(records)}`).join(', ');
  return [
    `:warning: *Corrections by hand* ${counted(corrections.rows, 'entry was', 'entries were')} edited since ${since} (${fields}): other values with the same time of writing. A rescan does not bring ${corrections.rows === 1 ? 'it' : 'them'} back. ${after}`,
  ];
}

/** `Cost: about 1,520 write units, as transactions take 2 for each KB of a record.`, and how long a limited table needs at least. */
export function describeWriteCost(records: number, { unitsPerRecord, indexes, unitsPerSecond }: WriteCost): string {
  const units = records * unitsPerRecord;
  const more = indexes === 0 ? '' : `, plus those of ${counted(indexes, 'index', 'indexes')}`;
  const least =
    unitsPerSecond === undefined
      ? ''
      : ` The table is limited to ${count(unitsPerSecond)} write units per second, so it takes at least ${duration((units / unitsPerSecond) * 1000)}.`;
  return `*Cost* about ${counted(units, 'write unit')} (${unitsPerRecord} per record, because transactions cost double${more}).${least}`;
}

/** What `flush recreate` costs besides the records, and what is not kept. */
export const describeRecreation = (
  { losses, indexes }: RecreationFacts,
  recovery: PointInTimeRecovery,
): readonly string[] => [
  '*Recreates* the table: deletes it and creates it anew, empty, with its keys, indexes, billing, auto scaling, stream, encryption, tags, TTL, point-in-time recovery, resource policy, contributor insights and deletion protection. Afterwards the bot compares the new table with the old description.',
  `*Unavailable* The table does not exist for about a minute. Uploads in that time fail in the function: Lambda repeats them twice, then they go to the dead-letter queue or are dropped. Their images stay in S3, and the rescan processes them.`,
  recovery === 'on'
    ? '*Safeguard* Point-in-time recovery is on, so DynamoDB makes a system backup at the deletion and keeps it for 35 days. What is written between the last comparison and the deletion is only in that backup.'
    : '*Safeguard* Point-in-time recovery is off, so the bot makes a native backup right before the deletion. What is written in the seconds between that backup and the deletion is lost. Turn point-in-time recovery on first to avoid that.',
  ...(indexes === 0 ? [] : [`*Indexes* ${counted(indexes, 'index', 'indexes')} are rebuilt as records are written.`]),
  ...losses.map((loss) => `:warning: ${sentence(loss, 400)}`),
];

/** What else sees the deletions and writes of a job; empty where nothing does. `records`: how many there are. */
export function consumerLines(
  { hasStream, replicas }: Pick<TableNow, 'hasStream' | 'replicas'>,
  records: number,
  verb: 'deletions' | 'writes',
): readonly string[] {
  if (!hasStream && replicas === 0) return [];
  const has = [
    ...(hasStream ? ['a stream'] : []),
    ...(replicas > 0 ? [counted(replicas, 'replica in another region', 'replicas in other regions')] : []),
  ].join(' and ');
  return [`:warning: *The table has ${has}*, so consumers see ${count(records)} ${verb}.`];
}

export function describeRecovery(recovery: PointInTimeRecovery): string {
  switch (recovery) {
    case 'on':
      return 'Point-in-time recovery is on.';
    case 'off':
      return 'Point-in-time recovery is off.';
    case 'unknown':
      return 'The bot could not read whether point-in-time recovery is on.';
  }
}

/** The work of a job, after an article: `flush`, `deletion of backups`. */
export const workName = ({ work }: TableJob): string => {
  if (work.kind !== 'backup') return actionName(work.kind);
  return work.export ? 'export' : 'backup';
};

export const jobName = (job: TableJob): string => `The ${workName(job)}`;

/** Why a backup is kept, as the end of a sentence. */
export const describeSpared = (because: SpareReason | 'newest'): string => SPARED[because];
const SPARED: Readonly<Record<SpareReason | 'newest', string>> = {
  newest: 'it is one of the newest, which stay',
  checklist: 'the open checklist relies on it',
  'in-use': 'a request or a job needs it',
  'most-records': 'no other backup has more records',
  'last-verified': 'it is the last verified one',
  named: 'a flush or restore used it in the last 30 days',
  safety: 'it is the safety backup of a restore of the last 30 days',
};

/** An approved action as people call it: `flush`, `deletion of backups`. */
export const actionName = (action: ApprovedAction): string => (action === 'prune' ? 'deletion of backups' : action);

/** What a stage does, and whether `done` and `total` count what it does. */
const STAGES: Readonly<Record<JobStage, readonly [text: string, counts: boolean]>> = {
  reading: ['reading the table', true],
  exporting: ['DynamoDB copies the table to S3', false],
  sampling: ['checking the export: its manifests, its files and a sample of its records', false],
  verifying: ['reading the backup back from S3', true],
  comparing: ['comparing the table with the backup', true],
  deleting: ['deleting records', true],
  rehearsing: ['creating an empty table of the same description under another name, to see that it works', false],
  safeguarding: ['making sure that DynamoDB keeps a backup of the table', false],
  recreating: ['deleting the table and creating it anew', false],
  leftovers: ['deleting records that were added or changed since the backup', false],
  counting: ['counting the records that are left', false],
  checking: ['reading the backup back from S3', false],
  'safety-backup': ['making a safety backup of the table', false],
  writing: ['writing records', true],
  removing: ['removing records that are not in the backup', true],
  pruning: ['deleting backups with their records', true],
  proving: ['checking the result by reading the whole table', false],
};

export const describeStage = (stage: JobStage): string => STAGES[stage][0];

/** Whether a bar can show how far this stage is. */
export const hasBar = ({ stage, total }: JobProgress): boolean => STAGES[stage][1] && total > 0;

/** `1,200 of about 4,187 records · 3.1 MB · 600 per second · about 5 s left`; in a stage that counts nothing, its time. */
export function describeProgress(progress: JobProgress): string {
  const { done, total, isApproximate, perSecond, stage, stageMs } = progress;
  const counts = STAGES[stage][1];
  const of = total > 0 ? ` of ${isApproximate ? 'about ' : ''}${count(total)}` : '';
  const left = perSecond !== undefined && total > done ? ((total - done) / perSecond) * 1000 : undefined;
  return [
    ...(counts || done > 0 ? [`${count(done)}${of} records${counts ? '' : ' so far'}`] : []),
    ...(counts ? [] : [`${duration(stageMs)} in this step`]),
    ...(progress.bytes === undefined ? [] : [bytes(progress.bytes)]),
    ...(counts && perSecond !== undefined ? [`${count(perSecond)} per second`] : []),
    ...(counts && left !== undefined ? [`${aboutDuration(left)} left`] : []),
    ...(progress.supplemented ? [`${count(progress.supplemented)} changed since the backup (saved first)`] : []),
  ].join(' · ');
}

/** Files beside a backup that a restore leaves out, and why. Nothing where there are none. */
export const leftOutLines = (files = 0): readonly string[] =>
  files === 0
    ? []
    : [
        `:warning: Not included: ${counted(files, 'file')} in \`supplement/\` beside the backup without a checksum. Either the bot stopped while it wrote the file, and deleted nothing because of it; or somebody deleted the checksum, and the restore does not write the records of the file.`,
      ];
