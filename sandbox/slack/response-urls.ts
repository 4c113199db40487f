import type { SlackClock } from './workspace/clock.ts';

/** The person, the channel and the message that a response_url belongs to. */
export interface ResponseTarget {
  readonly userId: string;
  readonly channelId: string;
  readonly threadTs?: string;
  /** The message that was acted on. replace_original and delete_original change it. */
  readonly messageTs?: string;
}

export type ResponseUse =
  | { readonly kind: 'usable'; readonly target: ResponseTarget; readonly remember: (ts: string) => void }
  | { readonly kind: 'refused'; readonly error: 'expired_url' | 'used_url' | 'invalid_url' };

export interface ResponseUrls {
  /** The token of a new URL, valid for five uses within 30 minutes. */
  issue(target: ResponseTarget): string;
  use(token: string): ResponseUse;
}

/** Slack's documentation, "Handling user interaction": up to 5 times within 30 minutes. */
const MOST_USES = 5;
export const RESPONSE_URL_LIFE_MS = 30 * 60_000;

/** `lifeMs`: how long a URL can be used. */
export function createResponseUrls(
  clock: Pick<SlackClock, 'now'>,
  lifeMs: () => number = () => RESPONSE_URL_LIFE_MS,
): ResponseUrls {
  const issued = new Map<string, { target: ResponseTarget; uses: number; issuedAt: number }>();
  return {
    issue(target) {
      const token = crypto.randomUUID().replaceAll('-', '');
      issued.set(token, { target, uses: 0, issuedAt: clock.now() });
      return token;
    },
    use(token) {
      const entry = issued.get(token);
      if (!entry) return { kind: 'refused', error: 'invalid_url' };
      if (clock.now() > entry.issuedAt + lifeMs()) return { kind: 'refused', error: 'expired_url' };
      if (entry.uses >= MOST_USES) return { kind: 'refused', error: 'used_url' };
      entry.uses += 1;
      return {
        kind: 'usable',
        target: entry.target,
        remember: (messageTs) => {
          entry.target = { ...entry.target, messageTs };
        },
      };
    },
  };
}
