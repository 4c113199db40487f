import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { defined } from '../../lib/defined.ts';
import { openTemporaryFile } from '../../lib/disk/temporary-file.ts';
import type { BackupLocation } from '../catalogue/location.ts';

/** The smallest part that S3 takes, but for the last. */
const PART_BYTES = 5 * 2 ** 20;
const CONTENT_TYPE = 'application/gzip';

/** Lets at most `atOnce` pieces of work run at a time; the others wait in their order. */
export function createTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/**
 * Writes the chunks as one object of any size. A part waits in a temporary file until it is complete, and is in memory only while
 * it is sent, in a turn of `turns`: a backup has many objects open, and 5 MB of each would take most of its memory.
 * @returns the ETag of the object. @throws the SDK's error, the file system's error, what `chunks` throws, `signal.reason`; then the
 * upload is aborted.
 */
export async function uploadInParts(
  { s3, bucket: Bucket }: BackupLocation,
  Key: string,
  chunks: AsyncIterable<Buffer>,
  { turns, signal: abortSignal }: { readonly turns: ReturnType<typeof createTurns>; readonly signal: AbortSignal },
): Promise<string> {
  const spool = await openTemporaryFile();
  const options = { abortSignal };
  const parts: CompletedPart[] = [];
  // As the SDK does by itself for an object in one piece.
  const isSummed = (await s3.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
  const checksum = isSummed ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {};
  let UploadId: string | undefined;
  let length = 0;
  /** Hands what waits to `send`, in its turn. */
  const sendSpooled = <T>(send: (content: { Body: Buffer; ContentLength: number }) => Promise<T>): Promise<T> =>
    turns(async () => {
      abortSignal.throwIfAborted();
      const Body = Buffer.alloc(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await spool.handle.read(Body, at, length - at, at);
        if (bytesRead === 0) throw new Error(`The temporary file of ${Key} is shorter than what was written to it`);
        at += bytesRead;
      }
      const sent = await send({ Body, ContentLength: length });
      length = 0;
      return sent;
    });
  const sendPart = async (upload: string) => {
    const PartNumber = parts.length + 1;
    const { ETag, ChecksumCRC32 } = await sendSpooled((content) =>
      s3.send(new UploadPartCommand({ Bucket, Key, UploadId: upload, PartNumber, ...checksum, ...content }), options),
    );
    parts.push({ PartNumber, ...defined({ ETag, ChecksumCRC32 }) });
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await spool.handle.write(chunk, at, chunk.length - at, length);
        at += bytesWritten;
        length += bytesWritten;
      }
      if (length < PART_BYTES) continue;
      UploadId ??= (
        await s3.send(
          new CreateMultipartUploadCommand({ Bucket, Key, ContentType: CONTENT_TYPE, ...checksum }),
          options,
        )
      ).UploadId;
      if (UploadId === undefined) throw new Error(`S3 returned no id for the upload of ${Key}`);
      await sendPart(UploadId);
    }
    if (UploadId === undefined) {
      const { ETag = '' } = await sendSpooled((content) =>
        s3.send(new PutObjectCommand({ Bucket, Key, ContentType: CONTENT_TYPE, ...content }), options),
      );
      return ETag;
    }
    if (length > 0) await sendPart(UploadId);
    const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts: parts } };
    return (await s3.send(new CompleteMultipartUploadCommand(whole), options)).ETag ?? '';
  } catch (error) {
    // An upload that stays open costs money; `clearUnfinished` aborts what cannot be aborted now.
    if (UploadId !== undefined)
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => {});
    throw error;
  } finally {
    await spool.dispose();
  }
}
