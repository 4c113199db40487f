import { workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError } from '../errors.ts';
import { type BackupRecord, folderOf, RECORD_NAME, shortBackupId } from '../format/backup-record.ts';
import { type CatalogueEntry, isUnread, parseEntry } from '../format/export-record.ts';
import { type BackupLocation, listFolders, readTagged, readText, replaceObject, writeObject } from './location.ts';

/** The catalogue is the bucket itself: a folder with a `rescan-backup.json` is a backup, and nothing else is. */

/** Writes the record of a backup into the catalogue; replaces an earlier one. */
export const writeRecord = (location: BackupLocation, record: CatalogueEntry): Promise<void> =>
  writeObject(location, `${folderOf(location.prefix, record.id)}${RECORD_NAME}`, JSON.stringify(record, undefined, 2));

/**
 * A backup or an export by its id, or by its short id (see `shortBackupId`).
 * @throws BackupNotFoundError; ZodError when the record has another form; BackupLocationError.
 */
export const findEntry = async (location: BackupLocation, backupId: string): Promise<CatalogueEntry> =>
  (await findTagged(location, backupId)).record;

/**
 * The same, of a backup whose contents are known. @throws as `findEntry`; BackupNotVerifiedError for an export that was not read in
 * full yet (`openBackup` reads it).
 */
export async function findBackup(location: BackupLocation, backupId: string): Promise<BackupRecord> {
  const entry = await findEntry(location, backupId);
  if (isUnread(entry)) throw new BackupNotVerifiedError(entry.id, NOT_READ);
  return entry;
}

const NOT_READ = 'it is an export of DynamoDB that was checked by a sample and not read in full yet';

async function findTagged(
  location: BackupLocation,
  backupId: string,
): Promise<{ readonly record: CatalogueEntry; readonly etag: string }> {
  if (!/^[\w-]+$/.test(backupId)) throw new BackupNotFoundError(backupId);
  const isShort = backupId.startsWith('b-');
  const ids = isShort ? await listFolders(location, `${location.prefix}AWSDynamoDB/`) : [backupId];
  const found = isShort ? ids.filter((id) => shortBackupId(id) === backupId) : ids;
  const [id] = found;
  const stored =
    id === undefined || found.length > 1
      ? undefined
      : await readTagged(location, `${folderOf(location.prefix, id)}${RECORD_NAME}`);
  if (stored === undefined) throw new BackupNotFoundError(backupId);
  return { record: parseEntry(stored.text), etag: stored.etag };
}

/** Changes of one record that others may make at the same time: more than this is a defect. */
const MAX_CHANGES_AT_ONCE = 10;

/**
 * Changes the record of a backup as it is at this moment, and returns it. A backup that was deleted meanwhile does not come
 * back into the catalogue, and a change that was made meanwhile is kept. @throws as `findBackup`
 */
export async function changeRecord(
  location: BackupLocation,
  backupId: string,
  change: (record: BackupRecord) => BackupRecord,
): Promise<BackupRecord> {
  const changed = await changeEntry(location, backupId, (entry) => {
    if (isUnread(entry)) throw new BackupNotVerifiedError(entry.id, NOT_READ);
    return change(entry);
  });
  if (isUnread(changed)) throw new BackupNotVerifiedError(changed.id, NOT_READ);
  return changed;
}

/** The same for a backup or an export. @throws as `findEntry` */
export async function changeEntry(
  location: BackupLocation,
  backupId: string,
  change: (record: CatalogueEntry) => CatalogueEntry,
): Promise<CatalogueEntry> {
  for (let attempt = 1; ; attempt += 1) {
    const { record, etag } = await findTagged(location, backupId);
    const changed = change(record);
    const key = `${folderOf(location.prefix, record.id)}${RECORD_NAME}`;
    if (await replaceObject(location, key, etag, JSON.stringify(changed, undefined, 2))) return changed;
    if (attempt === MAX_CHANGES_AT_ONCE) throw new Error(`The record of backup ${backupId} changes all the time.`);
  }
}

/** Notes in the catalogue which flush of the whole table finished with a backup; with undefined, that it counts no more. */
export async function setUsedBy(
  location: BackupLocation,
  backupId: string,
  usedBy: BackupRecord['usedBy'] | undefined,
): Promise<void> {
  await changeRecord(location, backupId, ({ usedBy: _, ...record }) => ({ ...record, ...defined({ usedBy }) }));
}

const READS_AT_ONCE = 16;

/**
 * All backups and exports, newest first. One whose record cannot be read is reported and left out: it can be neither used nor deleted.
 * @throws BackupLocationError
 */
export async function listBackups(location: BackupLocation): Promise<readonly CatalogueEntry[]> {
  const records: CatalogueEntry[] = [];
  const ids = await listFolders(location, `${location.prefix}AWSDynamoDB/`);
  await workThrough(ids, READS_AT_ONCE, async (id) => {
    const text = await readText(location, `${folderOf(location.prefix, id)}${RECORD_NAME}`);
    if (text === undefined) return;
    try {
      records.push(parseEntry(text));
    } catch (error) {
      location.warn?.(`The record ${RECORD_NAME} of backup ${id} cannot be read. The backup is left out.`, error);
    }
  });
  return records.toSorted((a, b) => b.startedAt - a.startedAt);
}

/** How much the clocks of two machines may differ, ms. */
const CLOCK_DIFFERENCE_MS = 5 * 60_000;

/** Whether a backup has a date that lies ahead: a clock was wrong, so its age is unknown and no flush may rely on it. */
export const isDatedAhead = ({ startedAt }: Pick<BackupRecord, 'startedAt'>, now: number): boolean =>
  startedAt > now + CLOCK_DIFFERENCE_MS;

/** The newest backup of a table that is verified, or an export that was checked; one that is dated ahead only if there is no other; undefined when there is none. */
export const lastVerified = (
  records: readonly CatalogueEntry[],
  tableArn: string,
  now: number,
): CatalogueEntry | undefined =>
  records
    .filter((record) => record.table.arn === tableArn && record.verification.kind !== 'unverified')
    .toSorted((a, b) => Number(isDatedAhead(a, now)) - Number(isDatedAhead(b, now)) || b.startedAt - a.startedAt)[0];

/**
 * Requires that a backup is verified and of this table.
 * @throws BackupOfAnotherTableError, BackupNotVerifiedError
 */
export function requireUsable(record: BackupRecord, tableArn: string): void {
  if (record.table.arn !== tableArn) throw new BackupOfAnotherTableError(record.id, record.table.arn, tableArn);
  if (record.verification.kind === 'unverified')
    throw new BackupNotVerifiedError(record.id, record.verification.reason);
}
