import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchBucket,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { asFaultError } from '../aws.ts';
import { DeployRefusedError } from './deploy-errors.ts';

/** Where packages are stored, so that a rollback has exactly the former package. */
export interface PackageLocation {
  readonly s3: S3Client;
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
}

/** The key of a stored package, by its content, so that equal packages are stored once. */
export const packageKey = (location: Pick<PackageLocation, 'prefix'>, codeSha256: string): string =>
  `${location.prefix}${Buffer.from(codeSha256, 'base64').toString('hex')}.zip`;

/** Reads a stored package. @throws DeployRefusedError when it is missing or has other bytes */
export async function readStored({ s3, bucket, prefix }: PackageLocation, codeSha256: string): Promise<Uint8Array> {
  const key = packageKey({ prefix }, codeSha256);
  const bytes = await readObject(s3, bucket, key);
  if (!bytes || sha256(bytes) !== codeSha256) throw new DeployRefusedError({ reason: 'stored-package-gone', key });
  return bytes;
}

/** The hash as Lambda returns it: base64 of SHA-256. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** Stores a package under its hash. @throws FaultError */
export async function storePackage(
  { s3, bucket, prefix }: PackageLocation,
  codeSha256: string,
  bytes: Uint8Array,
): Promise<void> {
  const key = packageKey({ prefix }, codeSha256);
  const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ContentType: 'application/zip' });
  await s3.send(put).catch((error: unknown) => {
    throw asFaultError(error, { service: 's3', action: 's3:PutObject', resource: `${bucket}/${key}` });
  });
}

/** The bytes of an object; undefined when it does not exist. @throws FaultError */
async function readObject(s3: S3Client, bucket: string, key: string): Promise<Uint8Array | undefined> {
  try {
    const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await found.Body?.transformToByteArray();
  } catch (error) {
    return missingOrFault(error, bucket, key);
  }
}

/**
 * The bytes of an object that a person named; undefined when it does not exist. Its size is checked first, because the
 * object could be larger than the memory. @throws DeployRefusedError when it is larger than `maxBytes`; FaultError
 */
export async function readNamed(
  s3: S3Client,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  try {
    const { ContentLength: bytes = 0 } = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    if (bytes > maxBytes) throw new DeployRefusedError({ reason: 'too-large', bytes, most: maxBytes });
  } catch (error) {
    return missingOrFault(error, bucket, key);
  }
  return readObject(s3, bucket, key);
}

function missingOrFault(error: unknown, bucket: string, key: string): undefined {
  // The answer to a HEAD request has no body that says what is missing.
  if (error instanceof NoSuchKey || error instanceof NoSuchBucket || error instanceof NotFound) return;
  throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: `${bucket}/${key}` });
}
