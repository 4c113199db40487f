import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { buttonOf } from '../../sandbox/people.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

/** Given to the bot by its environment, or by a reply of the function. Each is searched for in what the bot produced. */
const GIVEN = {
  SLACK_BOT_TOKEN: 'xoxb-sandbox',
  SLACK_APP_TOKEN: 'xapp-sandbox',
};
const REPLIED = {
  password: 'hunter2-planted-9d3e',
  accessKey: 'AKIAPLANTED7EXAMPLE2',
  token: 'xoxp-1111111111-2222222222-plantedplantedplanted',
  sessionToken: 'IQoJb3JpZ2luX2VjPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED',
};
/** The last line is of AWS, which repeats the signed request where its signature is not valid. */
const MESSAGE = [
  `Textract refused password=${REPLIED.password} with ${REPLIED.accessKey}, token ${REPLIED.token}`,
  `The Canonical String for this request should have been 'x-amz-security-token:${REPLIED.sessionToken}'`,
].join('\n');

async function controlTableOf(here: TestSandbox): Promise<string> {
  const dynamodb = new DynamoDBClient(connectionOf(here));
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: 'rescan-bot-control' }));
  dynamodb.destroy();
  return JSON.stringify(Items);
}

const connectionOf = (here: TestSandbox) => ({
  endpoint: here.sandbox.aws?.url ?? '',
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

async function controlBucketOf(here: TestSandbox): Promise<string> {
  const s3 = new S3Client({ ...connectionOf(here), forcePathStyle: true });
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'rescan-bot-control' }));
  const texts: string[] = [];
  for (const { Key = '' } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'rescan-bot-control', Key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    texts.push(Key, Buffer.from(Key.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1'));
  }
  s3.destroy();
  return texts.join('\n');
}

async function slackOf(here: TestSandbox): Promise<string> {
  const state = await (await fetch(`${here.sandbox.slack?.url}/sandbox/state`)).text();
  const { files } = z
    .looseObject({ files: z.array(z.looseObject({ peopleUrl: z.string() })) })
    .parse(JSON.parse(state));
  const texts = await Promise.all(files.map(async ({ peopleUrl }) => (await fetch(peopleUrl)).text()));
  return [state, ...texts].join('\n');
}

test('No secret that the bot was given, and none that a failure names, is in Slack, S3, the control table or the log', async () => {
  const here = await startTestSandbox({
    images: 24,
    seedTable: 'full',
    settings: { LOG_LEVEL: 'debug' },
  });
  onTestFinished(() => here.close());
  const { people, world } = here;
  await world.set({ latencyMs: 5, logger: 'works', failures: [{ rate: 1, kind: 'textract', message: MESSAGE }] });
  await people.command('operator', '/rescan backup');
  await people.sees(/is done and verified/);
  await people.command('operator', '/rescan start keep pace=160');
  const preview = await people.sees(/would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
  await people.sees(/stopped itself: 10 images failed in a row/);
  await people.command('operator', '/rescan failures');
  await people.sees(/TEXTRACT_ERROR/);
  await people.command('operator', '/rescan export failures');
  await people.file(/failed-images.*\.csv$/);
  await people.command('operator', '/rescan diff');
  expect(await people.file(/^diff.*\.csv$/)).toContain('FAILED_IMAGE');
  await people.command('operator', '/rescan logs errors');
  await people.sees(/Textract refused/);
  await people.command('operator', '/rescan audit export');
  await people.file(/^audit.*\.csv$/);
  const produced = {
    slack: await slackOf(here),
    bucket: await controlBucketOf(here),
    table: await controlTableOf(here),
    log: readFileSync(here.logPath, 'utf8'),
  };
  for (const [place, text] of Object.entries(produced)) {
    expect(text.length, place).toBeGreaterThan(100);
    for (const [name, secret] of Object.entries({ ...GIVEN, ...REPLIED }))
      expect(text.includes(secret), `${name} in ${place}: ${around(text, secret)}`).toBe(false);
  }
  // The texts are there, without the secrets: the search would find them.
  expect(produced.slack).toContain('Textract refused');
  expect(produced.table).toContain('Textract refused');
});

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return at < 0 ? '' : text.slice(Math.max(0, at - 200), at + 200);
}
