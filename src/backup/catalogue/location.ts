import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Logger } from '../../lib/log.ts';
import type { Warn } from '../../lib/warn-once.ts';
import { BackupLocationError } from '../errors.ts';

/** Where the backups are. `prefix` is empty or ends in `/`. */
export interface BackupLocation {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** Hears of backups whose record cannot be read. */
  readonly warn?: Warn;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
const isMissingObject = (error: unknown) => ['NoSuchKey', 'NotFound'].includes(nameOf(error));

const locationError = (location: BackupLocation, error: unknown): unknown =>
  nameOf(error) === 'NoSuchBucket'
    ? new BackupLocationError(location.bucket, 'missing', error)
    : ['AccessDenied', 'Forbidden', 'AllAccessDisabled', 'InvalidBucketState'].includes(nameOf(error))
      ? new BackupLocationError(location.bucket, 'not-writable', error)
      : error;

/** The text of a small object; undefined when there is none. @throws BackupLocationError, or the SDK's error. */
export const readText = async (location: BackupLocation, key: string): Promise<string | undefined> =>
  (await readTagged(location, key))?.text;

/** The same with the ETag of what was read, for `replaceObject`. */
export async function readTagged(
  location: BackupLocation,
  key: string,
): Promise<{ readonly text: string; readonly etag: string } | undefined> {
  try {
    const answer = await location.s3.send(new GetObjectCommand({ Bucket: location.bucket, Key: key }));
    return { text: (await answer.Body?.transformToString('utf8')) ?? '', etag: answer.ETag ?? '' };
  } catch (error) {
    if (isMissingObject(error)) return undefined;
    throw locationError(location, error);
  }
}

/**
 * Writes a small object; it is durable when the promise resolves.
 * @throws BackupLocationError, the SDK's error, `signal.reason` (the object may be written then).
 */
export async function writeObject(
  location: BackupLocation,
  key: string,
  body: string | Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(body);
  const type = key.endsWith('.gz') ? 'application/gzip' : 'application/json';
  await location.s3
    .send(
      new PutObjectCommand({
        Bucket: location.bucket,
        Key: key,
        Body: bytes,
        ContentLength: bytes.length,
        ContentType: type,
      }),
      signal && { abortSignal: signal },
    )
    .catch((error: unknown) => {
      signal?.throwIfAborted();
      throw locationError(location, error);
    });
}

/**
 * Overwrites a small object that still has this ETag. False, and nothing is written, where it was overwritten or deleted.
 * @throws BackupLocationError, the SDK's error.
 */
export async function replaceObject(
  location: BackupLocation,
  key: string,
  etag: string,
  body: string,
): Promise<boolean> {
  const input = { Bucket: location.bucket, Key: key, Body: body, ContentType: 'application/json', IfMatch: etag };
  try {
    await location.s3.send(new PutObjectCommand(input));
    return true;
  } catch (error) {
    // 409: another write of the object is in progress.
    if (['PreconditionFailed', 'ConditionalRequestConflict'].includes(nameOf(error)) || isMissingObject(error))
      return false;
    throw locationError(location, error);
  }
}

/** The keys that start with `prefix` (and sort after `after`), in S3's order. @throws BackupLocationError, or the SDK's error. */
export async function* listKeys(location: BackupLocation, prefix: string, after?: string): AsyncGenerator<string> {
  const input = { Bucket: location.bucket, Prefix: prefix, ...(after !== undefined && { StartAfter: after }) };
  try {
    for await (const page of paginateListObjectsV2({ client: location.s3 }, input))
      for (const object of page.Contents ?? []) if (object.Key !== undefined) yield object.Key;
  } catch (error) {
    throw locationError(location, error);
  }
}

/** The names of the folders directly below `prefix`. */
export async function listFolders(location: BackupLocation, prefix: string): Promise<readonly string[]> {
  const folders: string[] = [];
  const input = { Bucket: location.bucket, Prefix: prefix, Delimiter: '/' };
  try {
    for await (const page of paginateListObjectsV2({ client: location.s3 }, input))
      for (const { Prefix } of page.CommonPrefixes ?? [])
        if (Prefix !== undefined) folders.push(Prefix.slice(prefix.length, -1));
  } catch (error) {
    throw locationError(location, error);
  }
  return folders;
}

/** Deletes an object; does nothing when there is none. */
export async function deleteObject(location: BackupLocation, key: string): Promise<void> {
  await location.s3.send(new DeleteObjectCommand({ Bucket: location.bucket, Key: key }));
}

/** Deletes every object whose key starts with `prefix`. One call each: S3-compatible stores differ in bulk deletion. */
export async function deleteUnder(location: BackupLocation, prefix: string): Promise<number> {
  let deleted = 0;
  for await (const key of listKeys(location, prefix)) {
    await deleteObject(location, key);
    deleted += 1;
  }
  return deleted;
}

/** The content of the marker in the folders of our own backups: that of DynamoDB's exports is empty. */
export const OURS = 'rescan-bot';

/**
 * Proves that the bucket exists and can be written, by writing the marker `_started` of AWS's exports into the folder.
 * @returns whether the bucket keeps versions; `unknown` when that may not be read. @throws BackupLocationError
 */
export async function proveWritable(location: BackupLocation, folder: string): Promise<'on' | 'off' | 'unknown'> {
  await writeObject(location, `${folder}_started`, OURS);
  return readVersioning(location);
}

/** Whether the bucket keeps versions; `unknown` when that may not be read. Never throws. */
export async function readVersioning({
  s3,
  bucket,
}: Pick<BackupLocation, 's3' | 'bucket'>): Promise<'on' | 'off' | 'unknown'> {
  try {
    const answer = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    return answer.Status === 'Enabled' ? 'on' : 'off';
  } catch {
    return 'unknown';
  }
}

/** Logs a warning when the bucket keeps no versions: what is overwritten or deleted there cannot be recovered. Never throws. */
export async function warnWithoutVersioning(
  location: Pick<BackupLocation, 's3' | 'bucket'>,
  logger: Pick<Logger, 'warn'>,
): Promise<void> {
  const { bucket } = location;
  const versioning = await readVersioning(location);
  if (versioning === 'off')
    logger.warn(
      { bucket },
      `Versioning of the bucket ${bucket} is off: deleted backups cannot be recovered. Turn it on.`,
    );
  if (versioning === 'unknown')
    logger.warn({ bucket }, `Whether the bucket ${bucket} keeps versions cannot be read (s3:GetBucketVersioning).`);
}

export const md5Base64 = (body: string | Uint8Array): string => createHash('md5').update(body).digest('base64');
