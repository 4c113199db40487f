import type { NewAuditEntry } from '../../checklist/audit/audit-writer.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { DeliveryClaims, OpenRequest } from '../../state/delivery-claims.ts';
import { type Chat, onceIdOf } from '../client/chat.ts';
import { classifySlackError } from '../client/slack-errors.ts';
import { type Acceptor, RENEW_EVERY_MS } from '../intake/accept.ts';
import type { Service } from '../lifecycle.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import { unfinishedMessage } from '../messages/refusals/refusals.ts';
import { createRetryLoop } from './retry-loop.ts';

/** How long a request must be open without a sign of its process before it counts as unfinished, ms. */
const SILENT_MS = 3 * RENEW_EVERY_MS;
/** A process of the bot may end while another one goes on. */
const LOOK_EVERY_MS = 60_000;

/**
 * Notifies people that a process of the bot did not finish what they asked for, because it ended or is frozen. Slack had accepted the
 * request, so nothing else notifies them. Only the person is notified, and once.
 */
export function createUnfinishedRequests(ports: {
  readonly claims: Pick<DeliveryClaims, 'open' | 'removeOld'>;
  readonly acceptor: Pick<Acceptor, 'take' | 'worksOn' | 'close'>;
  readonly chat: Pick<Chat, 'postStored' | 'postEphemeral'>;
  readonly audit: (entry: Pick<NewAuditEntry, 'who' | 'what' | 'outcome'>) => void;
  /** Measures durations, like that of the acceptor. */
  readonly clock: Clock;
  /** The time, epoch ms. */
  readonly now: () => number;
  readonly random: Random;
  readonly onError: (error: unknown, message: string) => void;
}): Service {
  const { claims, acceptor, chat, audit, clock, now, random, onError } = ports;
  /** What was open at the last look, and since when this process knows it with these renewals of this owner. */
  let known: ReadonlyMap<string, { readonly sign: string; readonly since: number }> = new Map();

  let announcing: Promise<void> = Promise.resolve();

  async function announce(open: OpenRequest): Promise<void> {
    const taken = await acceptor.take(open);
    if (!taken) return;
    const { who, what, channel, isAudited } = open.request;
    const message = unfinishedMessage(open.request);
    const ways = [
      // With an id, so that Slack shows it once, whatever becomes of the answer and of this process.
      () => chat.postStored(who, withinLimits(message), undefined, onceIdOf(open.deliveryId, who)),
      ...(channel === undefined ? [] : [() => chat.postEphemeral(channel, who, message)]),
    ];
    try {
      await firstAccepted(ways);
    } catch (error) {
      taken.release();
      throw error;
    }
    if (isAudited) audit({ who, what, outcome: 'interrupted: the process that worked on it no longer responded' });
    await taken.finish();
  }

  /** Slack may refuse one way for good, as where people cannot write to the bot: then the next one is tried. @throws what may pass */
  async function firstAccepted(ways: readonly (() => Promise<unknown>)[]): Promise<void> {
    for (const way of ways)
      try {
        await way();
        return;
      } catch (error) {
        if (classifySlackError(error).kind !== 'refused') throw error;
        onError(error, 'Slack refused to notify a person about an unfinished request.');
      }
  }

  /**
   * Announces what has been open for long enough, and removes old claims. Resolves to the time until the next look, ms; undefined where nothing is open.
   * @throws the last failure, once all were tried
   */
  async function look(): Promise<number | undefined> {
    const before = known;
    const lookedAt = clock.now();
    const silent: OpenRequest[] = [];
    const open = new Map<string, { readonly sign: string; readonly since: number }>();
    // Where the list cannot be read, the process of a request may not be able to write either.
    known = new Map();
    for await (const each of claims.open()) {
      if (acceptor.worksOn(each)) continue;
      const sign = `${each.owner} ${each.renewals}`;
      const last = before.get(each.deliveryId);
      const since = last?.sign === sign ? last.since : lookedAt;
      if (lookedAt - since >= SILENT_MS) silent.push(each);
      else open.set(each.deliveryId, { sign, since });
    }
    known = open;
    const failures: unknown[] = [];
    for (const each of silent) {
      if (loop.closed.aborted) break;
      try {
        announcing = announce(each);
        await announcing;
      } catch (error) {
        if (classifySlackError(error).kind === 'rate-limited') throw error;
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.at(-1);
    await claims.removeOld(now());
    return known.size === 0 ? undefined : SILENT_MS;
  }

  const loop = createRetryLoop({
    pass: look,
    onError: (error) => onError(error, 'Unfinished requests could not be read or announced. The bot tries again.'),
    clock,
    random,
    pollMs: LOOK_EVERY_MS,
  });
  return {
    start: loop.start,
    // A shutdown waits for a message that is on its way, not for the next look.
    idle: () => announcing.catch(() => {}),
    close() {
      loop.close();
      acceptor.close();
    },
  };
}
