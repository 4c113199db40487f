import { type DelayLimits, delayCeilingMs } from '../lib/async/backoff.ts';
import { within } from '../lib/async/within.ts';
import type { Clock, Random } from '../lib/clock.ts';
import { createFollowedClock } from '../lib/followed-clock.ts';
import type { Logger } from '../lib/log.ts';
import { asFaultError, createAwsClients } from '../pipeline/aws.ts';
import { carriedFault, FaultError } from '../pipeline/fault.ts';
import type { Fault } from '../pipeline/invoke/invocation.ts';
import { describeTable, TableNotFoundError } from '../pipeline/table/table.ts';
import type { PipelineSetup } from '../settings.ts';
import type { PublishHome } from '../slack/client/view-client.ts';
import { createPermissions, type Permissions } from '../slack/intake/permissions.ts';
import type { Message } from '../slack/messages/kit/message.ts';
import { nameMessage } from '../slack/messages/kit/pipeline-name.ts';
import { availableMessage, unavailableMessage } from '../slack/messages/pipelines/choose-messages.ts';
import type { PipelineChoice } from '../slack/requests/choose-pipeline.ts';
import type { ChannelBindings } from '../state/channel-bindings.ts';
import type { StoredStops } from '../state/stops/stored-stops.ts';
import { assembleStoredStops } from './context.ts';
import type { HttpSide } from './http.ts';
import { type OpenPipeline, openPipeline } from './pipeline.ts';
import type { WithoutPipeline } from './slack/without-pipeline.ts';

/** How long after a failure a pipeline is started again. */
const RETRY: DelayLimits = { baseMs: 5_000, maxMs: 60_000 };
/** How long the start of the process waits for a pipeline, ms: the others must not wait for its AWS account. */
const OPEN_WAIT_MS = 15_000;

/** A pipeline of the bot: started, or not yet. */
export interface PipelineSlot {
  readonly setup: PipelineSetup;
  /** Who may do what in it: known also while it is not started. */
  readonly permissions: Permissions;
  /** Its channels now: those that its settings list, and those where people chose it. */
  readonly channels: () => readonly string[];
  readonly open: () => OpenPipeline | undefined;
  /** Why it could not be started, and when that is tried again (epoch ms). */
  readonly failure: () => StartFailure;
  /** Where a stop is stored while it is not started. */
  readonly storedStops: StoredStops;
}
export interface StartFailure {
  readonly fault?: Fault;
  readonly retryAt: number;
}

export interface Pipelines {
  readonly slots: readonly PipelineSlot[];
  /**
   * Opens every pipeline. @throws what the only one throws; with several, one that cannot be opened does not keep the others from
   * it
   */
  openAll(): Promise<void>;
  /** The opened ones begin their work; the others are tried again, and say so in their channel. */
  begin(): void;
  /** Ends the attempts. */
  close(): void;
}

interface Mutable {
  opened: OpenPipeline | undefined;
  failure: StartFailure;
  /** What its channel shows. */
  said: string | undefined;
}

/** Opens the pipelines and keeps trying: one that cannot be started does not concern the others. */
export function createPipelines(ports: {
  readonly setups: readonly PipelineSetup[];
  readonly bindings: ChannelBindings;
  readonly choice: PipelineChoice;
  readonly withoutPipeline: Pick<WithoutPipeline, 'chat' | 'lookups' | 'people'>;
  readonly publishHome: (pipeline: string) => PublishHome;
  readonly observe: HttpSide['observe'];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: string;
}): Pipelines {
  const { setups, bindings, clock, random, holder } = ports;
  const isSeveral = setups.length > 1;
  const listed = new Set(setups.flatMap(({ settings }) => settings.slackChannels));
  /** The tables of the pipelines that were opened, by their ARN. */
  const tables = new Map<string, string>();
  const closing = new AbortController();

  const slots = setups.map((setup) => {
    const { name, settings } = setup;
    const logger = isSeveral ? ports.logger.child({ pipeline: name }) : ports.logger;
    // Times of this process are compared with times that AWS wrote, and other processes read them.
    const ownClock = createFollowedClock(clock);
    const aws = createAwsClients(ownClock, setup.connection);
    const now: Mutable = { opened: undefined, failure: { retryAt: 0 }, said: undefined };
    const channels = () => [
      ...settings.slackChannels,
      ...(name === undefined ? [] : bindings.channelsOf(name).filter((channel) => !listed.has(channel))),
    ];

    async function open(): Promise<OpenPipeline> {
      const opened = await openPipeline(setup, {
        ...(isSeveral && name !== undefined ? { name, publishHome: ports.publishHome(name) } : {}),
        channels,
        choice: ports.choice,
        aws,
        clock: ownClock,
        random,
        logger,
        holder,
      });
      if (isSeveral) {
        await claimTableOnce(name ?? '');
        await bindings.readAll(opened.bindings);
      }
      opened.reportActivity();
      return opened;
    }

    function begun(opened: OpenPipeline): void {
      now.opened = opened;
      ports.observe(opened.observed);
    }

    /** Two names may lead to one table, by two profiles of one account. A table that is missing cannot be compared yet. */
    async function claimTableOnce(pipeline: string): Promise<void> {
      const facts = await describeTable(aws.bulkDynamodb, settings.table).catch((error: unknown) => {
        if (error instanceof TableNotFoundError) return undefined;
        throw asFaultError(error, { service: 'dynamodb', action: 'dynamodb:DescribeTable', resource: settings.table });
      });
      if (!facts) return;
      // Two endpoints are two services, whatever their accounts are called.
      const place = `${setup.connection.awsEndpointUrl} ${facts.arn}`;
      const owner = tables.get(place) ?? pipeline;
      if (owner !== pipeline)
        throw new FaultError({
          reason: 'configuration',
          message: `The table ${settings.table} of the pipeline ${pipeline} is the table of the pipeline ${owner}, too (${facts.arn}).`,
          fix: 'Give each pipeline a table of its own: check TABLE, AWS_PROFILE and AWS_REGION in the file of pipelines.',
        });
      tables.set(place, pipeline);
    }

    async function sayFailure(error: unknown, delayMs: number): Promise<void> {
      logger.error({ err: error }, 'The pipeline cannot be started. It is tried again.');
      const fault = carriedFault(error);
      const retryAt = clock.now() + delayMs;
      now.failure = { ...(fault ? { fault } : {}), retryAt };
      const reason = fault?.message ?? 'unexpected';
      if (now.said !== reason && (await tell(unavailableMessage(name ?? '', fault, retryAt)))) now.said = reason;
    }
    const tell = (message: Message): Promise<boolean> =>
      ports.withoutPipeline.chat.post(settings.slackChannels[0] ?? '', nameMessage(message, name)).then(
        () => true,
        (error: unknown) => {
          logger.warn({ err: error }, 'The state of the pipeline was not posted in its channel.');
          return false;
        },
      );

    /** Begins once an attempt succeeds. Never throws. */
    async function keepTrying(first: Promise<OpenPipeline>): Promise<void> {
      let attempt = first;
      for (let failures = 1; !closing.signal.aborted; failures++) {
        try {
          const opened = await attempt;
          if (closing.signal.aborted) return;
          await opened.slack.life.open();
          begun(opened);
          opened.slack.life.serve();
          opened.standBy();
          if (now.said !== undefined) await tell(availableMessage(name ?? ''));
          return;
        } catch (error) {
          const delayMs = delayCeilingMs(RETRY, failures);
          await sayFailure(error, delayMs);
          await clock.sleep(delayMs, closing.signal);
          attempt = open();
        }
      }
    }

    /** The attempt that is under way. */
    let attempt: Promise<OpenPipeline> | undefined;
    return {
      setup,
      permissions: createPermissions({
        ...settings,
        membersOf: ports.withoutPipeline.lookups.membersOf,
        people: ports.withoutPipeline.people,
        clock,
      }),
      channels,
      open: () => now.opened,
      failure: () => now.failure,
      storedStops: assembleStoredStops({ settings, aws, clock: ownClock }, (message, cause) =>
        logger.warn({ err: cause }, message),
      ),
      async tryOpen(): Promise<void> {
        const opening = open();
        if (!isSeveral) {
          begun(await opening);
          return;
        }
        attempt = opening;
        opening.catch(() => {});
        const opened = await within(clock, OPEN_WAIT_MS, opening).catch(() => undefined);
        if (opened) begun(opened);
      },
      begin(): void {
        if (now.opened) now.opened.standBy();
        else void keepTrying(attempt ?? open());
      },
    };
  });

  return {
    slots,
    async openAll() {
      await Promise.all(slots.map((slot) => slot.tryOpen()));
    },
    begin() {
      for (const slot of slots) slot.begin();
    },
    close: () => closing.abort(),
  };
}
