import { once } from 'node:events';
import { createServer } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { clearUnfinished } from '../../../src/backup/catalogue/clear-unfinished.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';

const DAY = 24 * 60 * 60_000;
const NOW = 1_700_000_000_000;
const ROOT = 'bot/AWSDynamoDB/';
const idOf = (daysAgo: number, name: string) => `${String(NOW - daysAgo * DAY).padStart(14, '0')}-${name}`;
interface Upload {
  readonly folder: string;
  readonly id: string;
}

/**
 * Clears an S3 that has these open uploads, lists `pageSize` of them at once, and has these markers, by folder (the local S3 of
 * the other tests lists no uploads). Returns the ids of the aborted uploads.
 */
async function clearedOf(
  uploads: readonly Upload[],
  markers: Readonly<Record<string, string>>,
  pageSize = 1_000,
  beingDeleted: readonly string[] = [],
): Promise<{ readonly aborted: readonly string[]; readonly counted: number }> {
  const aborted: string[] = [];
  const keyOf = ({ folder }: Upload) => `${ROOT}${folder}/data/0.json.gz`;
  function list(after: string | null): string {
    const from = after === null ? 0 : uploads.findIndex(({ id }) => id === after) + 1;
    const page = uploads.slice(from, from + pageSize);
    const last = page.at(-1);
    const isCut = from + pageSize < uploads.length;
    const next =
      isCut && last
        ? `<NextKeyMarker>${keyOf(last)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`
        : '';
    const found = page.map((each) => `<Upload><Key>${keyOf(each)}</Key><UploadId>${each.id}</UploadId></Upload>`);
    return `<ListMultipartUploadsResult><IsTruncated>${isCut}</IsTruncated>${next}${found.join('')}</ListMultipartUploadsResult>`;
  }
  const server = createServer(({ method, url = '' }, answer) => {
    const { pathname, searchParams } = new URL(url, 'http://s3.test');
    const [folder = '', file = ''] = pathname.split('/').slice(-2);
    const marker =
      file === '_started' ? markers[folder] : beingDeleted.includes(folder) && file === '_deleting' ? '' : undefined;
    if (method === 'DELETE') {
      aborted.push(searchParams.get('uploadId') ?? '');
      answer.writeHead(204).end();
    } else if (searchParams.has('uploads')) answer.end(list(searchParams.get('upload-id-marker')));
    else if (searchParams.has('list-type'))
      answer.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
    else if (marker === undefined) answer.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    else answer.end(marker);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const endpoint = `http://127.0.0.1:${port}`;
  const s3 = new S3Client({ endpoint, region: 'us-east-1', credentials: testCredentials, forcePathStyle: true });
  onTestFinished(() => {
    s3.destroy();
    server.close();
  });
  const location = { s3, bucket: 'backups', prefix: 'bot/' };
  const { uploadsAborted } = await clearUnfinished(location, { now: NOW, olderThanMs: DAY });
  return { aborted, counted: uploadsAborted };
}

test('Of open uploads only those of our own backups that are old are aborted, and none of an export of DynamoDB', async () => {
  const [old, young] = [idOf(2, 'aaaaaaaa'), idOf(0, 'bbbbbbbb')];
  const [exported, unmarked] = [idOf(3, 'cccccccc'), idOf(4, 'dddddddd')];
  const uploads = [old, young, exported, unmarked].map((folder) => ({ folder, id: `of-${folder}` }));
  const cleared = await clearedOf(uploads, { [old]: 'rescan-bot', [young]: 'rescan-bot', [exported]: '' });
  expect(cleared).toEqual({ aborted: [`of-${old}`], counted: 1 });
});

test('Open uploads of a backup whose deletion was interrupted after its marker are aborted', async () => {
  const folder = idOf(2, 'aaaaaaaa');
  const cleared = await clearedOf([{ folder, id: 'u-1' }], {}, 1_000, [folder]);
  expect(cleared).toEqual({ aborted: ['u-1'], counted: 1 });
});

test('Open uploads are looked at page by page', async () => {
  const folder = idOf(2, 'aaaaaaaa');
  const uploads = Array.from({ length: 5 }, (_, index) => ({ folder, id: `u-${index}` }));
  const cleared = await clearedOf(uploads, { [folder]: 'rescan-bot' }, 2);
  expect(cleared).toEqual({ aborted: uploads.map(({ id }) => id), counted: 5 });
});
