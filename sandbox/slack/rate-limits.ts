import type { SlackClock } from './workspace/clock.ts';

/**
 * Slack's tiers, in calls per minute and method (docs.slack.dev, "Rate limits"). `special` has practically no limit.
 */
export const TIERS = { 1: 1, 2: 20, 3: 50, 4: 100, special: 600 } as const;
export type Tier = keyof typeof TIERS;

export type RateLimitSetting =
  | 'slack'
  | 'off'
  | {
      /** Factor for every limit. */
      readonly scale?: number;
      /** Calls per minute by method; replaces the tier. */
      readonly perMinute?: Readonly<Record<string, number>>;
      /** Posts to one channel in a burst, before the limit of one per second applies. */
      readonly postBurst?: number;
    };

export interface RateLimits {
  /** Counts a call. Returns the seconds to wait when the call is over the limit, or undefined. */
  admit(method: string, tier: Tier, channel: string | undefined): number | undefined;
}

const WINDOW_MS = 60_000;
/** Size of the burst in "generally one message a second a channel, while short bursts are allowed". */
const POST_BURST = 4;

/** Counts calls in a sliding minute, and posts to a channel with a token bucket that refills once per second. */
export function createRateLimits(clock: Pick<SlackClock, 'now'>, setting: RateLimitSetting = 'slack'): RateLimits {
  if (setting === 'off') return { admit: () => undefined };
  const custom = setting === 'slack' ? {} : setting;
  const scale = custom.scale ?? 1;
  const calls = new Map<string, number[]>();
  const buckets = new Map<string, { tokens: number; at: number }>();

  function admitPost(channel: string): number | undefined {
    const burst = Math.max(1, (custom.postBurst ?? POST_BURST) * scale);
    const now = clock.now();
    const before = buckets.get(channel) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, before.tokens + ((now - before.at) / 1000) * scale);
    const isAdmitted = tokens >= 1;
    buckets.set(channel, { tokens: isAdmitted ? tokens - 1 : tokens, at: now });
    return isAdmitted ? undefined : Math.max(1, Math.ceil((1 - tokens) / scale));
  }

  return {
    admit(method, tier, channel) {
      const own = custom.perMinute?.[method];
      if (method === 'chat.postMessage' && own === undefined) return admitPost(channel ?? '');
      const limit = Math.max(1, Math.floor((own ?? TIERS[tier]) * scale));
      const now = clock.now();
      const recent = (calls.get(method) ?? []).filter((at) => at > now - WINDOW_MS);
      calls.set(method, recent);
      const oldest = recent[recent.length - limit];
      if (oldest !== undefined) return Math.max(1, Math.ceil((oldest + WINDOW_MS - now) / 1000));
      recent.push(now);
      return undefined;
    },
  };
}
