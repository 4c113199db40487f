import { constants, gunzipSync } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { piecesOf } from '../../lib/async/workers.ts';
import type { Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { sameItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { KEYS_PER_READ, readItems } from '../../pipeline/table/read.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import type { ExportedFile } from '../format/export-record.ts';
import { type KeyOf, keyText } from '../format/item-key.ts';
import { type BackupPorts, backoffOf } from '../ports.ts';
import { parseLine } from '../verify/read-file.ts';

/** Records that are compared, and the most files that they come from. */
export const SAMPLE_RECORDS = 200;
export const SAMPLE_FILES = 20;
/** What is read of each file, from its start: gzip can be unzipped only from there. */
const HEAD_BYTES = 256 * 1024;

export interface Sample {
  readonly sampled: number;
  readonly files: number;
  /** Those that the table has exactly as exported. */
  readonly same: number;
}

/**
 * Compares records of an export with the table as it is now: up to 200, chosen at random from the first 256 KB of up to 20 files that
 * are chosen at random. A file has the items of one partition, whose order has nothing to do with their contents. A record that
 * differs was written or deleted after the time of the export, or the export is not whole: the sample cannot distinguish the two.
 * @throws BackupDamagedError where what was read of a file is no export; the SDK's error; `signal.reason`.
 */
export async function sampleExport(
  ports: Pick<BackupPorts, 'dynamodb' | 'location' | 'clock' | 'random'>,
  request: {
    readonly id: string;
    readonly table: string;
    readonly files: readonly ExportedFile[];
    readonly keyOf: KeyOf;
    readonly signal?: AbortSignal;
  },
): Promise<Sample> {
  const { files: all, keyOf, signal } = request;
  const chosen = pick(all, SAMPLE_FILES, ports.random);
  const exported: Item[] = [];
  const perFile = Math.ceil(SAMPLE_RECORDS / Math.max(1, chosen.length));
  for (const file of chosen) {
    signal?.throwIfAborted();
    exported.push(...pick(await readHead(ports.location, request.id, file, signal), perFile, ports.random));
  }
  const sample = exported.slice(0, SAMPLE_RECORDS);
  let same = 0;
  for (const piece of piecesOf(sample, KEYS_PER_READ)) {
    const options = defined({ signal, backoff: backoffOf(ports) });
    const found = await readItems(ports.dynamodb, request.table, piece.map(keyOf), options);
    const byKey = new Map(found.map((item) => [keyText(keyOf(item)), item]));
    same += piece.filter((item) => sameItem(item, byKey.get(keyText(keyOf(item))))).length;
  }
  return { sampled: sample.length, files: chosen.length, same };
}

/** The items in the first bytes of a data file. */
async function readHead(
  location: BackupLocation,
  id: string,
  file: ExportedFile,
  signal: AbortSignal | undefined,
): Promise<readonly Item[]> {
  const damaged = (reason: string, cause?: unknown) => new BackupDamagedError(id, file.key, reason, cause);
  const command = new GetObjectCommand({
    Bucket: location.bucket,
    Key: file.key,
    Range: `bytes=0-${HEAD_BYTES - 1}`,
  });
  const answer = await location.s3.send(command, signal && { abortSignal: signal });
  const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  const isWhole = bytes.length >= file.bytes;
  try {
    // The end of what was read is in the middle of a block: what comes before it is taken.
    const text = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString('utf8');
    const lines = text.split('\n');
    if (!isWhole || text.endsWith('\n')) lines.pop();
    return lines.map((line) => parseLine(line).item);
  } catch (error) {
    throw damaged('its beginning is not that of an export', error);
  }
}

/** `most` of them in random order. */
function pick<T>(list: readonly T[], most: number, random: Random): readonly T[] {
  const left = [...list];
  const picked: T[] = [];
  while (picked.length < most && left.length > 0) picked.push(...left.splice(Math.floor(random() * left.length), 1));
  return picked;
}
