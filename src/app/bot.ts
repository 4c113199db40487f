import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { warnWithoutVersioning } from '../backup/catalogue/location.ts';
import { systemClock } from '../lib/clock.ts';
import { createFollowedClock } from '../lib/followed-clock.ts';
import type { Logger } from '../lib/log.ts';
import { checkBucket, createAwsClients } from '../pipeline/aws.ts';
import type { Settings } from '../settings.ts';
import { clockWarning } from '../slack/messages/kit/clock-warning.ts';
import { createAnswerStore } from '../state/answer-store.ts';
import { createButtonMessages } from '../state/button-messages.ts';
import { createChannelIdStore } from '../state/channel-ids.ts';
import { openControlTable } from '../state/control-table.ts';
import { createEarlyAlerts } from '../state/early-alerts.ts';
import { createFollowUps } from '../state/follow-ups.ts';
import { createOutbox } from '../state/outbox.ts';
import { claimPipeline } from '../state/pipeline-claim.ts';
import { createContext } from './context.ts';
import { assembleControls } from './controls.ts';
import { assembleRuns } from './runs.ts';
import { assembleSlackApp } from './slack/slack-app.ts';

/** How long a shutdown waits until all audit entries are written, ms. */
const AUDIT_MS = 2_000;

/**
 * Starts the bot. Resolves to the function that stops it.
 * @throws ControlTableError or FaultError when the bot cannot start.
 */
export async function startBot(settings: Settings, logger: Logger): Promise<() => Promise<void>> {
  // Times of this process are compared with times that AWS wrote, and other processes read them.
  const clock = createFollowedClock(systemClock);
  const random = Math.random;
  const holder = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  const aws = createAwsClients(clock);
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
  clock.begin();
  const differs = clockWarning(clock.machineAheadMs());
  if (differs !== undefined) logger.warn({ machineAheadMs: clock.machineAheadMs() }, differs);
  const context = createContext({ settings, aws, table, clock, random, logger, holder });
  void warnWithoutVersioning(context.backups, logger);
  // The time until the lease of a process that died can be taken over runs from here.
  await context.leases.runs.look().catch((error: unknown) => context.warn('the lease could not be read', error));
  const runs = assembleRuns(context);
  const controls = assembleControls(context, runs);
  const { tables, steps, deploys, autopilot, audit } = controls;
  const slack = assembleSlackApp({
    ...controls,
    settings,
    runs,
    outbox: createOutbox({ table, name: settings.ocrFunction }),
    channelIds: createChannelIdStore({ table, name: settings.ocrFunction }),
    buttonMessages: createButtonMessages({ table, name: settings.ocrFunction }),
    earlyAlerts: createEarlyAlerts({ table, name: settings.ocrFunction }),
    answerStore: createAnswerStore({ table, name: settings.ocrFunction }),
    followUps: createFollowUps({ table, name: settings.ocrFunction }),
    followUpLease: context.leases.followUps,
    clock,
    machineAheadMs: clock.machineAheadMs,
    random,
    logger,
  });
  await slack.start();
  for (const part of [runs, tables, deploys, steps, autopilot]) part.standBy();
  audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'begun' });
  logger.info({ holder, channels: settings.slackChannels }, 'rescan-bot started');
  return async () => {
    // All at once: a slow step of the autopilot must not let a run start more images.
    await Promise.all([autopilot, runs, tables, steps, deploys].map((part) => part.shutDown()));
    await slack.stop();
    audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'stopped' });
    await audit.close(AUDIT_MS);
  };
}
