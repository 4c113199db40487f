import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { BOT_STATEMENTS } from '../../deploy/iam/bot-statements.ts';
import type { Name } from '../../deploy/iam/policy.ts';
import { buttonOf } from '../../sandbox/people.ts';
import { ACCOUNT, type Asked, askedBy, isAllowed } from '../deploy/requests.ts';
import { startFaultProxy } from '../support/aws/fault-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { startTestSandbox } from '../support/rigs/sandbox.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const NAMES: Readonly<Record<Name, string>> = {
  partition: 'aws',
  region: 'us-east-1',
  account: ACCOUNT,
  controlTable: 'rescan-bot-control',
  controlBucket: 'rescan-bot-control',
  controlPrefix: 'bot/',
  imageBucket: 'timesheetocr-input-dev-016164185850',
  table: 'TimesheetOCR-dev',
  ocrFunction: 'TimesheetOCR-ocr-dev',
  stateMachine: 'rescan-bot',
  stateMachineRole: 'rescan-bot-state-machine',
};
/** The role with the options that the template chooses by itself. */
const statements = BOT_STATEMENTS.filter(({ option }) => option === undefined || option === 'AllowDeploy');
const isInRole = (asked: Asked) => isAllowed(statements, (name) => NAMES[name], asked);

test('every request of a whole checklist is allowed by the role of the bot, on exactly the resource that it names', async () => {
  const here = await startTestSandbox({ images: 60, seedTable: 'full', settings: { PACE: '3000' } });
  const asked = new Map<string, Asked>();
  const unknown: string[] = [];
  const proxy = await startFaultProxy(here.sandbox.aws?.url ?? '', {
    intercept(call) {
      // The address of the package that Lambda answered is signed by Lambda itself.
      if (call.path.startsWith('/sandbox/packages/')) return undefined;
      try {
        for (const one of askedBy(call)) asked.set(JSON.stringify(one), one);
      } catch (error) {
        unknown.push(String(error));
      }
      return undefined;
    },
  });
  await here.people.bot('stop');
  const bot = spawn(process.execPath, [MAIN], {
    env: { ...here.environment, AWS_ENDPOINT_URL: proxy.url, CONTROL_PREFIX: 'bot/' },
  });
  let log = '';
  for (const stream of [bot.stdout, bot.stderr])
    stream.on('data', (part) => {
      log += String(part);
    });
  const ended = once(bot, 'exit');
  try {
    await eventually(() => expect(log).toContain('the pipeline has started'));
    await here.world.set({
      latencyMs: 5,
      quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
    });
    const { people } = here;
    await people.command('operator', '/rescan autopilot');
    const plan = await people.sees(/The autopilot would do the whole rescan: 60 images/);
    await people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
    const request = await people.sees(/Approval needed: flush/);
    await people.click('approver', request.ts, buttonOf(request, /approve/));
    await people.sees(/The autopilot has finished\. Rescan r-0001: 60 of 60 done/);
    await people.command('operator', '/rescan diff');
    await people.sees(/against the backup|compared with|differ/i);
    await people.command('operator', '/rescan logs errors');
    await eventually(() => expect([...asked.keys()].join()).toContain('logs:FilterLogEvents'));
  } finally {
    bot.kill('SIGTERM');
    await ended;
    await proxy.stop();
    await here.close();
  }
  expect(unknown).toEqual([]);
  expect([...asked.values()].filter((one) => !isInRole(one))).toEqual([]);
  const actions = new Set([...asked.values()].map(({ action }) => action));
  for (const action of [
    'dynamodb:PutItem',
    'dynamodb:DeleteItem',
    'lambda:UpdateFunctionCode',
    's3:PutObject',
    'cloudwatch:PutMetricData',
  ])
    expect(actions).toContain(action);
  expect(actions.size).toBeGreaterThan(20);
});

test.each<[what: string, asked: Asked]>([
  ['an object outside of the prefix', { action: 's3:PutObject', resource: 'arn:aws:s3:::rescan-bot-control/other/x' }],
  ['deleting a package', { action: 's3:DeleteObject', resource: 'arn:aws:s3:::rescan-bot-control/bot/packages/x.zip' }],
  ['deleting an image', { action: 's3:DeleteObject', resource: `arn:aws:s3:::${NAMES.imageBucket}/x.png` }],
  ['another table', { action: 'dynamodb:DeleteItem', resource: `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/other` }],
  [
    'metrics of others',
    { action: 'cloudwatch:PutMetricData', resource: '*', keys: { 'cloudwatch:namespace': 'Other' } },
  ],
])('the role of the bot does not allow %s', (_what, asked) => {
  expect(isInRole(asked)).toBe(false);
});
