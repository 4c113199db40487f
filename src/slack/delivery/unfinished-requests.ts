import type { NewAuditEntry } from '../../checklist/audit/audit-writer.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { DeliveryClaims, OpenRequest } from '../../state/delivery-claims.ts';
import type { Chat } from '../client/chat.ts';
import { classifySlackError } from '../client/slack-errors.ts';
import { RENEW_EVERY_MS } from '../intake/deduplicate.ts';
import { unfinishedMessage } from '../messages/refusals/refusals.ts';
import { createRetryLoop } from './retry-loop.ts';

/** How long a request must be open without a sign of its process before it counts as unfinished, ms. */
const SILENT_MS = 3 * RENEW_EVERY_MS;
/** A process of the bot may end while another one goes on. */
const LOOK_EVERY_MS = 60_000;

/**
 * Tells people that a process of the bot ended before it finished what they asked for. Slack had accepted the request, so nothing else
 * tells them. Each of these requests is announced by one process, to the person alone.
 */
export function createUnfinishedRequests(ports: {
  readonly claims: Pick<DeliveryClaims, 'open' | 'take' | 'giveBack'>;
  readonly chat: Pick<Chat, 'post' | 'postEphemeral'>;
  readonly audit: (entry: Pick<NewAuditEntry, 'who' | 'what' | 'outcome'>) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown, message: string) => void;
}): { start(): void; close(): void } {
  const { claims, chat, audit, clock, random, onError } = ports;
  /** What was open at the last look, and since when it is known with this number of renewals. */
  let known: ReadonlyMap<string, { readonly renewals: number; readonly since: number }> = new Map();

  async function announce(open: OpenRequest): Promise<void> {
    if (!(await claims.take(open))) return;
    const { who, what, channel, isAudited } = open.request;
    const message = unfinishedMessage(open.request);
    const tell: readonly (() => Promise<unknown>)[] = [
      ...(channel === undefined ? [] : [() => chat.postEphemeral(channel, who, message)]),
      () => chat.post(who, message),
    ];
    try {
      await firstAccepted(tell);
    } catch (error) {
      await claims.giveBack(open);
      throw error;
    }
    if (isAudited) audit({ who, what, outcome: 'interrupted: the bot stopped before it finished the request' });
  }

  /** Slack may refuse one way for good, as where the channel was archived: then the next one is tried. @throws what may pass */
  async function firstAccepted(ways: readonly (() => Promise<unknown>)[]): Promise<void> {
    for (const way of ways)
      try {
        await way();
        return;
      } catch (error) {
        if (classifySlackError(error).kind !== 'refused') throw error;
        onError(error, 'Slack refused to tell a person that a request is unfinished.');
      }
  }

  /** Announces what has been open for long enough. Resolves to the time until the next look, ms; undefined where nothing is open. */
  async function look(): Promise<number | undefined> {
    const now = clock.now();
    const stillOpen = new Map<string, { readonly renewals: number; readonly since: number }>();
    for await (const open of claims.open()) {
      const { deliveryId, renewals } = open;
      const before = known.get(deliveryId);
      const since = before?.renewals === renewals ? before.since : now;
      if (now - since >= SILENT_MS) await announce(open);
      else stillOpen.set(deliveryId, { renewals, since });
    }
    known = stillOpen;
    return known.size === 0 ? undefined : SILENT_MS;
  }

  // Without `idle`: a shutdown does not wait for the next look.
  const { start, close } = createRetryLoop({
    pass: look,
    onError: (error) => onError(error, 'It could not be looked up which requests are unfinished. The bot tries again.'),
    clock,
    random,
    pollMs: LOOK_EVERY_MS,
  });
  return { start, close };
}
