import { warnWithoutVersioning } from '../backup/catalogue/location.ts';
import type { Random } from '../lib/clock.ts';
import type { FollowedClock } from '../lib/followed-clock.ts';
import type { Logger } from '../lib/log.ts';
import { type AwsClients, checkBucket } from '../pipeline/aws.ts';
import type { PipelineSetup } from '../settings.ts';
import { clockWarning } from '../slack/messages/kit/clock-warning.ts';
import { createAnswerStore } from '../state/answer-store.ts';
import { createButtonMessages } from '../state/button-messages.ts';
import { type ChannelBindingStore, createChannelBindingStore } from '../state/channel-bindings.ts';
import { createChannelIdStore } from '../state/channel-ids.ts';
import { createDeliveryClaims } from '../state/delivery-claims.ts';
import { createEarlyAlerts } from '../state/early-alerts.ts';
import { createFollowUps } from '../state/follow-ups.ts';
import { createOutbox } from '../state/outbox.ts';
import { claimPipeline } from '../state/pipeline-claim.ts';
import { openControlTable } from '../state/table/control-table.ts';
import { createContext } from './context.ts';
import { assembleControls } from './controls.ts';
import { assembleHeartbeat } from './heartbeat.ts';
import type { PipelineParts } from './http.ts';
import { assembleRuns } from './runs/runs.ts';
import { assembleSchedules } from './schedules.ts';
import { assemblePipelineSlack, type PipelineSlack } from './slack/pipeline-slack.ts';
import type { SlackPorts } from './slack/ports.ts';

/** How long a shutdown waits until all audit entries are written, ms. */
const AUDIT_MS = 2_000;

/** A pipeline whose control table and bucket could be opened. Nothing of it runs yet. */
export interface OpenPipeline {
  readonly slack: PipelineSlack;
  readonly bindings: ChannelBindingStore;
  /** What it is observed by. */
  readonly observed: PipelineParts;
  /** Reports to CloudWatch from now on: this is the alarm that does not need Slack. */
  reportActivity(): void;
  /** Takes over what no process does, from now on. */
  standBy(): void;
  /** Ends all work; it is stored and continues at the next start. */
  shutDown(): Promise<unknown>;
  /** Writes what is left of the audit, after Slack was left. */
  close(): Promise<void>;
}

/**
 * Opens one pipeline: everything but the connection to Slack.
 * @throws ControlTableError or FaultError when it cannot be started.
 */
export async function openPipeline(
  setup: PipelineSetup,
  ports: Pick<SlackPorts, 'name' | 'channels' | 'choice' | 'publishHome'> & {
    readonly aws: AwsClients;
    readonly clock: FollowedClock;
    readonly random: Random;
    readonly logger: Logger;
    /** The name of this process in leases. */
    readonly holder: string;
  },
): Promise<OpenPipeline> {
  const { settings } = setup;
  const { aws, clock, random, logger, holder } = ports;
  const table = await openControlTable({ dynamodb: aws.dynamodb, tableName: settings.controlTable, clock });
  await checkBucket(aws.s3, settings.controlBucket);
  await claimPipeline({
    table,
    tableName: settings.controlTable,
    s3: aws.s3,
    bucket: settings.controlBucket,
    prefix: settings.controlPrefix,
    pipeline: { imageBucket: settings.imageBucket, ocrFunction: settings.ocrFunction, table: settings.table },
    ...(setup.name === undefined ? {} : { name: setup.name }),
  });
  clock.begin();
  const differs = clockWarning(clock.machineAheadMs());
  if (differs !== undefined) logger.warn({ machineAheadMs: clock.machineAheadMs() }, differs);
  const context = createContext({ settings, profile: settings.profile, aws, table, clock, random, logger, holder });
  void warnWithoutVersioning(context.backups, logger);
  // The time until the lease of a process that died can be taken over runs from here.
  await context.leases.runs.look().catch((error: unknown) => context.warn('the lease could not be read', error));
  const runs = assembleRuns(context);
  const controls = assembleControls(context, runs);
  const { tables, steps, deploys, autopilot, audit } = controls;
  const { ocrFunction: name } = settings;
  const { warnOnce: warn } = context;
  const outbox = createOutbox({ table, name, warn });
  const heartbeat = assembleHeartbeat(context, { runs, tables });
  const slack = assemblePipelineSlack({
    ...controls,
    ...(ports.name === undefined ? {} : { name: ports.name }),
    ...(ports.publishHome === undefined ? {} : { publishHome: ports.publishHome }),
    settings,
    channels: ports.channels,
    choice: ports.choice,
    runs,
    ...assembleSchedules(context),
    outbox,
    channelIds: createChannelIdStore({ table, name }),
    buttonMessages: createButtonMessages({ table, name, warn }),
    earlyAlerts: createEarlyAlerts({ table, name }),
    answerStore: createAnswerStore({ table, name }),
    deliveryClaims: createDeliveryClaims({ table, name, warn }),
    followUps: createFollowUps({ table, name, warn }),
    drivesRuns: context.leases.runs.holds,
    followUpLease: context.leases.followUps,
    webhookEvents: createFollowUps({ table, name: `${name}#webhook`, warn }),
    webhookLease: context.leases.webhooks,
    clock,
    machineAheadMs: clock.machineAheadMs,
    random,
    logger,
  });
  return {
    slack,
    bindings: createChannelBindingStore(table),
    observed: { pipeline: setup.name ?? name, context, runs, outbox, tables, deploys },
    reportActivity: () => heartbeat?.standBy(),
    standBy() {
      for (const part of [runs, tables, deploys, steps, autopilot, slack.firings]) part.standBy();
      audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'begun' });
      logger.info({ holder, channels: settings.slackChannels }, 'the pipeline has started');
    },
    // All at once: a slow step of the autopilot must not let a run start more images.
    async shutDown() {
      await Promise.all([slack.firings, autopilot, runs, tables, steps, deploys].map((part) => part.shutDown()));
      await heartbeat?.shutDown();
    },
    async close() {
      audit.enqueue({ who: 'bot', what: `bot ${holder}`, outcome: 'stopped' });
      await audit.close(AUDIT_MS);
    },
  };
}
