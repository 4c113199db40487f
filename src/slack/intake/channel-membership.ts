import type { Clock } from '../../lib/clock.ts';
import { classifySlackError } from '../client/slack-errors.ts';

/** Whether the bot can speak in a channel; `unknown` where Slack does not say. */
export type Membership = 'member' | 'not-member' | 'archived' | 'not-found' | 'unknown';

export interface MembershipCheck {
  /** Never throws. That it is a member is kept for a minute; anything else is asked again. */
  in(channel: string): Promise<Membership>;
}

interface ChannelInfo {
  readonly is_member?: boolean | undefined;
  readonly is_archived?: boolean | undefined;
}

const KEEP_MS = 60_000;

/**
 * Looks whether the bot is in its channels. A bot that cannot speak would begin work of which nobody hears the trip; an
 * invitation that was forgotten is the commonest mistake of a first day.
 */
export function createMembershipCheck(ports: {
  readChannel: (channel: string) => Promise<ChannelInfo | undefined>;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): MembershipCheck {
  const memberUntil = new Map<string, number>();

  async function look(channel: string): Promise<Membership> {
    try {
      const seen = await ports.readChannel(channel);
      if (!seen) return 'unknown';
      if (seen.is_archived) return 'archived';
      return seen.is_member ? 'member' : 'not-member';
    } catch (error) {
      const trouble = classifySlackError(error);
      // A private channel shows itself to its members alone.
      if (trouble.kind === 'refused' && trouble.code === 'channel_not_found') return 'not-found';
      ports.onError(error, 'Slack did not say whether the bot is in a channel');
      return 'unknown';
    }
  }

  return {
    async in(channel) {
      const now = ports.clock.now();
      if ((memberUntil.get(channel) ?? 0) > now) return 'member';
      const presence = await look(channel);
      if (presence === 'member') memberUntil.set(channel, now + KEEP_MS);
      return presence;
    },
  };
}

/** What is wrong with each channel of the settings in which the bot cannot speak, in words for the log. */
export async function describeUnusableChannels(
  channels: readonly string[],
  check: MembershipCheck,
): Promise<readonly string[]> {
  const words = { 'not-member': 'the bot is not in it: /invite it there', archived: 'it is archived' } as const;
  const found: string[] = [];
  for (const channel of channels) {
    const presence = await check.in(channel);
    if (presence === 'member' || presence === 'unknown') continue;
    const why =
      presence === 'not-found'
        ? 'there is no such channel, or it is private and the bot is not in it'
        : words[presence];
    found.push(`${channel} of SLACK_CHANNELS: ${why}. Nothing can be said there, alerts neither.`);
  }
  return found;
}
