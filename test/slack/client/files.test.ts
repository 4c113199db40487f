import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { downloadFile, FileDownloadError, ForeignFileHostError } from '../../../src/slack/client/file-download.ts';
import { createFileUpload, type FileContent, FileUploadError } from '../../../src/slack/client/file-upload.ts';
import { clientOf, manifestWith, slackForTest } from '../../sandbox/slack/harness.ts';
import { nockInThisTest } from '../../support/aws/nock.ts';
import { startWire, type WireAnswer } from '../../support/aws/wire.ts';

const CHANNEL = 'C0TIMESHEET';
const AT_ONCE = { sleep: async () => {} };
const stateSchema = z.looseObject({
  messages: z.array(
    z.looseObject({
      text: z.string(),
      channelId: z.string(),
      threadTs: z.string().optional(),
      files: z.array(z.looseObject({ id: z.string(), title: z.string(), size: z.number() })),
    }),
  ),
});

async function connect() {
  const slack = await slackForTest();
  const client = clientOf(slack);
  const token = slack.tokens.bot;
  return {
    slack,
    client,
    token,
    upload: createFileUpload(client, token, AT_ONCE),
    messages: async () => stateSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json()).messages,
    content: async (id: string) => Buffer.from(await downloadFile(`${slack.url}/files-pri/${id}`, token, slack.url)),
  };
}
const fileOf = (name: string, content: Buffer, more: Partial<FileContent> = {}): FileContent => ({
  name,
  bytes: content.length,
  chunks: () => Readable.from([content.subarray(0, 3), content.subarray(3)]),
  ...more,
});
async function* each(...files: FileContent[]): AsyncGenerator<FileContent> {
  yield* files;
}
const comment = (files: number, bytes: number) => `${files} files, ${bytes} bytes`;

async function listening(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}/upload`;
}

describe('an upload', () => {
  test('files appear in one message, byte for byte, with their number and total size', async () => {
    const { upload, messages, content } = await connect();
    const binary = randomFillSync(Buffer.alloc(300_000));
    const csv = Buffer.from('Key,Message\n"a\r\n--x",ü\n');
    const shared = await upload.share({
      channel: CHANNEL,
      comment,
      files: each(fileOf('a.csv', csv), fileOf('b.bin', binary)),
    });
    expect(shared).toBe(2);
    const [message, ...others] = await messages();
    expect(others).toEqual([]);
    expect(message).toMatchObject({
      channelId: CHANNEL,
      text: `2 files, ${csv.length + binary.length} bytes`,
      files: [
        { title: 'a.csv', size: csv.length },
        { title: 'b.bin', size: 300_000 },
      ],
    });
    expect(message?.threadTs).toBeUndefined();
    expect((await content(message?.files[0]?.id ?? '')).equals(csv)).toBe(true);
    expect((await content(message?.files[1]?.id ?? '')).equals(binary)).toBe(true);
  });

  test('files go into the thread that is named', async () => {
    const { upload, client, messages } = await connect();
    const { ts } = await client.chat.postMessage({ channel: CHANNEL, text: 'A run' });
    await upload.share({
      channel: CHANNEL,
      threadTs: ts ?? '',
      comment,
      files: each(fileOf('a.csv', Buffer.from('x,y,z'))),
    });
    expect((await messages()).at(-1)).toMatchObject({ threadTs: ts, text: '1 files, 5 bytes' });
  });

  test('without files nothing is posted', async () => {
    const { upload, messages } = await connect();
    expect(await upload.share({ channel: CHANNEL, comment, files: each() })).toBe(0);
    expect(await messages()).toEqual([]);
  });

  test('files are streamed one after the other: the next one is read when the one before has arrived', async () => {
    const { upload } = await connect();
    const order: string[] = [];
    async function* files() {
      for (const name of ['one', 'two', 'three']) {
        order.push(`asked for ${name}`);
        const chunks = () => {
          order.push(`opened ${name}`);
          return Readable.from([Buffer.from('content')]);
        };
        yield { name, bytes: 7, chunks };
      }
    }
    await upload.share({ channel: CHANNEL, comment, files: files() });
    expect(order).toEqual(['one', 'two', 'three'].flatMap((name) => [`asked for ${name}`, `opened ${name}`]));
  });

  test('a source may use one buffer for all its chunks', async () => {
    const { upload, messages, content } = await connect();
    const buffer = Buffer.alloc(64 * 1_024);
    async function* chunks() {
      for (let at = 0; at < 100; at += 1) yield buffer.fill(at);
    }
    await upload.share({
      channel: CHANNEL,
      comment,
      files: each({ name: 'a.bin', bytes: 100 * buffer.length, chunks }),
    });
    const [message] = await messages();
    const arrived = await content(message?.files[0]?.id ?? '');
    const expected = Buffer.concat(Array.from({ length: 100 }, (_, at) => Buffer.alloc(buffer.length, at)));
    expect(arrived.equals(expected)).toBe(true);
  });

  test('a file is sent to the https URL of Slack', async () => {
    const { client, token } = await connect();
    const sent = nockInThisTest()('https://files.slack.com', { reqheaders: { authorization: `Bearer ${token}` } })
      .post('/upload/v1/F1', /x,y/)
      .reply(200, 'OK - 3');
    const upload_url = 'https://files.slack.com/upload/v1/F1';
    const files = {
      ...client.files,
      getUploadURLExternal: async () => ({ ok: true, upload_url, file_id: 'F1' }),
      completeUploadExternal: async () => ({ ok: true }),
    };
    const csv = fileOf('a.csv', Buffer.from('x,y'));
    await createFileUpload({ files }, token, AT_ONCE).share({ channel: CHANNEL, comment, files: each(csv) });
    expect(sent.isDone()).toBe(true);
  });

  test.each([
    [413, 'Slack did not accept the file a.bin: HTTP 413 before the whole file was sent.'],
    [200, 'Slack did not accept the file a.bin: HTTP 200 before the whole file was sent.'],
  ])(
    'the answer %d that comes before the whole file was sent ends the upload without a file',
    async (status, message) => {
      const { client, token, messages } = await connect();
      const server = createServer((_, answer) => void answer.writeHead(status).end());
      const url = await listening(server);
      const files = {
        ...client.files,
        getUploadURLExternal: async () => ({ ok: true, upload_url: url, file_id: 'F1' }),
      };
      let isClosed = false;
      let read = 0;
      async function* chunks() {
        try {
          for (; ; read += 1) yield Buffer.alloc(64 * 1_024);
        } finally {
          isClosed = true;
        }
      }
      const endless = { name: 'a.bin', bytes: 1e9, chunks };
      const sharing = createFileUpload({ files }, token, AT_ONCE).share({
        channel: CHANNEL,
        comment,
        files: each(endless),
      });
      await expect(sharing).rejects.toMatchObject({ name: 'FileUploadError', status, message });
      expect(await messages()).toEqual([]);
      expect(isClosed).toBe(true);
      expect(read).toBeLessThan(2_000);
    },
  );

  test('a connection that ends without an answer and without an error is a broken connection', async () => {
    const { client, token } = await connect();
    let connections = 0;
    const server = createServer();
    server.on('connection', (socket) => {
      connections += 1;
      socket.once('data', () =>
        socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      );
      socket.on('error', () => {});
    });
    const url = await listening(server);
    const files = { ...client.files, getUploadURLExternal: async () => ({ ok: true, upload_url: url, file_id: 'F1' }) };
    const sharing = createFileUpload({ files }, token, AT_ONCE).share({
      channel: CHANNEL,
      comment,
      files: each(fileOf('a.csv', Buffer.from('x,y'))),
    });
    await expect(sharing).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(connections).toBe(3);
  });

  test('a file is uploaded again when the host of Slack is not found at that moment', async () => {
    const { client, token, messages } = await connect();
    let asked = 0;
    const flaky = {
      files: {
        ...client.files,
        getUploadURLExternal: async (file: { filename: string; length: number }) => {
          const location = await client.files.getUploadURLExternal(file);
          asked += 1;
          return asked === 1 ? { ...location, upload_url: 'http://nowhere.invalid/upload' } : location;
        },
        completeUploadExternal: client.files.completeUploadExternal,
      },
    };
    const csv = fileOf('a.csv', Buffer.from('x,y'));
    await createFileUpload(flaky, token, AT_ONCE).share({ channel: CHANNEL, comment, files: each(csv) });
    expect(await messages()).toHaveLength(1);
  });

  test('a file may have any name', async () => {
    const { upload, messages, content } = await connect();
    const name = 'fai"lures\r\ncontent-type: x\r\n\r\nü 日本.csv';
    await upload.share({ channel: CHANNEL, comment, files: each(fileOf(name, Buffer.from('intact'))) });
    const [message] = await messages();
    expect(message?.files).toHaveLength(1);
    expect((await content(message?.files[0]?.id ?? '')).toString()).toBe('intact');
  });

  test.each([
    ['longer', 5],
    ['shorter', 7],
  ])('a file that is %s than announced is not shown, nor are the files before it', async (_, bytes) => {
    const { upload, messages } = await connect();
    const wrong = fileOf('b.csv', Buffer.from('sixsix'), { bytes });
    const sharing = upload.share({ channel: CHANNEL, comment, files: each(fileOf('a.csv', Buffer.from('x')), wrong) });
    await expect(sharing).rejects.toThrow();
    expect(await messages()).toEqual([]);
  });

  test('a file whose source fails is not shown, and the error is thrown', async () => {
    const { upload, messages } = await connect();
    const chunks = () =>
      Readable.from(
        (async function* () {
          yield Buffer.from('x');
          throw new Error('the manifest is gone');
        })(),
      );
    const sharing = upload.share({ channel: CHANNEL, comment, files: each({ name: 'a.csv', bytes: 100, chunks }) });
    await expect(sharing).rejects.toThrow('the manifest is gone');
    expect(await messages()).toEqual([]);
  });

  test('a file that Slack does not accept is an error with its name and status, and nothing is shown', async () => {
    const { client, token, messages } = await connect();
    const wire = await startWire(() => ({ status: 500, body: 'no' }));
    onTestFinished(() => wire.stop());
    const elsewhere = {
      files: {
        ...client.files,
        getUploadURLExternal: async () => ({ ok: true, upload_url: `${wire.url}/upload`, file_id: 'F1' }),
      },
    };
    const sharing = createFileUpload(elsewhere, token, AT_ONCE).share({
      channel: CHANNEL,
      comment,
      files: each(fileOf('a.csv', Buffer.from('x,y'))),
    });
    await expect(sharing).rejects.toMatchObject({ name: 'FileUploadError', fileName: 'a.csv', status: 500 });
    await expect(sharing).rejects.toBeInstanceOf(FileUploadError);
    expect(wire.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${token}`,
      'content-type': expect.stringMatching(/^multipart/),
    });
    expect(await messages()).toEqual([]);
  });

  test.each<WireAnswer>([{ status: 503 }, { status: 429 }, 'hang up', 'silence'])(
    'when Slack fails with %j, the file is uploaded again to a new URL and shown once',
    async (failure) => {
      const { client, token, messages, content } = await connect();
      let asked = 0;
      const wire = await startWire(() => failure);
      onTestFinished(() => wire.stop());
      const flaky = {
        files: {
          ...client.files,
          getUploadURLExternal: async (file: { filename: string; length: number }) => {
            const location = await client.files.getUploadURLExternal(file);
            asked += 1;
            return asked <= 2 ? { ...location, upload_url: `${wire.url}/upload` } : location;
          },
          completeUploadExternal: client.files.completeUploadExternal,
        },
      };
      const csv = Buffer.from('a,b,c');
      await createFileUpload(flaky, token, AT_ONCE, failure === 'silence' ? 1_000 : undefined).share({
        channel: CHANNEL,
        comment,
        files: each(fileOf('a.csv', csv)),
      });
      expect(asked).toBe(3);
      const [message, ...others] = await messages();
      expect(others).toEqual([]);
      expect(message?.files).toHaveLength(1);
      expect((await content(message?.files[0]?.id ?? '')).equals(csv)).toBe(true);
    },
  );

  test('without the scope files:write the error of Slack is thrown', async () => {
    const slack = await slackForTest({ manifest: manifestWith(['commands', 'chat:write']) });
    const upload = createFileUpload(clientOf(slack), slack.tokens.bot, AT_ONCE);
    await expect(
      upload.share({ channel: CHANNEL, comment, files: each(fileOf('a.csv', Buffer.from('x'))) }),
    ).rejects.toThrow('missing_scope');
  });
});

describe('a download', () => {
  async function wireAnswering(answer: WireAnswer) {
    const wire = await startWire(() => answer);
    onTestFinished(() => wire.stop());
    return wire;
  }

  test('a file is downloaded with the bot’s token', async () => {
    const wire = await wireAnswering({ headers: { 'content-type': 'application/zip' }, body: 'PK' });
    expect(Buffer.from(await downloadFile(`${wire.url}/f`, 'xoxb-1', wire.url)).toString()).toBe('PK');
    expect(wire.requests[0]?.headers.authorization).toBe('Bearer xoxb-1');
  });

  test('the sign-in page that Slack returns without the scope is an error', async () => {
    const wire = await wireAnswering({
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: '<html>Sign in</html>',
    });
    const fetching = downloadFile(`${wire.url}/f`, 'xoxb-1', wire.url);
    await expect(fetching).rejects.toBeInstanceOf(FileDownloadError);
    await expect(fetching).rejects.toThrow('HTTP 200. The app needs the scope files:read.');
  });

  test.each([403, 404, 500])('status %d is an error', async (status) => {
    const wire = await wireAnswering({ status, body: 'no' });
    await expect(downloadFile(`${wire.url}/f`, 'xoxb-1', wire.url)).rejects.toMatchObject({
      name: 'FileDownloadError',
      status,
    });
  });

  test.each([
    'http://files.slack.com/f',
    'https://files.slack.com.example/f',
    'https://slack.com:8443/f',
    'https://notslack.com/f',
    'https://slack.com@example.com/f',
    'file:///etc/passwd',
    'http://127.0.0.1:1/f',
    'no URL',
  ])('a file at %s is not downloaded, and the token is not sent there', async (url) => {
    await expect(downloadFile(url, 'xoxb-1', 'https://slack.com/api/')).rejects.toBeInstanceOf(ForeignFileHostError);
  });

  test('a redirect to another host is not followed, one within the host is', async () => {
    const other = await wireAnswering({ body: 'stolen' });
    const away = await wireAnswering({ status: 302, headers: { location: `${other.url}/f` } });
    await expect(downloadFile(`${away.url}/f`, 'xoxb-1', away.url)).rejects.toBeInstanceOf(ForeignFileHostError);
    expect(other.requests).toEqual([]);
    const wire = await startWire(({ path }) =>
      path === '/f' ? { status: 302, headers: { location: '/moved' } } : { body: 'PK' },
    );
    onTestFinished(() => wire.stop());
    expect(Buffer.from(await downloadFile(`${wire.url}/f`, 'xoxb-1', wire.url)).toString()).toBe('PK');
    const loop = await wireAnswering({ status: 302, headers: { location: '/f' } });
    await expect(downloadFile(`${loop.url}/f`, 'xoxb-1', loop.url)).rejects.toMatchObject({ status: 302 });
  });

  test('a file on a host of Slack’s is asked for', async () => {
    nockInThisTest()('https://files.slack.com').get('/files-pri/f').reply(200, 'PK');
    const file = await downloadFile('https://files.slack.com/files-pri/f', 'xoxb-1', 'https://slack.com/api/');
    expect(Buffer.from(file).toString()).toBe('PK');
  });

  test('a broken connection is an error', async () => {
    const wire = await wireAnswering('hang up');
    await expect(downloadFile(`${wire.url}/f`, 'xoxb-1', wire.url)).rejects.toThrow();
  });

  test('without the scope files:read a download is an error', async () => {
    const slack = await slackForTest({ manifest: manifestWith(['commands', 'chat:write', 'files:write']) });
    await expect(downloadFile(`${slack.url}/files-pri/F1`, slack.tokens.bot, slack.url)).rejects.toMatchObject({
      name: 'FileDownloadError',
      status: 200,
    });
  });
});
