import { workThrough } from '../../lib/async/workers.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { countsOf, emptyTally, kindOfRecord } from '../../pipeline/table/records.ts';
import { shapeOf } from '../../pipeline/table/table.ts';
import { changeRecord } from '../catalogue/catalogue.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import { type BackupRecord, folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { createDigestSum, hashOfItem, sameDigest } from '../format/digest.ts';
import type { CatalogueEntry } from '../format/export-record.ts';
import { kindRulesOf } from '../format/kind-rules.ts';
import { checkDataFile, readDataFile, type StoredItem } from './read-file.ts';

const FILES_AT_ONCE = 4;

export interface ReadBackOptions {
  readonly signal?: AbortSignal;
  /** Counts the records by its rules, and checks the counts on record, unless these were made by other rules. */
  readonly profile?: Profile;
  /** Called for every item, with its hash, the key of its data file and its number there, from 0. */
  readonly visit?: (stored: StoredItem, itemHash: Buffer, fileKey: string, index: number) => void;
  /** Waited for after every few hundred items. */
  readonly flushIfLarge?: () => Promise<void>;
  /** Items read so far. */
  readonly onProgress?: (items: number) => void;
}

/** What a backup turned out to hold. */
export type Contents = Pick<BackupRecord, 'digest' | 'counts'>;

/**
 * Reads every data file. When it resolves, the MD5 of each and its number of items are those on record. The kinds of its records are
 * counted by the rules of the `profile`; without one every record counts as an entry.
 * @throws BackupDamagedError naming the object; `signal.reason`.
 */
export async function readContents(
  location: BackupLocation,
  record: CatalogueEntry,
  options: ReadBackOptions = {},
): Promise<Contents> {
  const sum = createDigestSum();
  const tally = emptyTally();
  const { profile } = options;
  const shape = profile && shapeOf(record.table, profile);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const readFile = async (file: CatalogueEntry['files'][number]) => {
    let index = 0;
    for await (const batch of readDataFile(location, record.id, file, signal)) {
      for (const stored of batch) {
        const itemHash = hashOfItem(stored.item);
        sum.addHash(itemHash);
        tally[shape ? kindOfRecord(stored.item, shape) : 'entry'] += 1;
        options.visit?.(stored, itemHash, file.key, index);
        index += 1;
      }
      options.onProgress?.(sum.items());
      await options.flushIfLarge?.();
    }
  };
  const readOrStopAll = (file: CatalogueEntry['files'][number]) =>
    readFile(file).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  await workThrough<CatalogueEntry['files'][number]>(record.files, FILES_AT_ONCE, readOrStopAll);
  return { digest: sum.digest(), counts: countsOf(tally) };
}

/**
 * Reads the whole backup from S3. When it resolves, its digest equals that of the record; with a `profile` also its counts by kind.
 * @throws BackupDamagedError naming the object (or the record, where every object is whole but their sum differs);
 * `signal.reason`.
 */
export async function readBack(
  location: BackupLocation,
  record: BackupRecord,
  options: ReadBackOptions = {},
): Promise<void> {
  const { digest, counts } = await readContents(location, record, options);
  const recordKey = `${folderOf(location.prefix, record.id)}${RECORD_NAME}`;
  if (!sameDigest(digest, record.digest))
    throw new BackupDamagedError(
      record.id,
      recordKey,
      `the digest of its data is ${digest.sum} over ${digest.items} items, not ${record.digest.sum} over ${record.digest.items}`,
    );
  const { profile } = options;
  const hasSameRules = profile !== undefined && record.kindRules === kindRulesOf(profile);
  if (hasSameRules && JSON.stringify(counts) !== JSON.stringify(countsOf(record.counts)))
    throw new BackupDamagedError(record.id, recordKey, 'its counts by kind are not those of its data');
}

/** Checks the MD5 of every data file. @throws BackupDamagedError naming the object; `signal.reason`; the SDK's error. */
export const checkFiles = (location: BackupLocation, record: BackupRecord, signal?: AbortSignal): Promise<void> =>
  workThrough(record.files, FILES_AT_ONCE, (file) => checkDataFile(location, record.id, file, signal), signal);

/**
 * Reads a backup back and writes the result into the catalogue: `verified`, or `unverified` with the reason.
 * @returns the new record. @throws BackupNotFoundError when the backup was deleted meanwhile; when it could not be read for
 * another reason: the SDK's error, `signal.reason`.
 */
export async function verifyBackup(
  location: BackupLocation,
  record: BackupRecord,
  now: () => number,
  options: Omit<ReadBackOptions, 'flushIfLarge'> & { readonly profile: Profile },
): Promise<BackupRecord> {
  let verification: BackupRecord['verification'];
  try {
    await readBack(location, record, options);
    verification = { kind: 'verified', at: now() };
  } catch (error) {
    if (!(error instanceof BackupDamagedError)) throw error;
    verification = { kind: 'unverified', reason: error.reason, objectKey: error.objectKey };
  }
  return changeRecord(location, record.id, (current) => ({ ...current, verification }));
}
