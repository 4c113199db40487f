import pLimit from 'p-limit';
import { countsOf, emptyTally, kindOfRecord } from '../../pipeline/table/records.ts';
import { keyNamesOf } from '../../pipeline/table/table.ts';
import { writeRecord } from '../catalogue/catalogue.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import { type BackupRecord, folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { createDigestSum, hashOfItem, sameDigest } from '../format/digest.ts';
import { readDataFile, type StoredItem } from './read-file.ts';

/** How many objects of a backup are read side by side. */
export const FILES_AT_ONCE = 4;

export interface ReadBackOptions {
  readonly signal?: AbortSignal;
  /** Sees every item with its hash; the reading waits for it. */
  readonly visit?: (stored: StoredItem, itemHash: Buffer) => void;
  /** Waited for after each few hundred items. */
  readonly flushIfLarge?: () => Promise<void>;
  /** Items read so far. */
  readonly onProgress?: (items: number) => void;
}

/**
 * Reads the whole backup from S3, unzips, parses, adds up. When it resolves, digest and counts by kind equal the record's.
 * @throws BackupDamagedError naming the object (or the record, where all objects are whole and their sum is not); `signal.reason`.
 */
export async function readBack(
  location: BackupLocation,
  record: BackupRecord,
  options: ReadBackOptions = {},
): Promise<void> {
  const sum = createDigestSum();
  const tally = emptyTally();
  const keys = keyNamesOf(record.table);
  const limit = pLimit(FILES_AT_ONCE);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const readFile = async (file: BackupRecord['files'][number]) => {
    for await (const batch of readDataFile(location, record.id, file, signal)) {
      for (const stored of batch) {
        const itemHash = hashOfItem(stored.item);
        sum.addHash(itemHash);
        tally[kindOfRecord(stored.item, keys)] += 1;
        options.visit?.(stored, itemHash);
      }
      options.onProgress?.(sum.items());
      await options.flushIfLarge?.();
    }
  };
  await Promise.all(
    record.files.map((file) =>
      limit(() =>
        readFile(file).catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
      ),
    ),
  );
  const digest = sum.digest();
  const counts = countsOf(tally);
  const recordKey = `${folderOf(location.prefix, record.id)}${RECORD_NAME}`;
  if (!sameDigest(digest, record.digest))
    throw new BackupDamagedError(
      record.id,
      recordKey,
      `the digest of its data is ${digest.sum} over ${digest.items} items, not ${record.digest.sum} over ${record.digest.items}`,
    );
  if (JSON.stringify(counts) !== JSON.stringify(countsOf(record.counts)))
    throw new BackupDamagedError(record.id, recordKey, 'its counts by kind are not those of its data');
}

/**
 * Reads a backup back and writes what came of it into the catalogue: `verified`, or `unverified` with the reason.
 * @returns the record as it is now. @throws what is no statement about the backup: the network's error, `signal.reason`.
 */
export async function verifyBackup(
  location: BackupLocation,
  record: BackupRecord,
  now: () => number,
  options: Omit<ReadBackOptions, 'visit' | 'flushIfLarge'> = {},
): Promise<BackupRecord> {
  let verification: BackupRecord['verification'];
  try {
    await readBack(location, record, options);
    verification = { kind: 'verified', at: now() };
  } catch (error) {
    if (!(error instanceof BackupDamagedError)) throw error;
    verification = { kind: 'unverified', reason: error.reason, objectKey: error.objectKey };
  }
  const settled = { ...record, verification };
  await writeRecord(location, settled);
  return settled;
}
