import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type AwsRig,
  BUCKET,
  CONTROL_BUCKET,
  FUNCTION,
  keyOf,
  LOG_GROUP,
  named,
  startAwsRig,
  TABLE,
} from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

const Key = { ResourceName: { S: 'Ana' }, DateProjectCode: { S: '2025-09-29#P' } };
const put = (Note = 'x') =>
  rig.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: { ...Key, Note: { S: Note } } }));
const note = async () => (await rig.dynamodb.send(new GetItemCommand({ TableName: TABLE, Key }))).Item?.Note?.S;

test('a write whose answer is lost is carried out, in DynamoDB and in S3, and reads are answered', async () => {
  rig.aws.turn({ answers: { lostWrites: 1 } });
  await expect(put('lost')).rejects.toThrow();
  await expect(rig.s3.send(new PutObjectCommand({ Bucket: CONTROL_BUCKET, Key: 'k', Body: 'v' }))).rejects.toThrow();
  expect(await note()).toBe('lost');
  const stored = await rig.s3.send(new GetObjectCommand({ Bucket: CONTROL_BUCKET, Key: 'k' }));
  expect(await stored.Body?.transformToString()).toBe('v');
});

test('of several writes only the answer of the n-th is lost', async () => {
  rig.aws.turn({ answers: { lostWrite: 2 } });
  await put('1');
  await expect(put('2')).rejects.toThrow();
  await put('3');
  expect(await note()).toBe('3');
});

test('an answer that ends in the middle has its headers, and its body breaks', async () => {
  const image = { Bucket: BUCKET, Key: keyOf(0) };
  rig.aws.turn({ answers: { cut: 1 } });
  const answer = await rig.s3.send(new GetObjectCommand(image));
  expect(answer.ContentLength).toBeGreaterThan(100);
  await expect(answer.Body?.transformToByteArray()).rejects.toThrow();
  await expect(note()).rejects.toThrow();
});

test('each service names too many requests and internal failures as its own clients know them', async () => {
  const asked = () =>
    Promise.allSettled([
      note(),
      rig.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(0) })),
      rig.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FUNCTION })),
      rig.logs.send(new FilterLogEventsCommand({ logGroupName: LOG_GROUP })),
    ]);
  const reasons = async () =>
    (await asked()).map((one) =>
      one.status === 'rejected' ? [one.reason.name, one.reason.$metadata?.httpStatusCode] : [],
    );
  rig.aws.turn({ throttled: 1 });
  expect(await reasons()).toEqual([
    ['ThrottlingException', 400],
    ['SlowDown', 503],
    ['TooManyRequestsException', 429],
    ['ThrottlingException', 400],
  ]);
  rig.aws.turn({ throttled: 0, internalErrors: 1 });
  expect(await reasons()).toEqual([
    ['InternalServerError', 500],
    ['InternalError', 500],
    ['ServiceException', 500],
    ['ServiceUnavailableException', 500],
  ]);
});

test('a part and the completion of a multipart upload fail as in S3, and a repetition of the completion finds no upload', async () => {
  const at = { Bucket: CONTROL_BUCKET, Key: 'parts' };
  const { UploadId } = await rig.s3.send(new CreateMultipartUploadCommand(at));
  const sendPart = () => rig.s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'x' }));
  rig.aws.turn({ s3: { partErrors: 1, completeErrors: 1 } });
  await expect(sendPart()).rejects.toThrow(named('InternalError'));
  rig.aws.turn({ s3: { partErrors: 0 } });
  const { ETag } = await sendPart();
  const complete = () =>
    rig.s3.send(
      new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }),
    );
  await expect(complete()).rejects.toThrow(named('InternalError'));
  rig.aws.turn({ s3: { completeErrors: 0 }, answers: { lostWrite: 1 } });
  await expect(complete()).rejects.toThrow();
  await expect(complete()).rejects.toThrow(named('NoSuchUpload'));
  expect(await rig.s3.send(new HeadObjectCommand(at))).toMatchObject({ ContentLength: 1 });
});

test('a page of a listing may hold fewer keys than were asked for, and all pages together have each key once', async () => {
  rig.aws.turn({ s3: { listingKeys: 7 } });
  const keys: (string | undefined)[] = [];
  let from: string | undefined;
  let pages = 0;
  do {
    const page = await rig.s3.send(
      new ListObjectsV2Command({ Bucket: BUCKET, ...(from === undefined ? {} : { ContinuationToken: from }) }),
    );
    expect(page.Contents?.length).toBeLessThanOrEqual(7);
    keys.push(...(page.Contents ?? []).map(({ Key: key }) => key));
    from = page.NextContinuationToken;
    pages += 1;
  } while (from !== undefined);
  expect(pages).toBeGreaterThan(4);
  expect(new Set(keys).size).toBe(keys.length);
});

test('a log line can be read only after its delay, with the time at which it was written', async () => {
  rig.aws.turn({ logDelayMs: 300, emptyLogPages: 0 });
  const lines = async () => (await rig.logs.send(new FilterLogEventsCommand({ logGroupName: LOG_GROUP }))).events ?? [];
  await rig.invoke(keyOf(0));
  const invokedAt = Date.now();
  expect(await lines()).toEqual([]);
  await expect.poll(lines).not.toEqual([]);
  const [line] = await lines();
  expect(line?.timestamp).toBeLessThanOrEqual(invokedAt);
  expect((line?.ingestionTime ?? 0) - (line?.timestamp ?? 0)).toBe(300);
});
