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
 * The supplement of a backup: versions that were not in the backup and were saved before they were replaced or deleted. A
 * restore takes them as part of the backup. `supplement/<time>-<random>.json.gz` has lines as the data files have.
 * `….digest.json` beside it says what it must hold and is written last: without it the file is unfinished, and nothing was
 * deleted because of it. Of several versions of one record the one in the last file counts; each file is therefore named to
 * sort after those that are there, even when the clock of another process is ahead.
 */

const digestFileSchema = z.object({
  items: z.int().min(1),
  sum: z.string(),
  md5: z.string(),
});

const timeName = (time: number) => String(time).padStart(14, '0');
/**
 * The folders beside the data of a backup. `replaced` has versions that a restore of single records replaced: they are kept to be
 * looked up, but a restore of the backup does not take them, because the versions of the backup were chosen over them.
 */
export type SupplementFolder = 'supplement' | 'replaced';
const supplementFolder = (location: BackupLocation, backupId: string, name: SupplementFolder = 'supplement') =>
  `${folderOf(location.prefix, backupId)}${name}/`;

export interface SupplementPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Throws when this process may not write any more. */
  readonly mayWrite?: () => void;
  readonly signal?: AbortSignal | undefined;
  /** `supplement` when absent. */
  readonly folder?: SupplementFolder;
}

/**
 * Saves items into the supplement of a backup. When it resolves they are in S3, were read back and have an equal digest.
 * `mayWrite` is asked before the file is written, and again before its digest makes it count: a process that stood still in
 * between may have a name that sorts after the versions of its successor.
 * @throws BackupDamagedError when something else was read back; BackupLocationError; what `mayWrite` throws; `signal.reason`; the
 * SDK's error.
 */
export async function saveToSupplement(
  location: BackupLocation,
  backupId: string,
  items: readonly Item[],
  { clock, random, mayWrite = () => {}, signal, folder: folderName }: SupplementPorts,
): Promise<void> {
  if (items.length === 0) return;
  const folder = supplementFolder(location, backupId, folderName);
  let time = Math.floor(clock.now());
  for await (const existing of listKeys(location, folder, `${folder}${timeName(time)}`)) {
    const [, digits] = /^(\d{14})-/.exec(existing.slice(folder.length)) ?? [];
    if (digits !== undefined) time = Math.max(time, Number(digits) + 1);
  }
  const key = `${folder}${timeName(time)}-${Math.floor(random() * 2 ** 32).toString(16)}.json.gz`;
  const body = gzipSync(items.map((item) => `{"Item":${JSON.stringify(item)}}\n`).join(''), { level: 3 });
  const md5 = createHash('md5').update(body).digest('base64');
  const written = createDigestSum();
  for (const item of items) written.addItem(item);
  mayWrite();
  await writeObject(location, key, body, signal);
  const found = createDigestSum();
  for await (const batch of readDataFile(location, backupId, { key, items: items.length, md5 }, signal))
    for (const stored of batch) found.addItem(stored.item);
  if (!sameDigest(written.digest(), found.digest()))
    throw new BackupDamagedError(backupId, key, 'what was read back is not what was written');
  mayWrite();
  await writeObject(location, `${key}.digest.json`, JSON.stringify({ ...written.digest(), md5 }), signal);
}

export interface SupplementWriter {
  /** Saves versions as `saveToSupplement` does. @throws what it throws, and what `mayWrite` throws. */
  save(versions: readonly Item[]): Promise<void>;
  /** Versions saved so far. */
  saved(): number;
}

/**
 * Saves versions that many callers find side by side: those that come while a file is being written go into the next one
 * together. `mayWrite` is asked before each file and after it, so that its caller may write to the table right away. The
 * attribute names of the versions are added to `attributeNames`: conditions cover them from then on.
 */
export function createSupplementWriter(
  location: BackupLocation,
  backupId: string,
  ports: SupplementPorts & { readonly mayWrite: () => void; readonly attributeNames: Set<string> },
): SupplementWriter {
  interface Waiting {
    readonly versions: readonly Item[];
    readonly done: () => void;
    readonly fail: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let isWriting = false;
  let saved = 0;
  const write = async () => {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        ports.mayWrite();
        const versions = batch.flatMap((each) => each.versions);
        await saveToSupplement(location, backupId, versions, ports);
        saved += versions.length;
        ports.mayWrite();
        for (const each of batch) each.done();
      } catch (error) {
        for (const each of batch) each.fail(error);
      }
    }
    isWriting = false;
  };
  return {
    save: (versions) =>
      new Promise((done, fail) => {
        for (const version of versions) for (const name in version) ports.attributeNames.add(name);
        waiting.push({ versions, done, fail });
        if (!isWriting) void write();
      }),
    saved: () => saved,
  };
}

/** The items of a backup's supplements by `keyText`; of several for one key, the one saved last. */
export interface Overlay {
  readonly byKey: ReadonlyMap<string, { readonly stored: StoredItem; readonly itemHash: Buffer }>;
  /** Files without a digest, which are not read: unfinished ones, and those whose digest somebody deleted. */
  readonly leftOut: number;
}

/**
 * Reads the supplements of a backup, each proven by its digest. They are the one part of a backup that is held in memory:
 * FLUSH_MAX_DIFFERENCE and the writes during a flush bound them.
 * @throws BackupDamagedError naming the object; `signal.reason`.
 */
export async function readSupplements(
  location: BackupLocation,
  backupId: string,
  keyOf: KeyOf,
  signal?: AbortSignal,
): Promise<Overlay> {
  const byKey = new Map<string, { stored: StoredItem; itemHash: Buffer }>();
  const folder = supplementFolder(location, backupId);
  let dataFiles = 0;
  let read = 0;
  for await (const digestKey of listKeys(location, folder)) {
    if (digestKey.endsWith('.json.gz')) dataFiles += 1;
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
    read += 1;
  }
  return { byKey, leftOut: Math.max(0, dataFiles - read) };
}
