import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BotStatus } from './bot-process.ts';
import { startSandbox } from './sandbox.ts';

/** The local AWS and the page use the next two ports. */
const MOST_PORT = 65_533;

const USAGE = `npm run sandbox [-- OPTIONS]

  --slack-only   start only the local Slack
  --aws-only     start only the local AWS
  --images N     number of images in the bucket (default 240)
  --empty        start with an empty table (default: with the records of an earlier rescan)
  --port P       port of the local Slack (default 4390); the local AWS uses the next one, the page the one after`;

function wholeNumber(name: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new Error(`--${name} is "${text}"; it must be a whole number from 1 to ${most}.`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'slack-only': { type: 'boolean', default: false },
      'aws-only': { type: 'boolean', default: false },
      empty: { type: 'boolean', default: false },
      images: { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (values['slack-only'] && values['aws-only'])
    throw new Error('--slack-only and --aws-only cannot be used together.');
  const root = fileURLToPath(new URL('../', import.meta.url));
  const logPath = join(root, '.sandbox', 'bot.log');
  const images = wholeNumber('images', values.images, 240, 100_000);
  const port = wholeNumber('port', values.port, 4390, MOST_PORT);
  let isEnding = false;
  const starting = startSandbox({
    slack: !values['aws-only'],
    aws: !values['slack-only'],
    images,
    port,
    seedTable: values.empty ? 'empty' : 'full',
    environment: process.env,
    logPath,
    onBotEnded(how, lastErrorLines) {
      if (isEnding) return;
      console.log(`\nThe bot ended (${how}); log: ${logPath}`);
      for (const line of lastErrorLines) console.log(`  ${line}`);
      console.log('Start it again in the World pane of the page, or with POST /sandbox/bot {"do":"start"}.');
    },
  });
  // Set up before the start, so that a signal during the start also stops every part. A second Ctrl+C exits at once.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (isEnding) process.exit(130);
      isEnding = true;
      void starting
        .then((sandbox) => sandbox.close())
        .then(
          () => process.exit(0),
          () => process.exit(1),
        );
    });
  console.log('Starting…');
  const sandbox = await starting;
  if (isEnding) return;
  if (sandbox.page) console.log(`\nOpen in a browser   ${sandbox.page.url}\n`);
  if (sandbox.slack) console.log(`Local Slack   ${sandbox.slack.url}   (state: ${sandbox.slack.url}/sandbox/state)`);
  if (sandbox.aws) console.log(`Local AWS     ${sandbox.aws.url}   (world: ${sandbox.aws.url}/sandbox/world)`);
  if (sandbox.bot) console.log(`The bot       ${botText(sandbox.bot.status())}, log in ${logPath}`);
  if (existsSync(sandbox.stopFile))
    console.log(`Note: the stop file ${sandbox.stopFile} exists, so no run will start.`);
  if (sandbox.slack && sandbox.bot) console.log(`\nOr without the page:\n${tryIt(sandbox.slack.url)}`);
  else console.log(`\nPoint a program at it with:\n${exports(sandbox.environment)}`);
  console.log('\nEnd with Ctrl+C.');
}

const botText = ({ running, pid }: BotStatus): string => (running ? `process ${pid}` : 'not running');

const tryIt = (url: string) => `  curl -s ${url}/sandbox/command -H 'content-type: application/json' \\
    -d '{"user":"operator","channel":"timesheet-ocr","text":"/rescan help"}'
  curl -s ${url}/sandbox/state`;

const exports = (environment: Readonly<Record<string, string>>) =>
  Object.entries(environment)
    .map(([name, value]) => `  export ${name}=${value}`)
    .join('\n');

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
