import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { type BackupLocation, listKeys, readText, writeObject } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import { folderOf } from '../format/backup-record.ts';
import { createDigestSum, hashOfItem, sameDigest } from '../format/digest.ts';
import { type KeyOf, keyText } from '../format/item-key.ts';
import { readDataFile, type StoredItem } from '../verify/read-file.ts';

/**
 * What came or changed after a backup and was deleted all the same: saved beside the backup, part of what it restores.
 * `supplement/<time>-<random>.json.gz` holds lines as `data/` does; `….digest.json` beside it says what it must hold, and
 * is written last: without it the file is an unfinished one, and nothing that it holds was deleted. Of one record's versions
 * the last file's counts, so each is named to come after those there, whatever the clock of whoever saves says.
 */

const digestFileSchema = z.object({
  items: z.int().min(1),
  sum: z.string(),
  md5: z.string(),
});

const timeName = (time: number) => String(time).padStart(14, '0');
const folderOfSupplements = (location: BackupLocation, backupId: string) =>
  `${folderOf(location.prefix, backupId)}supplement/`;

/**
 * Saves items into the supplement of a backup. When this resolves they are in S3, read back and equal in digest.
 * @throws BackupDamagedError when what was read back is something else; BackupLocationError; the SDK's error.
 */
export async function saveToSupplement(
  location: BackupLocation,
  backupId: string,
  items: readonly Item[],
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<void> {
  if (items.length === 0) return;
  const folder = folderOfSupplements(location, backupId);
  let time = Math.floor(clock.now());
  // Another machine's clock may be ahead of this one, and what it saved before is older all the same.
  for await (const there of listKeys(location, folder, `${folder}${timeName(time)}`)) {
    const [, digits] = /^(\d{14})-/.exec(there.slice(folder.length)) ?? [];
    if (digits !== undefined) time = Math.max(time, Number(digits) + 1);
  }
  const key = `${folder}${timeName(time)}-${Math.floor(random() * 2 ** 32).toString(16)}.json.gz`;
  const body = gzipSync(items.map((item) => `{"Item":${JSON.stringify(item)}}\n`).join(''), { level: 3 });
  const md5 = createHash('md5').update(body).digest('base64');
  const wanted = createDigestSum();
  for (const item of items) wanted.addItem(item);
  await writeObject(location, key, body);
  const found = createDigestSum();
  for await (const batch of readDataFile(location, backupId, { key, items: items.length, md5 }))
    for (const stored of batch) found.addItem(stored.item);
  if (!sameDigest(wanted.digest(), found.digest()))
    throw new BackupDamagedError(backupId, key, 'read back, it is not what was written');
  await writeObject(location, `${key}.digest.json`, JSON.stringify({ ...wanted.digest(), md5 }));
}

/** The items of a backup's supplements by key: of several for one key, the one saved last. */
export interface Overlay {
  readonly byKey: ReadonlyMap<string, { readonly stored: StoredItem; readonly itemHash: Buffer }>;
}

/**
 * What the supplements of a backup hold, whole and proven. A flush keeps them small (FLUSH_MAX_DIFFERENCE, and what writers
 * put while it ran); they are the one part of a backup that is held in memory.
 * @throws BackupDamagedError naming the object.
 */
export async function readSupplements(
  location: BackupLocation,
  backupId: string,
  keyOf: KeyOf,
  signal?: AbortSignal,
): Promise<Overlay> {
  const byKey = new Map<string, { stored: StoredItem; itemHash: Buffer }>();
  const folder = folderOfSupplements(location, backupId);
  for await (const digestKey of listKeys(location, folder)) {
    if (!digestKey.endsWith('.digest.json')) continue;
    const key = digestKey.slice(0, -'.digest.json'.length);
    const wanted = digestFileSchema.parse(JSON.parse((await readText(location, digestKey)) ?? 'null'));
    const found = createDigestSum();
    for await (const batch of readDataFile(location, backupId, { key, items: wanted.items, md5: wanted.md5 }, signal))
      for (const stored of batch) {
        const itemHash = hashOfItem(stored.item);
        found.addHash(itemHash);
        byKey.set(keyText(keyOf(stored.item)), { stored, itemHash });
      }
    if (!sameDigest(found.digest(), { items: wanted.items, sum: wanted.sum }))
      throw new BackupDamagedError(backupId, key, 'its digest is not the one on record');
  }
  return { byKey };
}
