import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type Item, isItem } from '../../pipeline/table/item.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { BackupDamagedError } from '../errors.ts';
import type { DataFile } from '../format/backup-record.ts';

/** An item of a backup, and its JSON as the file has it. */
export interface StoredItem {
  readonly item: Item;
  readonly json: string;
}

const LINE_START = '{"Item":';

/** @throws Error that says what is wrong with the line. */
export function parseLine(line: string): StoredItem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (cause) {
    throw new Error('is not JSON', { cause });
  }
  const item = typeof parsed === 'object' && parsed !== null && 'Item' in parsed ? parsed.Item : undefined;
  if (!isItem(item)) throw new Error('has no item');
  const isPlain = line.startsWith(LINE_START) && Object.keys(parsed ?? {}).length === 1;
  return { item, json: isPlain ? line.slice(LINE_START.length, line.trimEnd().length - 1) : JSON.stringify(item) };
}

type StoredFile = Pick<DataFile, 'key' | 'items' | 'md5'>;

/**
 * Reads one data file and compares its MD5 with the one on record: then it is byte for byte what was read back when the backup was
 * verified. @throws BackupDamagedError that names the object; the network's error; `signal.reason`.
 */
export async function checkDataFile(
  location: BackupLocation,
  backupId: string,
  file: StoredFile,
  signal?: AbortSignal,
): Promise<void> {
  const damaged = (reason: string, cause?: unknown) => new BackupDamagedError(backupId, file.key, reason, cause);
  const body = await openObject(location, file.key, damaged, signal);
  const md5 = createHash('md5');
  for await (const chunk of body) {
    signal?.throwIfAborted();
    md5.update(chunk);
  }
  if (md5.digest('base64') !== file.md5) throw damaged(OTHER_MD5);
}

const OTHER_MD5 = 'its MD5 is not the one on record';

/**
 * The lines of one data file, a few hundred at a time, unzipped as they come. When the iteration ends, the file was whole: its
 * MD5 and its number of items are those of the record.
 * @throws BackupDamagedError that names the object; the network's error; `signal.reason`.
 */
export async function* readLines(
  location: BackupLocation,
  backupId: string,
  file: StoredFile,
  signal?: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const damaged = (reason: string, cause?: unknown) => new BackupDamagedError(backupId, file.key, reason, cause);
  const body = await openObject(location, file.key, damaged, signal);
  const md5 = createHash('md5');
  const summing = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      md5.update(chunk);
      yield chunk;
    }
  };
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  let failure: unknown;
  const flowing = pipeline(body, summing, gunzip, signal ? { signal } : {}).catch((error: unknown) => {
    failure = error;
  });
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let count = 0;
  try {
    for await (const chunk of gunzip) {
      signal?.throwIfAborted();
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      count += lines.length;
      if (lines.length > 0) yield lines;
    }
    rest += decoder.end();
    if (rest !== '') {
      count += 1;
      yield [rest];
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isZlibError(error)) throw damaged(`it cannot be unzipped (${error.code})`, error);
    throw error;
  } finally {
    gunzip.destroy();
  }
  await flowing;
  if (failure !== undefined) throw failure;
  if (md5.digest('base64') !== file.md5) throw damaged(OTHER_MD5);
  if (count !== file.items) throw damaged(`it has ${count} items, not ${file.items}`);
}

/**
 * The items of one data file, a few hundred at a time; it reads as `readLines` does.
 * @throws BackupDamagedError that names the object, and the line where there is one; what `readLines` throws.
 */
export async function* readDataFile(
  location: BackupLocation,
  backupId: string,
  file: StoredFile,
  signal?: AbortSignal,
): AsyncGenerator<readonly StoredItem[]> {
  let number = 0;
  for await (const lines of readLines(location, backupId, file, signal))
    yield lines.map((line) => {
      number += 1;
      try {
        return parseLine(line);
      } catch (error) {
        const reason = `line ${number} ${error instanceof Error ? error.message : String(error)}`;
        throw new BackupDamagedError(backupId, file.key, reason, error);
      }
    });
}

async function openObject(
  location: BackupLocation,
  key: string,
  damaged: (reason: string, cause?: unknown) => BackupDamagedError,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  try {
    const command = new GetObjectCommand({ Bucket: location.bucket, Key: key });
    const answer = await location.s3.send(command, signal && { abortSignal: signal });
    if (answer.Body instanceof Readable) return answer.Body;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && error.name === 'NoSuchKey') throw damaged('it does not exist any more', error);
    throw error;
  }
  throw damaged('it has no content');
}

const isZlibError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
