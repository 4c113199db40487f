import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import { eventually } from '../support/eventually.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const MINUTE_MS = 60_000;

let here: TestSandbox;
beforeEach(async () => {
  here = await startTestSandbox({
    images: 20,
    seedTable: 'full',
    settings: { SAMPLE_IMAGES: '0', LEASE_SECONDS: '8' },
  });
});
afterEach(() => here.close());

/** A person who has images. */
async function firstPerson(): Promise<string> {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const client = new DynamoDBClient({ endpoint: here.sandbox.aws?.url ?? '', region: 'us-east-1', credentials });
  const { Items = [] } = await client.send(new ScanCommand({ TableName: 'TimesheetOCR-dev', ConsistentRead: true }));
  client.destroy();
  return Items.find(({ SourceImage }) => SourceImage?.S)?.ResourceName?.S ?? '';
}

/** The first schedule is as if nobody had looked at it since then. */
async function setBack(doneUntil: number): Promise<void> {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const client = new DynamoDBClient({ endpoint: here.sandbox.aws?.url ?? '', region: 'us-east-1', credentials });
  await client.send(
    new UpdateItemCommand({
      TableName: 'rescan-bot-control',
      Key: { pk: { S: 'schedules#TimesheetOCR-ocr-dev' }, sk: { S: 'slot#01' } },
      UpdateExpression: 'SET doneUntil = :until',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':until': { N: String(doneUntil) } },
    }),
  );
  client.destroy();
}

/** A quarter of an hour ago, so that it is due; its hourly cron expression has the next time in three quarters of an hour. */
const quarterAgo = () => new Date(Date.now() - 15 * MINUTE_MS);
const textsOf = async () => (await here.people.messages()).map(({ text }) => text);

/** The bot dies, `sinceMs` before `due` was the last look at the schedule, and two copies start at the same moment. */
async function startTwoCopies(due: Date, sinceMs: number, work: () => Promise<void>): Promise<void> {
  await here.people.bot('kill');
  await setBack(due.getTime() - sinceMs);
  const second = spawn(process.execPath, [MAIN], { env: here.environment });
  let log = '';
  second.stdout.on('data', (part) => {
    log += String(part);
  });
  const ended = once(second, 'exit');
  try {
    await here.people.bot('start');
    await eventually(() => expect(log).toContain('the pipeline has started'));
    await work();
  } finally {
    second.kill('SIGKILL');
    await ended;
  }
}

test('a time that passed while the bot was down is fired once when two copies start at the same moment', {
  timeout: 400_000,
}, async () => {
  const { people } = here;
  const due = quarterAgo();
  const cron = `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
  await people.command('operator', `/rescan schedule backup "${cron}" nightly`);
  const answer = wholeText(await people.sees(/Schedule `sc-[a-z]{4}` is set: backup `nightly`/));
  expect(answer).toMatch(/Next: \d{4}-\d\d-\d\d \d\d:\d\d UTC, then/);

  await startTwoCopies(due, 5 * MINUTE_MS, async () => {
    await people.sees(/is done and verified/);
    await people.command('viewer', '/rescan schedule');
    const list = wholeText(await people.sees(/1 schedule\./));
    expect(list).toMatch(/: started `backup-[^`]+`/);
    const texts = (await textsOf()).join('\n');
    expect(new Set(texts.match(/Backup `b-\w+` is done/g)).size).toBe(1);
    expect(texts).not.toMatch(/was not started|failed to start|was missed|not known/);
  });
});

test('a scheduled retry is started once by two copies, and the channel hears of the times that were missed', {
  timeout: 400_000,
}, async () => {
  const { people, world } = here;
  await world.set({ failures: [{ kind: 'textract', rate: 1 }] });
  await people.command('operator', '/rescan start keep limit=3');
  const plan = await people.sees(/would invoke the function for/);
  await people.click('operator', plan.ts, buttonOf(plan, /plan_start/));
  await people.sees(/r-0001 is complete/);
  await world.set({ failures: [] });

  const due = quarterAgo();
  await people.command('operator', `/rescan schedule retry "${due.getUTCMinutes()} * * * *"`);
  await people.sees(/Schedule `sc-[a-z]{4}` is set: retry of failed images/);
  await startTwoCopies(due, 3 * 60 * MINUTE_MS + 5 * MINUTE_MS, async () => {
    await people.sees(/The scheduled retry of failed images `sc-[a-z]{4}` missed 3 planned times\./);
    await people.sees(/r-0002 is complete/);
    await people.command('viewer', '/rescan schedule');
    const list = wholeText(await people.sees(/1 schedule\./));
    expect(list).toMatch(/: started `run r-0002`/);
    expect(list).toMatch(/3 planned times missed, this the last/);
    // Each of the three images failed once and was processed once.
    expect(Object.values((await world.invocations()).byKey)).toEqual([2, 2, 2]);
    expect((await textsOf()).filter((text) => /missed 3 planned times/.test(text))).toHaveLength(1);
    expect((await textsOf()).join('\n')).not.toMatch(/r-0003/);
  });
});

test('a scheduled rescan is started once by two copies, stops at the approval of its flush, and goes on after it', {
  timeout: 400_000,
}, async () => {
  const { people, world } = here;
  const person = (await firstPerson()).replaceAll('_', ' ');
  await people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await people.sees(/is skipped in this rescan/);
  const due = quarterAgo();
  await people.command('operator', `/rescan schedule rescan "${due.getUTCMinutes()} * * * *" people="${person}"`);
  const answer = wholeText(await people.sees(/Schedule `sc-[a-z]{4}` is set: rescan/));
  expect(answer).toMatch(/a second person, not .*U0OPERATOR.*, has to approve it/);
  await startTwoCopies(due, 5 * MINUTE_MS, async () => {
    const asked = await people.sees(/Approval needed: flush/);
    expect(wholeText(asked)).toContain('U0OPERATOR');
    const before = (await world.invocations()).total;
    await people.click('operator', asked.ts, buttonOf(asked, /approve/));
    await people.command('viewer', '/rescan status');
    await people.sees(/[Ww]aiting for approval|waits for/);
    expect((await world.invocations()).total).toBe(before);
    expect((await textsOf()).some((text) => /The flush is done/.test(text))).toBe(false);

    await people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await people.sees(/The autopilot has finished\. Rescan r-0001/);
    const texts = await textsOf();
    expect(texts.filter((text) => /Approval needed: flush|^Flush of /.test(text))).toHaveLength(1);
    expect(texts.filter((text) => /^The autopilot has finished\. Rescan r-/.test(text))).toHaveLength(1);
    await people.command('viewer', '/rescan schedule');
    expect(wholeText(await people.sees(/1 schedule\./))).toMatch(/: started `autopilot /);
  });
});
