import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { defined } from '../lib/defined.ts';
import { openTemporaryFile } from '../lib/disk/temporary-file.ts';
import { freeBuffer } from '../lib/memory/free-buffer.ts';
import { errorName } from './fault.ts';

/** The smallest part that S3 takes, but for the last. */
const PART_BYTES = 5 * 2 ** 20;

/** The metadata by which an object is known as the result of one upload. */
const UPLOAD = 'rescan-upload';

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
 * it is sent, in a turn of `turns`: with many objects open, 5 MB of each would take most of the memory.
 * @returns the ETag of the object. @throws the SDK's error, the file system's error, what `chunks` throws, `signal.reason`; then the
 * upload is aborted.
 */
export async function uploadInParts(
  { s3, bucket: Bucket }: { readonly s3: S3Client; readonly bucket: string },
  Key: string,
  chunks: AsyncIterable<Buffer>,
  {
    turns,
    signal: abortSignal,
    contentType: ContentType,
  }: { readonly turns: ReturnType<typeof createTurns>; readonly signal: AbortSignal; readonly contentType: string },
): Promise<string> {
  const spool = await openTemporaryFile();
  const options = { abortSignal };
  const parts: CompletedPart[] = [];
  // As the SDK does by itself for an object in one piece.
  const isSummed = (await s3.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
  const checksum = isSummed ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {};
  const Metadata = { [UPLOAD]: randomUUID() };
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
      freeBuffer(Body);
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
        await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ContentType, Metadata, ...checksum }), options)
      ).UploadId;
      if (UploadId === undefined) throw new Error(`S3 returned no id for the upload of ${Key}`);
      await sendPart(UploadId);
    }
    if (UploadId === undefined) {
      const { ETag = '' } = await sendSpooled((content) =>
        s3.send(new PutObjectCommand({ Bucket, Key, ContentType, ...content }), options),
      );
      return ETag;
    }
    if (length > 0) await sendPart(UploadId);
    const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts: parts } };
    const { ETag = '' } = await s3
      .send(new CompleteMultipartUploadCommand(whole), options)
      .catch(async (error: unknown) => {
        if (errorName(error) !== 'NoSuchUpload') throw error;
        // When the answer is lost the SDK repeats the completion, and the upload does not exist any more.
        const found = await s3.send(new HeadObjectCommand({ Bucket, Key }), options).catch(() => undefined);
        if (found?.Metadata?.[UPLOAD] !== Metadata[UPLOAD]) throw error;
        return found;
      });
    return ETag;
  } catch (error) {
    // An upload that stays open costs money; `clearUnfinished` aborts what cannot be aborted now.
    if (UploadId !== undefined)
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => {});
    throw error;
  } finally {
    await spool.dispose();
  }
}
