import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { parseJson } from '../../lib/json.ts';
import { asFaultError } from '../../pipeline/aws.ts';

const stopSchema = z.object({
  request: z.enum(['pause', 'stop', 'stop-now']),
  by: z.string().exactOptional(),
  /** Epoch ms. */
  at: z.number(),
  /** The run that it is for, where that could be read; otherwise it is for whatever runs. */
  runId: z.string().exactOptional(),
  /** The fence of that run at the time. */
  fence: z.number().exactOptional(),
  /** The table job that it is for; then it is for no run. */
  jobId: z.string().exactOptional(),
  /** The state of the run, where it halted by itself: the one who stores it knows its form. */
  state: z.unknown().optional(),
});

/** A request to halt a run, or to stop a table job, or the halt of a run by itself, that could not be stored in the control table. */
export type StoredStop = Readonly<z.infer<typeof stopSchema>>;

/** The requests that are stored at one moment, so that exactly these can be removed. */
export interface FoundStops {
  readonly stops: readonly StoredStop[];
  /** The text of the file, and the ETag of the object in the bucket, where each holds a request. */
  readonly file?: string;
  readonly etag?: string;
}

/** Where such a request is: every copy of the bot reads the bucket, those on this machine read the file. */
export type StopLocation =
  | { readonly kind: 'bucket'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'file'; readonly path: string };

/** One request in the control bucket and one in a file beside the stop file. A later one replaces an earlier one. */
export interface StoredStops {
  /** Stores the request in the bucket, else in the file. Undefined if neither can be written. Never throws. */
  put(stop: StoredStop): Promise<StopLocation | undefined>;
  /** The request in the file. One that cannot be understood is a stop. @throws when the file cannot be read */
  readFile(): Promise<StoredStop | undefined>;
  /** The request in the bucket, in the same way. @throws FaultError */
  readBucket(): Promise<StoredStop | undefined>;
  /** Both. @throws when one of the two cannot be read */
  find(): Promise<FoundStops>;
  /** Removes what was found. A request that came later stays. @throws when one of the two cannot be removed */
  clear(found: FoundStops): Promise<void>;
}

/** A call to S3 that takes longer counts as failed: the person waits, and the file is next. */
const TIMEOUT_MS = 3_000;
/** What takes the place of a request that is over: the bot may not delete objects outside the backups. */
const OVER = '{}';

/** The stored requests of the pipeline `name`. `file`: the path of the file. */
export function createStoredStops(parts: {
  readonly s3: S3Client;
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly prefix: string;
  readonly name: string;
  readonly file: string;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
}): StoredStops {
  const { s3, bucket, file, clock, warn } = parts;
  const object = { Bucket: bucket, Key: `${parts.prefix}stops/${encodeURIComponent(parts.name)}.json` };

  /** @throws FaultError or any other error, also when S3 does not answer in time */
  async function write(Body: string, IfMatch?: string): Promise<void> {
    const given = new AbortController();
    const put = new PutObjectCommand({ ...object, Body, ContentType: 'application/json', ...defined({ IfMatch }) });
    try {
      const written = await within(clock, TIMEOUT_MS, s3.send(put, { abortSignal: given.signal }));
      if (!written) throw new Error(`S3 did not answer in ${TIMEOUT_MS} ms`);
    } catch (error) {
      // Another request took the place of the one that was to be removed.
      if (IfMatch !== undefined && isReplaced(error)) return;
      throw asFaultError(error, { service: 's3', action: 's3:PutObject', resource: bucket });
    } finally {
      given.abort();
    }
  }

  async function writeLocally(text: string): Promise<void> {
    const draft = `${file}.${randomUUID().slice(0, 8)}`;
    await writeFile(draft, text, { flush: true });
    await rename(draft, file);
  }

  const readLocally = (): Promise<string | undefined> =>
    readFile(file, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });

  async function readObject(): Promise<{ text: string; etag: string | undefined } | undefined> {
    try {
      const { Body, ETag } = await s3.send(new GetObjectCommand(object));
      const text = (await Body?.transformToString()) ?? '';
      return text.trim() === OVER ? undefined : { text, etag: ETag };
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: bucket });
    }
  }

  return {
    async put(stop) {
      const text = JSON.stringify(stop);
      try {
        await write(text);
        return { kind: 'bucket', bucket, key: object.Key };
      } catch (error) {
        warn('a stop was not stored in the control bucket', error);
      }
      try {
        await writeLocally(text);
        return { kind: 'file', path: file };
      } catch (error) {
        warn('a stop was not stored in a file', error);
        return undefined;
      }
    },
    async readFile() {
      const text = await readLocally();
      return text === undefined ? undefined : stopOf(text, clock.now());
    },
    async readBucket() {
      const stored = await readObject();
      return stored && stopOf(stored.text, clock.now());
    },
    async find() {
      const [stored, local] = await Promise.all([readObject(), readLocally()]);
      const texts = [stored?.text, local].filter((text) => text !== undefined);
      return { stops: texts.map((text) => stopOf(text, clock.now())), ...defined({ file: local, etag: stored?.etag }) };
    },
    async clear(found) {
      if (found.file !== undefined && (await readLocally()) === found.file) await rm(file, { force: true });
      if (found.etag !== undefined) await write(OVER, found.etag);
    },
  };
}

/**
 * Who asked, at `since` (epoch ms) or later, to stop whatever runs or this table job; undefined where nobody did. A table job
 * and the autopilot know no pause.
 */
export function stopperSince(
  stops: readonly StoredStop[],
  { since, jobId }: { readonly since: number; readonly jobId?: string },
): string | undefined {
  const mine = stops.find(
    (stop) =>
      stop.request !== 'pause' &&
      stop.runId === undefined &&
      (stop.jobId === undefined ? stop.at >= since : stop.jobId === jobId),
  );
  return mine && (mine.by ?? 'a stop that is stored outside the control table');
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** 412: another object is there now. 409: another one is being written at this moment. */
const isReplaced = (error: unknown): boolean =>
  error instanceof S3ServiceException && [409, 412].includes(error.$metadata.httpStatusCode ?? 0);

/** A text that is no request of ours was meant as one: it stops. */
function stopOf(text: string, now: number): StoredStop {
  const parsed = stopSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : { request: 'stop', at: now };
}
