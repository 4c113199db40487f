import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { INVOICE_TABLES, type InvoiceTable } from './aws/ocr/team.ts';
import type { BotStatus } from './bot-process.ts';
import { ENGINES, type Engine, startSandbox } from './sandbox.ts';

/** The local AWS, the page and the bot use the next three ports. */
const MOST_PORT = 65_531;

const USAGE = `npm run sandbox [-- OPTIONS]

  --slack-only   start only the local Slack, and print the lines that a .env needs for it
  --aws-only     start only the local AWS with its pipeline, and print the lines that a .env needs for it
  --images N     number of images in the bucket (default 240)
  --http         Slack reaches the bot over HTTP, and not over Socket Mode
  --empty        start with an empty table (default: with the records of an earlier rescan)
  --two-pipelines  two pipelines, dev and prod, in two AWS accounts and two channels
  --engine E     what invokes the function: local (the bot) or step-functions (the local AWS; install
                 the state machine once, with /rescan engine install)
  --invoices T   the pipeline of another team, which reads invoices: its table has hash-only (one key) or
                 numeric (a number as the sort key)
  --port P       port of the local Slack (default 4390); the local AWS uses the next one, the page the one after,
                 and with --http the bot the third`;

function wholeNumber(name: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new Error(`--${name} is "${text}"; it must be a whole number from 1 to ${most}.`);
  return value;
}

function engineOf(text: string | undefined): Engine | undefined {
  const engine = ENGINES.find((known) => known === text);
  if (text !== undefined && !engine) throw new Error(`--engine is "${text}"; it must be ${ENGINES.join(' or ')}.`);
  return engine;
}

function invoicesOf(text: string | undefined): InvoiceTable | undefined {
  const table = INVOICE_TABLES.find((known) => known === text);
  if (text !== undefined && !table)
    throw new Error(`--invoices is "${text}"; it must be ${INVOICE_TABLES.join(' or ')}.`);
  return table;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'slack-only': { type: 'boolean', default: false },
      'aws-only': { type: 'boolean', default: false },
      empty: { type: 'boolean', default: false },
      http: { type: 'boolean', default: false },
      images: { type: 'string' },
      port: { type: 'string' },
      engine: { type: 'string' },
      invoices: { type: 'string' },
      'two-pipelines': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (values['slack-only'] && values['aws-only'])
    throw new Error('--slack-only and --aws-only cannot be used together.');
  const root = fileURLToPath(new URL('../', import.meta.url));
  const logPath = join(root, '.sandbox', 'bot.log');
  const images = wholeNumber('images', values.images, 240, 100_000);
  const engine = engineOf(values.engine);
  const invoices = invoicesOf(values.invoices);
  const port = wholeNumber('port', values.port, 4390, MOST_PORT);
  let isEnding = false;
  const starting = startSandbox({
    slack: !values['aws-only'],
    aws: !values['slack-only'],
    images,
    port,
    seedTable: values.empty ? 'empty' : 'full',
    slackOver: values.http ? 'http' : 'socket',
    ...(engine ? { engine } : {}),
    ...(invoices ? { pipeline: { table: 'invoices', functionName: 'invoice-reader', invoices } } : {}),
    ...(values['two-pipelines'] ? { twoPipelines: { settings: {} } } : {}),
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
  if (sandbox.prodAws) console.log(`AWS of prod   ${sandbox.prodAws.url}   (its channel: timesheet-prod)`);
  if (sandbox.bot) console.log(`The bot       ${botText(sandbox.bot.status())}, log in ${logPath}`);
  if (existsSync(sandbox.stopFile))
    console.log(`Note: the stop file ${sandbox.stopFile} exists, so no run will start.`);
  if (sandbox.slack && sandbox.bot) console.log(`\nOr without the page:\n${tryIt(sandbox.slack.url)}`);
  else console.log(`\nCopy these lines to .env, or to a shell:\n${exports(sandbox.environment)}`);
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
