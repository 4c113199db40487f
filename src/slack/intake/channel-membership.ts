import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { classifySlackError } from '../client/slack-errors.ts';

/** Whether the bot can post in a channel. `unknown`: Slack did not answer the question. */
export type Membership = 'member' | 'not-member' | 'archived' | 'not-found' | 'unknown';

export interface MembershipCheck {
  /** Never throws. `member` is cached for a minute; every other answer is asked again. */
  of(channel: string): Promise<Membership>;
}

interface ChannelInfo {
  readonly is_member?: boolean | undefined;
  readonly is_archived?: boolean | undefined;
}

const CACHE_MS = 60_000;

/**
 * Checks whether the bot is in a channel. A bot that cannot post would start work whose alerts nobody sees, and a forgotten
 * invitation is the most common mistake of the first day.
 */
export function createMembershipCheck(ports: {
  readChannel: (channel: string) => Promise<ChannelInfo | undefined>;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): MembershipCheck {
  const memberUntil = new Map<string, number>();

  async function read(channel: string): Promise<Membership> {
    try {
      const info = await ports.readChannel(channel);
      if (!info) return 'unknown';
      if (info.is_archived) return 'archived';
      return info.is_member ? 'member' : 'not-member';
    } catch (error) {
      const failure = classifySlackError(error);
      // Slack hides private channels from those who are not members.
      if (failure.kind === 'refused' && failure.code === 'channel_not_found') return 'not-found';
      ports.onError(error, `Slack did not say whether the bot is in ${channel}.`);
      return 'unknown';
    }
  }

  return {
    async of(channel) {
      const now = ports.clock.now();
      if ((memberUntil.get(channel) ?? 0) > now) return 'member';
      const membership = await read(channel);
      if (membership === 'member') memberUntil.set(channel, now + CACHE_MS);
      return membership;
    },
  };
}

const REASONS = {
  'not-member': 'the bot is not a member. Invite it with /invite in that channel',
  archived: 'the channel is archived',
  'not-found': 'the channel does not exist, or it is private and the bot is not a member',
} as const;

/** Logs each configured channel in which the bot cannot post, with the reason. */
export async function logUnusableChannels(
  channels: readonly string[],
  check: MembershipCheck,
  logger: Pick<Logger, 'error'>,
): Promise<void> {
  for (const channel of channels) {
    const membership = await check.of(channel);
    if (membership === 'member' || membership === 'unknown') continue;
    logger.error(
      { channel, membership },
      `SLACK_CHANNELS contains ${channel}, but ${REASONS[membership]}. No message can be posted there.`,
    );
  }
}
