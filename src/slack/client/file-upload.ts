import { randomUUID } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { SlackError, type WebClient } from '@slack/web-api';
import type { Clock } from '../../lib/clock.ts';
import { classifySlackError } from './slack-errors.ts';

/** A file to be uploaded. Slack needs its exact size, in bytes, before its content. */
export interface FileContent {
  readonly name: string;
  readonly bytes: number;
  /** The content from its beginning. A chunk may be overwritten when the next one is read. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** A small file that is already in memory. */
export const bufferFile = (name: string, content: Buffer): FileContent => ({
  name,
  bytes: content.length,
  async *chunks() {
    yield content;
  },
});

/** Uploads files to a channel or thread: files.getUploadURLExternal, the bytes, files.completeUploadExternal. */
export interface FileUpload {
  /**
   * Posts the files in one message and returns how many there were. Each file is uploaded before the next one is read, so
   * that memory does not grow with their number. Without files nothing is posted.
   * @throws FileUploadError when Slack does not accept the bytes, or what Slack's client throws. No file is shown then.
   */
  share(request: {
    channel: string;
    threadTs?: string;
    /** The text of the message, from the number of files and their total size. */
    comment: (files: number, bytes: number) => string;
    files: AsyncIterable<FileContent>;
  }): Promise<number>;
}

/** Slack did not accept the bytes of a file. */
export class FileUploadError extends Error {
  override readonly name = 'FileUploadError';
  readonly fileName: string;
  readonly status: number;
  /** `isWhole`: the whole file was sent before Slack answered. */
  constructor(fileName: string, status: number, isWhole = true) {
    super(
      `Slack did not accept the file ${fileName}: HTTP ${status}${isWhole ? '' : ' before the whole file was sent'}.`,
    );
    this.fileName = fileName;
    this.status = status;
  }
}

/** Slack's limit per file (docs.slack.dev, "Working with files"), less the form around it. */
export const MAX_FILE_BYTES = 1_000_000_000;
const UPLOAD_TIMEOUT_MS = 600_000;
/** A connection on which nothing moves for this long is broken. */
const SILENCE_MS = 120_000;
/** The delays before the retries after a temporary error. Each retry gets a new upload URL, so no file is shown twice. */
const RETRY_DELAYS_MS = [1_000, 5_000];

export function createFileUpload(
  client: Pick<WebClient, 'files'>,
  token: string,
  clock: Pick<Clock, 'sleep'>,
  silenceMs = SILENCE_MS,
): FileUpload {
  async function uploadWithRetries(file: FileContent): Promise<{ id: string; title: string }> {
    for (const waitMs of RETRY_DELAYS_MS)
      try {
        return await upload(file);
      } catch (error) {
        if (!isTemporary(error)) throw error;
        await clock.sleep(waitMs);
      }
    return upload(file);
  }
  async function upload(file: FileContent): Promise<{ id: string; title: string }> {
    const { name, bytes: length } = file;
    const target = await client.files.getUploadURLExternal({ filename: name, length });
    if (!target.upload_url || !target.file_id)
      throw new Error('files.getUploadURLExternal succeeded but returned no URL.');
    const { boundary, bytes, content } = formOf(file);
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': bytes,
    };
    const { status, sent } = await post(target.upload_url, { headers, silenceMs }, content());
    if (status < 200 || status > 299 || sent < bytes) throw new FileUploadError(name, status, sent === bytes);
    return { id: target.file_id, title: name };
  }
  return {
    async share({ channel, threadTs, comment, files }) {
      const uploaded: { id: string; title: string }[] = [];
      let bytes = 0;
      for await (const file of files) {
        uploaded.push(await uploadWithRetries(file));
        bytes += file.bytes;
      }
      const [first, ...others] = uploaded;
      if (!first) return 0;
      const all: [{ id: string; title: string }, ...{ id: string; title: string }[]] = [first, ...others];
      const message = { files: all, channel_id: channel, initial_comment: comment(all.length, bytes) };
      await client.files.completeUploadExternal(threadTs === undefined ? message : { ...message, thread_ts: threadTs });
      return all.length;
    },
  };
}

/**
 * A 5xx, a 429, a broken connection, a network or a name service that does not answer: the same file may be accepted later. The
 * host is one that Slack has just named, so it exists.
 */
const isTemporary = (error: unknown): boolean =>
  error instanceof FileUploadError
    ? error.status >= 500 || error.status === 429
    : error instanceof Error &&
      'code' in error &&
      /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|EHOST|ENET)/.test(String(error.code));

/** Whether sharing the same files may succeed later: Slack's API or the upload has failed for a reason that passes. */
export const isTemporaryShareError = (error: unknown): boolean =>
  isTemporary(error) || (error instanceof SlackError && classifySlackError(error).kind !== 'refused');

/**
 * Posts the chunks, and resolves to the status of the answer and the number of bytes that were sent: the answer may come before all
 * of them. One chunk is read when the one before has left the process, so that none of them waits in memory.
 * @throws the error of the connection (its `code` is ETIMEDOUT after `silenceMs` without a byte), or what `chunks` throws
 */
async function post(
  url: string,
  { headers, silenceMs }: { headers: Readonly<Record<string, string | number>>; silenceMs: number },
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly status: number; readonly sent: number }> {
  const begin = url.startsWith('https:') ? requestHttps : requestHttp;
  const request = begin(url, { method: 'POST', headers, signal: AbortSignal.timeout(UPLOAD_TIMEOUT_MS) });
  let end: { readonly status: number } | { readonly error: unknown } | undefined;
  let onEnd = () => {};
  const endWith = (how: NonNullable<typeof end>) => {
    end ??= how;
    onEnd();
  };
  request.on('error', (error) => endWith({ error }));
  // Without an error where the answer is a 101, which nobody asked for.
  request.on('close', () =>
    endWith({ error: Object.assign(new Error('The connection ended without an answer.'), { code: 'ECONNRESET' }) }),
  );
  request.on('response', (response) => {
    response.resume();
    endWith({ status: response.statusCode ?? 0 });
  });
  request.setTimeout(silenceMs, () =>
    request.destroy(
      Object.assign(new Error(`Nothing was sent or received for ${silenceMs} ms.`), { code: 'ETIMEDOUT' }),
    ),
  );
  const untilEndOr = (work: (done: () => void) => void) =>
    new Promise<void>((resolve) => {
      onEnd = resolve;
      if (end) resolve();
      else work(resolve);
    });
  let sent = 0;
  try {
    for await (const chunk of chunks) {
      await untilEndOr((done) => request.write(chunk, done));
      sent += chunk.length;
      if (end) break;
    }
    await untilEndOr(() => request.end());
  } finally {
    if (!request.writableEnded) request.destroy();
  }
  if (end && 'status' in end) return { status: end.status, sent };
  throw end?.error;
}

/** A multipart form with the file as its only field, `body`, as a stream. */
function formOf({ name, bytes, chunks }: FileContent) {
  const boundary = `rescan-${randomUUID()}`;
  // A quote would end the name (RFC 7578, 4.2).
  const safe = name.replace(/["\r\n]/g, '_');
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="body"; filename="${safe}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    boundary,
    bytes: head.length + bytes + tail.length,
    /** @throws an Error where the file has another length than it says */
    async *content() {
      yield head;
      let length = 0;
      for await (const chunk of chunks()) {
        length += chunk.length;
        if (length > bytes) break;
        yield chunk;
      }
      if (length !== bytes) throw new Error(`The file ${name} does not have the ${bytes} bytes that it should have.`);
      yield tail;
    },
  };
}
