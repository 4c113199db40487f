import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { type Copy, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

type Item = Record<string, AttributeValue>;
const TableName = 'rescan-bot-control';
const UNREADABLE =
  /The entry with pk "run#.*of the control table cannot be read: it has other contents than the bot writes/;
let rig: RunsRig;
let dynamodb: DynamoDBClient;
let driver: Copy;
let runId: string;
beforeEach(async () => {
  rig = await startRunsRig();
  driver = await rig.copy();
  ({ dynamodb } = createAwsClients());
  runId = await rig.start(driver, { pace: { kind: 'fixed', perMinute: 300 } });
  await rig.untilDone(driver, 5);
});
afterEach(() => rig.close());

const entries = async (): Promise<readonly Item[]> => (await dynamodb.send(new ScanCommand({ TableName }))).Items ?? [];
const isRecord = ({ sk }: Item) => sk?.S === 'run';
const put = (Item: Item) => dynamodb.send(new PutItemCommand({ TableName, Item }));

async function remove(which: (entry: Item) => boolean): Promise<void> {
  for (const { pk, sk } of (await entries()).filter(which))
    if (pk && sk) await dynamodb.send(new DeleteItemCommand({ TableName, Key: { pk, sk } }));
}
/** The table as a restore to an earlier time leaves it. */
async function restore(earlier: readonly Item[]): Promise<void> {
  await remove(() => true);
  for (const entry of earlier) await put(entry);
}

/** The run is paused because of the control table, and from then on no image is invoked by itself. */
async function pausesWith(message: RegExp): Promise<void> {
  const { snapshot } = await driver.listensTo('paused');
  expect(snapshot.state).toMatchObject({
    kind: 'paused',
    because: { kind: 'fault', fault: { reason: 'control-table', message: expect.stringMatching(message) } },
  });
  const { total } = await rig.invocations();
  driver.runs.standBy();
  await rig.pass(30_000);
  expect((await rig.invocations()).total).toBe(total);
  expect(total).toBeLessThan(60);
}

test.each<[string, (entry: Item) => boolean]>([
  ['the record of the run', isRecord],
  ['every entry', () => true],
])('a run pauses when %s is deleted from the control table, and nothing starts it again', async (_what, which) => {
  await remove(which);
  await pausesWith(/is not in the control table any more/);
});

test('a run pauses when the control table is restored to a time before it was resumed, and a person can resume it', async () => {
  const earlier = await entries();
  value(await rig.during(driver.runs.stop('U1', { now: false })));
  await driver.listensTo('stopped');
  value(await rig.during(driver.runs.resume('U1')));
  const before = (await rig.invocations()).total;
  await rig.until(async () => ((await rig.invocations()).total > before + 3 ? true : undefined));
  await restore(earlier);
  await pausesWith(/has an earlier state of r-/);
  expect((await driver.runs.current())?.state).toMatchObject({ kind: 'paused' });
  value(await rig.during(driver.runs.resume('U1')));
  await driver.listensTo('completed');
});

test('a run pauses when its record has another plan than the bot writes, and every request says which entry it is', async () => {
  const [record] = (await entries()).filter(isRecord);
  await put({ ...record, plan: { S: 'nonsense' } });
  await pausesWith(UNREADABLE);
  await expect(driver.runs.current()).rejects.toMatchObject({
    fault: { reason: 'control-table', message: expect.stringMatching(UNREADABLE) },
  });
  await put({ ...record });
  await rig.pass(5_000);
  expect((await driver.runs.current())?.state.kind).toBe('paused');
});

test('a run whose state somebody overwrote pauses and writes its state, and a person can resume it', async () => {
  const [record] = (await entries()).filter(isRecord);
  await put({ ...record, state: { S: 'nonsense' } });
  await pausesWith(UNREADABLE);
  expect(await driver.runs.current()).toMatchObject({ runId, state: { kind: 'paused' } });
  value(await rig.during(driver.runs.resume('U1')));
  await driver.listensTo('completed');
});
