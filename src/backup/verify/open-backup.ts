import { defined } from '../../lib/defined.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { changeEntry, findEntry } from '../catalogue/catalogue.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { BackupDamagedError, BackupNotVerifiedError } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { type CatalogueEntry, type ExportRecord, isUnread } from '../format/export-record.ts';
import { kindRulesOf } from '../format/kind-rules.ts';
import { type ReadBackOptions, readContents, verifyBackup } from './verify.ts';

/** What surrounds the item in a line of an export: `{"Item":`, `}` and the end of the line. */
const AROUND_ITEM = 10;

/** `profile`: by its rules the kinds of the records are counted. */
type Options = Pick<ReadBackOptions, 'signal' | 'onProgress'> & { readonly profile: Profile };

/**
 * Reads an export of DynamoDB in full, and notes in the catalogue what it holds: from then on it is a backup like one of ours, with
 * its digest and its counts by kind. Each file has the MD5 and the number of items of DynamoDB's manifest then.
 * @returns the backup; the export with the reason where it is not whole. @throws as `verifyBackup`
 */
async function readExport(
  location: BackupLocation,
  exported: ExportRecord,
  now: () => number,
  options: Options,
): Promise<CatalogueEntry> {
  const plainBytes = new Map<string, number>();
  try {
    const { digest, counts } = await readContents(location, exported, {
      ...options,
      visit({ json }, _hash, fileKey) {
        plainBytes.set(fileKey, (plainBytes.get(fileKey) ?? 0) + Buffer.byteLength(json) + AROUND_ITEM);
      },
    });
    const { id, purpose, table, exportArn, startedAt, endedAt, by, note, jobId } = exported;
    const record: BackupRecord = {
      format: 'rescan-backup/1',
      ...{ id, purpose, table, exportArn, startedAt, endedAt, by, digest, counts },
      ...defined({ note, jobId, kindRules: kindRulesOf(options.profile) }),
      files: exported.files.map((file) => ({ ...file, plainBytes: plainBytes.get(file.key) ?? 0 })),
      verification: { kind: 'verified', at: now() },
    };
    return changeEntry(location, id, (current) => (isUnread(current) ? record : current));
  } catch (error) {
    if (!(error instanceof BackupDamagedError)) throw error;
    const { reason, objectKey } = error;
    const verification = { kind: 'unverified', reason, objectKey } as const;
    return changeEntry(location, exported.id, (current) => ({ ...current, verification }));
  }
}

/** Reads a backup or an export back in full and notes the result in the catalogue. @throws as `verifyBackup` */
export const verifyEntry = (
  location: BackupLocation,
  entry: CatalogueEntry,
  now: () => number,
  options: Options,
): Promise<CatalogueEntry> =>
  isUnread(entry) ? readExport(location, entry, now, options) : verifyBackup(location, entry, now, options);

/**
 * A backup whose records are needed. An export that was only checked by a sample is read in full first, so that its digest is known
 * to whoever approves, and nothing is deleted that the bot has not read from S3.
 * @throws BackupNotFoundError; BackupNotVerifiedError where an export is not whole; as `verifyBackup`
 */
export async function openBackup(
  location: BackupLocation,
  backupId: string,
  now: () => number,
  options: Options,
): Promise<BackupRecord> {
  const entry = await findEntry(location, backupId);
  if (!isUnread(entry)) return entry;
  if (entry.verification.kind === 'unverified') throw new BackupNotVerifiedError(entry.id, entry.verification.reason);
  const read = await readExport(location, entry, now, options);
  if (!isUnread(read)) return read;
  throw new BackupNotVerifiedError(
    read.id,
    read.verification.kind === 'unverified' ? read.verification.reason : 'it could not be read in full',
  );
}
