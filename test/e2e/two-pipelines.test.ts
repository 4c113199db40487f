import { afterAll, beforeAll, expect, test } from 'vitest';
import { buttonOf } from '../../sandbox/people.ts';
import { CHANNEL_OF } from '../../sandbox/second-pipeline.ts';
import { eventually, HANGS_MS } from '../support/eventually.ts';
import { freePorts } from '../support/rigs/free-ports.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

/** Two pipelines in two accounts, whose function, table and buckets have the same names. */
let bot: TestSandbox;
let url: string;
beforeAll(async () => {
  const HTTP_PORT = String(await freePorts());
  url = `http://127.0.0.1:${HTTP_PORT}`;
  bot = await startTestSandbox({
    images: 12,
    twoPipelines: {},
    ofProcess: { HTTP_PORT },
    settings: { ROWS_WAIT_SECONDS: '1' },
  });
});
afterAll(() => bot.close());

const inDev = { channel: CHANNEL_OF.dev };
const inProd = { channel: CHANNEL_OF.prod };
const inRandom = { channel: 'C0RANDOM' };
const type = (person: string, line: string, channel: string) => bot.people.command(person, `/rescan ${line}`, channel);
const invocations = async () => [(await bot.world.invocations()).total, (await bot.prodWorld?.invocations())?.total];
/** What a person was answered last. */
async function answerTo(person: string, line: string, channel: string): Promise<string> {
  const id = { 'timesheet-ocr': CHANNEL_OF.dev, 'timesheet-prod': CHANNEL_OF.prod, random: 'C0RANDOM' }[channel];
  const here = async () => (await bot.people.ephemerals()).filter(({ channelId }) => channelId === id);
  const before = (await here()).length;
  const answer = await type(person, line, channel);
  const until = Date.now() + HANGS_MS;
  for (;;) {
    const ephemerals = (await here()).slice(before);
    const texts = ephemerals.map(({ text }) => text).filter((text) => !text.endsWith('Checking…'));
    if (texts.length > 0) return texts.at(-1) ?? '';
    if (Date.now() > until) throw new Error(`no answer to ${line}: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a run of each pipeline with the same id processes the images of its own account only, and every message says whose it is', async () => {
  await type('operator', 'start keep limit=4 pace=160', 'timesheet-ocr');
  const ofDev = await bot.people.sees(/r-0001/, inDev);
  expect(await invocations()).toEqual([0, 0]);
  await bot.people.click('operator', ofDev.ts, buttonOf(ofDev, /plan_start/));
  await bot.people.sees(/r-0001 is complete/s, inDev);
  expect(await invocations()).toEqual([4, 0]);
  expect(await answerTo('viewer', 'status', 'timesheet-prod')).toMatch(/^\[prod\] (?!.*r-0001)/s);

  await type('operator', 'start keep limit=6 pace=160', 'timesheet-prod');
  const ofProd = await bot.people.sees(/r-0001/, inProd);
  await bot.people.click('operator', ofProd.ts, buttonOf(ofProd, /plan_start/));
  await bot.people.sees(/r-0001 is complete/s, inProd);
  expect(await invocations()).toEqual([4, 6]);

  for (const [name, place] of [
    ['dev', inDev],
    ['prod', inProd],
  ] as const) {
    const messages = await bot.people.messages(place.channel);
    expect(messages.length).toBeGreaterThan(1);
    for (const message of messages) expect(message.text).toMatch(new RegExp(`^\\[${name}\\] `));
    for (const message of messages)
      for (const { name: file } of message.files) expect(file).toMatch(new RegExp(`^${name}-`));
  }
});

test('a channel without a pipeline offers those that the person operates, and an operator chooses one once the bot is there', async () => {
  expect(await answerTo('viewer', 'status', 'random')).toMatch(/belongs to no pipeline/);
  expect(await answerTo('viewer', 'use', 'random')).toMatch(/pipelines are `dev`, `prod`.*operator of no other/s);
  expect(await answerTo('viewer', 'use prod', 'random')).toMatch(/read-only access|not listed|only/i);
  expect(await answerTo('operator', 'use prdo', 'random')).toMatch(/Did you mean `prod`/);
  expect(await answerTo('operator', 'use prod', 'random')).toMatch(/cannot post in this channel/);
  await fetch(`${bot.sandbox.slack?.url}/sandbox/channel`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'random', do: 'invite-bot' }),
  });
  expect(await answerTo('operator', 'use prod', 'random')).toMatch(/belongs to the pipeline `prod` now/);
  expect(await answerTo('operator', 'use', 'random')).toMatch(/^\[prod\].*U0OPERATOR.*chose it/s);
  expect(await answerTo('viewer', 'status', 'random')).toMatch(/^\[prod\] .*r-0001/s);
  expect(await answerTo('operator', 'use dev', 'timesheet-prod')).toMatch(
    /settings list this channel for the pipeline `prod`/,
  );
  await bot.people.sees(/\[prod\].*U0OPERATOR.*chose the pipeline/s, inRandom);
});

test('a choice outlives the process, and its buttons are of no use once the channel has another pipeline', async () => {
  await type('operator', 'start keep limit=2', 'random');
  const plan = await bot.people.sees(/\[prod\].*r-0002/s, inRandom);
  await bot.people.bot('kill');
  await bot.people.bot('start');
  expect(await answerTo('operator', 'use dev', 'random')).toMatch(
    /belongs to the pipeline `dev` now, and no longer to `prod`/,
  );
  const before = await invocations();
  await bot.people.click('operator', plan.ts, buttonOf(plan, /plan_start/));
  await bot.people.sees(/button is of the pipeline `prod`/, inRandom);
  expect(await invocations()).toEqual(before);
  expect(await answerTo('viewer', 'status', 'random')).toMatch(/^\[dev\] /);
  const audit = await answerTo('viewer', 'audit', 'timesheet-ocr');
  expect(audit).toMatch(/C0RANDOM/);
  expect(audit).not.toMatch(/\[prod\]/);
});

test('a pipeline whose credentials are rejected says so in its channel and is started later, while the other one works', async () => {
  await bot.people.bot('kill');
  await bot.prodWorld?.set({ expiredCredentials: true });
  await bot.people.bot('start');
  await bot.people.sees(/\[prod\] The pipeline `prod` could not be started.*credentials/s, inProd);
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { notReady: ['pipeline prod: not started'] }]);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('rescan_pipeline_started{pipeline="prod"} 0');
  expect(await answerTo('viewer', 'status', 'timesheet-prod')).toMatch(/\[prod\].*could not be started.*not affected/s);
  expect(await answerTo('viewer', 'status', 'timesheet-ocr')).toMatch(/^\[dev\] .*r-0001/s);
  expect(await answerTo('operator', 'stop', 'timesheet-prod')).toMatch(
    /\[prod\].*stop is stored in the file.*STOP_RESCAN-prod/s,
  );
  await bot.prodWorld?.set({ expiredCredentials: false });
  await bot.people.sees(/\[prod\] The pipeline `prod` has started/, inProd);
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
  expect(await answerTo('viewer', 'status', 'timesheet-prod')).toMatch(/^\[prod\] (?!.*could not be started)/s);
});
