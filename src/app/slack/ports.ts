import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Settings } from '../../settings.ts';
import type { AnswerStore } from '../../state/answer-store.ts';
import type { ButtonMessages } from '../../state/button-messages.ts';
import type { ChannelIdStore } from '../../state/channel-ids.ts';
import type { EarlyAlerts } from '../../state/early-alerts.ts';
import type { FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import type { Outbox } from '../../state/outbox.ts';
import type { BotControls } from '../controls.ts';

/** What the Slack parts are built from. */
export interface SlackPorts extends Omit<BotControls, 'tables'> {
  readonly settings: Settings;
  readonly runs: RunControl;
  readonly tables: TableControl;
  readonly outbox: Outbox;
  readonly channelIds: ChannelIdStore;
  readonly buttonMessages: ButtonMessages;
  readonly earlyAlerts: EarlyAlerts;
  /** Answers that a person may share with the channel. */
  readonly answerStore: AnswerStore;
  readonly followUps: FollowUps;
  /** Its holder executes the follow-ups. */
  readonly followUpLease: Lease;
  readonly clock: Clock;
  /** How far the clock of this machine is ahead of AWS's, ms; negative when it is behind. */
  readonly machineAheadMs: () => number;
  readonly random: Random;
  readonly logger: Logger;
  /** Logs an error that the part handles itself. */
  readonly onError: (error: unknown, message: string) => void;
}
