import { shortBackupId, storedBytes } from '../../../backup/format/backup-record.ts';
import { type CatalogueEntry, type ExportRecord, isExport, isUnread } from '../../../backup/format/export-record.ts';
import { code, mention } from '../kit/escape.ts';
import { bytes, count, counted, duration } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { backupLine, backupName, dateTime, describeCounts, shortChecksum } from './describe-table.ts';

const verifyCommand = ({ id }: CatalogueEntry): string => code(`/rescan backups verify ${shortBackupId(id)}`, 120);

/** What a backup or an export that was just made holds, what is proven of it, and what is not. */
export function backupDoneMessage(
  entry: CatalogueEntry,
  versioning: 'on' | 'off' | 'unknown',
  elapsedMs: number,
): Message {
  const { verification } = entry;
  if (verification.kind === 'unverified')
    return compose({
      fact: `:x: ${backupName(entry.id)} was written but could not be verified: ${code(verification.reason, 200)}.`,
      lines: [
        'Do not rely on it. `/rescan backup` makes a new one.',
        ...(verification.objectKey === undefined ? [] : [`The object: ${code(verification.objectKey, 300)}`]),
        ...(isUnread(entry)
          ? [
              `Records of the sample that differ were written or deleted since ${dateTime(entry.startedAt)}, or the export is not whole. ${verifyCommand(entry)} reads it in full, which tells.`,
            ]
          : []),
      ],
    });
  const size = `${counted(entry.counts.total, 'record')}, ${bytes(storedBytes(entry))} in S3`;
  const took = `in ${duration(elapsedMs)}`;
  return compose({
    fact: isUnread(entry)
      ? `${backupName(entry.id)} is done and checked by a sample: DynamoDB exported ${size}, ${took}.`
      : `${backupName(entry.id)} is done and verified: ${size}, ${took}.`,
    lines: [
      ...(isUnread(entry)
        ? exportLines(entry)
        : [
            `Verified: read back from S3, checksum ${shortChecksum(entry.digest.sum)} matches.`,
            describeCounts(entry.counts),
          ]),
      ...(entry.note === undefined ? [] : [`Note: ${code(entry.note, 300)}`]),
      ...(versioning === 'off'
        ? [
            ':warning: Versioning of the bucket is off, so objects that are overwritten or deleted there cannot be recovered.',
          ]
        : []),
      `Requested by ${mention(entry.by)}.`,
    ],
  });
}

function exportLines(entry: ExportRecord): readonly string[] {
  const { verification, files, counts } = entry;
  if (verification.kind !== 'sampled') return [];
  const { sampled, same } = verification;
  const differing = sampled - same;
  const found =
    differing === 0
      ? 'the table has each of them as exported'
      : `the table has ${count(same)} of them as exported. The other ${count(differing)} were written or deleted after the time of the export, or the export has an error: a sample cannot tell which`;
  const isAll = sampled === counts.total;
  return [
    `It has the table as it was at ${dateTime(entry.startedAt)}.`,
    `Checked: the checksums of DynamoDB’s manifests, its count of records, and ETag and size of ${counted(files.length, 'file')}. Of ${counted(counts.total, 'record')}, ${isAll ? 'all' : `${count(sampled)} chosen at random from ${counted(verification.files, 'file')}`} were compared with the table: ${found}.`,
    `Not checked: ${isAll ? '' : 'every other record, and '}the MD5 of the files. The bot has no checksum of its own until it reads every record: ${verifyCommand(entry)} does that, and so does a flush, a restore or a comparison before it begins.`,
  ];
}

/** What reading a backup back has shown. */
export function verifiedMessage(entry: CatalogueEntry): Message {
  const { verification, counts } = entry;
  if (verification.kind === 'unverified')
    return say(
      `${backupName(entry.id)} is *not* whole: ${code(verification.reason, 200)}.`,
      ...(verification.objectKey === undefined ? [] : [`The object: ${code(verification.objectKey, 300)}`]),
      backupLine(entry),
    );
  const read = `${backupName(entry.id)} is whole: ${count(counts.total)} records were read back`;
  if (isUnread(entry) || !isExport(entry)) return say(`${read}, and checksum and counts match.`);
  return say(
    `${read}, and the MD5 and the count of each file are those of DynamoDB’s manifest.`,
    `Its checksum ${shortChecksum(entry.digest.sum)} is stored. A later read compares with it.`,
  );
}
