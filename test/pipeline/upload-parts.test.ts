import { randomBytes } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTurns, uploadInParts } from '../../src/pipeline/upload-parts.ts';
import { testCredentials } from '../support/aws/dynalite.ts';
import { startFaultProxy } from '../support/aws/fault-proxy.ts';
import { type LocalS3, startS3 } from '../support/aws/s3.ts';

const MB = 2 ** 20;
let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('backups');
});
afterAll(() => s3.stop());

const at = (client: S3Client = s3.client) => ({ s3: client, bucket: 'backups', prefix: '' });
const never = new AbortController().signal;
async function* pieces(bytes: Buffer, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
const read = async (Key: string) => {
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'backups', Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};
const openUploads = async () =>
  (await s3.client.send(new ListMultipartUploadsCommand({ Bucket: 'backups' }))).Uploads ?? [];

/** A client whose calls of this name go through `act` first. Through a proxy it repeats a call once. */
function clientWith(act: (command: string) => Promise<void> | void, proxy?: string): S3Client {
  const client = new S3Client({
    endpoint: proxy ?? s3.url,
    region: 'us-east-1',
    credentials: testCredentials,
    forcePathStyle: true,
    maxAttempts: proxy === undefined ? 1 : 2,
  });
  client.middlewareStack.add(
    (next, context) => async (args) => {
      await act(context.commandName ?? '');
      return next(args);
    },
    { step: 'initialize', name: 'act' },
  );
  return client;
}

test.each([
  ['nothing', 0, 1],
  ['less than a part', 70_000, 1],
  ['one byte less than a part', 5 * MB - 1, 1],
  ['exactly a part', 5 * MB, 1],
  ['several parts', 12 * MB + 17, 3],
])('An object of %s is stored byte for byte', async (name, size, parts) => {
  const bytes = randomBytes(size);
  const etag = await uploadInParts(at(), name, pieces(bytes, 64 * 1024), {
    turns: createTurns(2),
    signal: never,
    contentType: 'application/gzip',
  });
  expect((await read(name)).equals(bytes)).toBe(true);
  const { ETag, ContentType } = await s3.client.send(new HeadObjectCommand({ Bucket: 'backups', Key: name }));
  expect(etag).toBe(ETag);
  expect(ContentType).toBe('application/gzip');
  if (parts > 1) expect(etag).toMatch(new RegExp(`-${parts}"?$`));
  expect(await openUploads()).toEqual([]);
});

test('Of many objects side by side at most two parts are sent at a time', async () => {
  let sending = 0;
  let most = 0;
  const client = clientWith(async (command) => {
    if (command !== 'UploadPartCommand' && command !== 'PutObjectCommand') return;
    sending += 1;
    most = Math.max(most, sending);
    await new Promise((resolve) => setTimeout(resolve, 15));
    sending -= 1;
  });
  const turns = createTurns(2);
  const bytes = randomBytes(6 * MB);
  const keys = Array.from({ length: 6 }, (_, index) => `side-${index}`);
  await Promise.all(
    keys.map((key) =>
      uploadInParts(at(client), key, pieces(bytes, MB), { turns, signal: never, contentType: 'application/gzip' }),
    ),
  );
  for (const key of keys) expect((await read(key)).equals(bytes)).toBe(true);
  expect(most).toBeLessThanOrEqual(2);
  client.destroy();
});

test.each(['CreateMultipartUploadCommand', 'UploadPartCommand', 'CompleteMultipartUploadCommand'])(
  'When S3 refuses %s, the upload fails with that error and is aborted',
  async (refused) => {
    const client = clientWith((command) => {
      if (command === refused) throw new Error(`refused ${refused}`);
    });
    const turns = createTurns(1);
    const upload = uploadInParts(at(client), 'refused', pieces(randomBytes(11 * MB), MB), {
      turns,
      signal: never,
      contentType: 'application/gzip',
    });
    await expect(upload).rejects.toThrow(`refused ${refused}`);
    expect(await openUploads()).toEqual([]);
    // The turn is free again.
    await uploadInParts(at(), 'after', pieces(Buffer.from('x'), 1), {
      turns,
      signal: never,
      contentType: 'application/gzip',
    });
    client.destroy();
  },
);

test('When the source fails or the signal aborts between two parts, the upload is aborted', async () => {
  const stop = new AbortController();
  async function* failing(act: () => void) {
    yield randomBytes(6 * MB);
    act();
    yield randomBytes(6 * MB);
  }
  const turns = createTurns(1);
  const failed = uploadInParts(
    at(),
    'failing',
    failing(() => {
      throw new Error('the table is gone');
    }),
    { turns, signal: stop.signal, contentType: 'application/gzip' },
  );
  await expect(failed).rejects.toThrow('the table is gone');
  const stopped = uploadInParts(
    at(),
    'stopped',
    failing(() => stop.abort(new Error('stopped by a person'))),
    { turns, signal: stop.signal, contentType: 'application/gzip' },
  );
  await expect(stopped).rejects.toThrow('stopped by a person');
  expect(await openUploads()).toEqual([]);
});

test.each([
  ['is that of this upload', false],
  ['was replaced by somebody else meanwhile', true],
])('The answer to the completion is lost, and the object %s', async (_name, isReplaced) => {
  let completions = 0;
  const isCompletion = ({ method, path }: { method: string; path: string }) =>
    method === 'POST' && path.includes('uploadId');
  const proxy = await startFaultProxy(s3.url, {
    after: async (call) => {
      if (isCompletion(call) && isReplaced && completions === 0) await s3.put('backups', 'twice', 'of somebody else');
    },
    isLost: (call) => isCompletion(call) && ++completions === 1,
  });
  const client = clientWith(() => {}, proxy.url);
  const bytes = randomBytes(6 * MB);
  const upload = uploadInParts(at(client), 'twice', pieces(bytes, MB), {
    turns: createTurns(1),
    signal: never,
    contentType: 'application/gzip',
  });
  if (isReplaced) await expect(upload).rejects.toThrow(expect.objectContaining({ name: 'NoSuchUpload' }));
  else {
    expect(await upload).toMatch(/-2"?$/);
    expect((await read('twice')).equals(bytes)).toBe(true);
  }
  expect(completions).toBe(2);
  client.destroy();
  await proxy.stop();
});
