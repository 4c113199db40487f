import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createChecklistParts } from './app/checklist.ts';
import { assembleRuns } from './app/runs.ts';
import { assembleSlackApp } from './app/slack/slack-app.ts';
import { systemClock } from './lib/clock.ts';
import { SettingsError } from './lib/environment.ts';
import { createLogger, type Logger } from './lib/log.ts';
import { checkBucket, createAwsClients } from './pipeline/aws.ts';
import { FaultError } from './pipeline/fault.ts';
import { readSettings, type Settings } from './settings.ts';
import { ControlTableError, openControlTable } from './state/control-table.ts';
import { createFollowUps } from './state/follow-ups.ts';
import { createLease } from './state/lease.ts';
import { createOutbox } from './state/outbox.ts';
import { claimPipeline } from './state/pipeline-claim.ts';

/** The part of the time for a shutdown in which images in flight may come to their end. */
const DRAIN_PART = 0.4;
/** How long a shutdown waits for entries of the audit that could not be written yet, ms. */
const AUDIT_MS = 2_000;

/** Puts the parts together and starts them; answers with the function that stops them cleanly. */
async function startBot(settings: Settings, logger: Logger): Promise<() => Promise<void>> {
  const clock = systemClock;
  const random = Math.random;
  const holder = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  const aws = createAwsClients();
  const table = await openControlTable({ dynamodb: aws.dynamodb, tableName: settings.controlTable, clock });
  await checkBucket(aws.s3, settings.controlBucket);
  await claimPipeline({
    table,
    tableName: settings.controlTable,
    s3: aws.s3,
    bucket: settings.controlBucket,
    prefix: settings.controlPrefix,
    pipeline: { imageBucket: settings.imageBucket, ocrFunction: settings.ocrFunction, table: settings.table },
  });
  const runs = await assembleRuns({
    settings,
    aws,
    table,
    clock,
    random,
    logger,
    holder,
    drainMs: settings.shutdownMs * DRAIN_PART,
  });
  const rescans = createChecklistParts({
    settings,
    aws,
    table,
    clock,
    random,
    logger,
    holder,
    runs,
    pace: settings.pace,
  });
  const { tables, steps, deploys, autopilot, audit } = rescans;
  const outbox = createOutbox({ table, name: settings.ocrFunction });
  const name = settings.ocrFunction;
  const durationMs = settings.leaseMs;
  const followUps = createFollowUps({ table, name });
  const followUpLease = createLease({ table, name: `afterwards#${name}`, holder, durationMs, clock, logger });
  const slack = assembleSlackApp({
    settings,
    runs,
    ...rescans,
    outbox,
    followUps,
    followUpLease,
    clock,
    random,
    logger,
  });
  await slack.start();
  runs.standBy();
  tables.standBy();
  deploys.standBy();
  steps.standBy();
  autopilot.standBy();
  audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'is up' });
  logger.info({ holder, channels: settings.slackChannels }, 'rescan-bot is up');
  return async () => {
    // Side by side: a step of the autopilot that takes its time must not keep a run starting images.
    await Promise.all([autopilot.shutDown(), runs.shutDown(), tables.shutDown(), steps.shutDown(), deploys.shutDown()]);
    await slack.stop();
    audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'was shut down' });
    await audit.close(AUDIT_MS);
  };
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = createLogger(settings.logLevel);
  // A dropped Socket Mode connection rejects outside of any promise of ours; it reconnects by itself. A run must go on.
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'a promise nobody waited for was rejected'));
  let stopping = false;
  const starting = startBot(settings, logger);
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      logger.info({ signal }, 'stopping: nothing new starts');
      // What is left is on record, and is taken up at the next start: a call that hangs is not worth waiting for.
      setTimeout(() => {
        logger.error('something hangs: going down without waiting for it');
        process.exit(1);
      }, settings.shutdownMs);
      starting
        .then((stop) => stop())
        .then(
          () => process.exit(0),
          (error) => {
            logger.error({ err: error }, 'did not stop cleanly');
            process.exit(1);
          },
        );
    });
  await starting;
}

main().catch((error: unknown) => {
  if (error instanceof SettingsError) {
    console.error('rescan-bot cannot start. Nothing was done. These settings are missing or malformed:');
    for (const line of error.lines) console.error(`  ${line}`);
  } else if (error instanceof ControlTableError || error instanceof FaultError) {
    console.error(`rescan-bot cannot start. Nothing was done.\n  ${error.fault.message}\n  ${error.fault.fix}`);
  } else {
    console.error('rescan-bot cannot start:', error);
  }
  process.exit(1);
});
