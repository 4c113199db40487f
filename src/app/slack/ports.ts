import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Schedules } from '../../checklist/schedules/schedules.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Settings } from '../../settings.ts';
import type { PublishHome } from '../../slack/client/view-client.ts';
import type { PipelineChoice } from '../../slack/requests/choose-pipeline.ts';
import type { AnswerStore } from '../../state/answer-store.ts';
import type { ButtonMessages } from '../../state/button-messages.ts';
import type { ChannelIdStore } from '../../state/channel-ids.ts';
import type { DeliveryClaims } from '../../state/delivery-claims.ts';
import type { EarlyAlerts } from '../../state/early-alerts.ts';
import type { FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import type { Outbox } from '../../state/outbox.ts';
import type { BotControls } from '../controls.ts';
import type { FiringParts } from '../schedules.ts';

/** What the Slack parts are built from. */
export interface SlackPorts extends Omit<BotControls, 'tables'> {
  /** The name of the pipeline in everything that is shown; absent where there is one. */
  readonly name?: string;
  readonly settings: Settings;
  /** Its channels now: those of its settings, and those where people chose it. */
  readonly channels: () => readonly string[];
  /** What `/rescan use` can choose. */
  readonly choice: PipelineChoice;
  /** In place of publishing a Home tab at once, where the tab shows one of several pipelines. */
  readonly publishHome?: PublishHome;
  readonly runs: RunControl;
  readonly tables: TableControl;
  readonly schedules: Schedules;
  /** What fires the schedules. */
  readonly firing: FiringParts;
  readonly outbox: Outbox;
  readonly channelIds: ChannelIdStore;
  readonly buttonMessages: ButtonMessages;
  readonly earlyAlerts: EarlyAlerts;
  /** Which process executes a request that Slack delivered to several. */
  readonly deliveryClaims: DeliveryClaims;
  /** Answers that a person may share with the channel. */
  readonly answerStore: AnswerStore;
  readonly followUps: FollowUps;
  /** Whether this process has the lease of runs: a process that was frozen for long has lost it, and what it knows is out of date. */
  readonly drivesRuns: () => boolean;
  /** Its holder executes the follow-ups. */
  readonly followUpLease: Lease;
  /** The events that webhooks have not delivered yet. */
  readonly webhookEvents: FollowUps;
  /** Its holder sends the webhooks. */
  readonly webhookLease: Lease;
  readonly clock: Clock;
  /** How far the clock of this machine is ahead of AWS's, ms; negative when it is behind. */
  readonly machineAheadMs: () => number;
  readonly random: Random;
  readonly logger: Logger;
  /** Logs an error that the part handles itself. */
  readonly onError: (error: unknown, message: string) => void;
}
