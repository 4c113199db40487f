import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { WebClient } from '@slack/web-api';
import { request } from 'undici';
import type { Clock } from '../../lib/clock.ts';

/** A file to be shown in Slack under `name`: its size is known before its content. */
export interface FileContent {
  readonly name: string;
  readonly bytes: number;
  readonly open: () => Readable;
}

/** A small file that is in memory already. */
export const bufferFile = (name: string, content: Buffer): FileContent => ({
  name,
  bytes: content.length,
  open: () => Readable.from([content]),
});

/** Files into a channel or thread, by Slack's external upload: a place to put them, the bytes, the word that they are whole. */
export interface FileUpload {
  /**
   * Shows the files in one message; answers how many there were. Each is streamed before the next is asked for, so that
   * memory does not grow with them. No files: nothing is said, the answer is 0.
   * @throws FileUploadError where Slack does not take the bytes, else what Slack's client throws; nothing is shown then.
   */
  share(request: {
    channel: string;
    threadTs?: string;
    /** Told how many files there are and how large they are together. */
    comment: (files: number, bytes: number) => string;
    files: AsyncIterable<FileContent>;
  }): Promise<number>;
}

/** Slack gave a place for a file and did not take it there. */
export class FileUploadError extends Error {
  override readonly name = 'FileUploadError';
  readonly fileName: string;
  readonly status: number;
  constructor(fileName: string, status: number) {
    super(`Slack did not take the file ${fileName}: HTTP ${status}.`);
    this.fileName = fileName;
    this.status = status;
  }
}

/** Slack's limit of one file (docs.slack.dev, "Working with files"), with room for the form around it. */
export const MOST_FILE_BYTES = 1_000_000_000;
const UPLOAD_WITHIN_MS = 600_000;
/** What passes by itself is tried again so long after: each time with a new place, so that no file is shown twice. */
const AGAIN_AFTER_MS = [1_000, 5_000];

export function createFileUpload(
  client: Pick<WebClient, 'files'>,
  token: string,
  clock: Pick<Clock, 'sleep'>,
): FileUpload {
  async function putPatiently(file: FileContent): Promise<{ id: string; title: string }> {
    for (const waitMs of AGAIN_AFTER_MS)
      try {
        return await put(file);
      } catch (error) {
        if (!isPassing(error)) throw error;
        await clock.sleep(waitMs);
      }
    return put(file);
  }
  async function put(file: FileContent): Promise<{ id: string; title: string }> {
    const { name, bytes: length } = file;
    const location = await client.files.getUploadURLExternal({ filename: name, length });
    if (!location.upload_url || !location.file_id) throw new Error('Slack promised a place for a file and gave none.');
    const form = formOf(file);
    const { statusCode, body } = await request(location.upload_url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': `multipart/form-data; boundary=${form.boundary}`,
        'content-length': String(form.length),
      },
      body: Readable.from(form.content(), { objectMode: false }),
      signal: AbortSignal.timeout(UPLOAD_WITHIN_MS),
    });
    await body.dump();
    if (statusCode < 200 || statusCode > 299) throw new FileUploadError(name, statusCode);
    return { id: location.file_id, title: name };
  }
  return {
    async share({ channel, threadTs, comment, files }) {
      const located: { id: string; title: string }[] = [];
      let bytes = 0;
      for await (const file of files) {
        located.push(await putPatiently(file));
        bytes += file.bytes;
      }
      const [first, ...others] = located;
      if (!first) return 0;
      const all: [{ id: string; title: string }, ...{ id: string; title: string }[]] = [first, ...others];
      const shown = { files: all, channel_id: channel, initial_comment: comment(all.length, bytes) };
      if (threadTs === undefined) await client.files.completeUploadExternal(shown);
      else await client.files.completeUploadExternal({ ...shown, thread_ts: threadTs });
      return all.length;
    },
  };
}

/** Slack took it badly, or the connection broke: not what the file itself is at fault for. */
const isPassing = (error: unknown): boolean =>
  error instanceof FileUploadError
    ? error.status >= 500 || error.status === 429
    : error instanceof Error &&
      'code' in error &&
      /^(ECONN|EPIPE|ETIMEDOUT|UND_ERR_(SOCKET|CONNECT))/.test(String(error.code));

/** The file as the one field `body` of a form, streamed. */
function formOf({ name, bytes, open }: FileContent) {
  const boundary = `rescan-${randomUUID()}`;
  // A name of ours, but a quote in it would end it (RFC 7578, 4.2).
  const safe = name.replace(/["\r\n]/g, '_');
  const head = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="body"; filename="${safe}"\r\ncontent-type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    boundary,
    length: head.length + bytes + tail.length,
    async *content() {
      yield head;
      yield* open();
      yield tail;
    },
  };
}
