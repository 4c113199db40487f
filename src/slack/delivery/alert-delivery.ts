import { z } from 'zod';
import type { Clock, Random } from '../../lib/clock.ts';
import type { RunLocation } from '../../run/model/run-control.ts';
import type { Outbox, OutboxMessage } from '../../state/outbox.ts';
import type { Chat } from '../client/chat.ts';
import { classifySlackError, isThreadGone } from '../client/slack-errors.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Alert } from '../messages/run/alerts.ts';
import { createSweeper } from './retry-loop.ts';

/** Alerts on their way: on record first, then in Slack, in order, tried until they arrive. */
export interface AlertDelivery {
  /** The alert is on record when this resolves; it is delivered later, whatever happens to this process. */
  put(runId: string, alert: Alert): Promise<void>;
  /** Delivers what is pending, of this process and of ones before it, from now until `close`. */
  start(): void;
  /** Resolves when nothing is pending that could be delivered now, or when closed. */
  delivered(): Promise<void>;
  close(): void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** How often alerts are looked for that another copy of the bot left behind. */
const LOOK_EVERY_MS = 15_000;

const storedSchema = z.object({
  runId: z.string(),
  to: z.enum(['thread', 'channel']),
  text: z.string(),
  blocks: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })),
});

/**
 * Delivers over a client of its own, so that nothing queues ahead. A channel that refuses (the bot was removed from it)
 * keeps its alerts, and does not hold up those of others. `strangeAfterMs`: an alert that another copy put on record is
 * that copy's to deliver until it is this old.
 */
export function createAlertDelivery(ports: {
  outbox: Outbox;
  chat: Pick<Chat, 'postStored'>;
  findLocation: (runId: string) => Promise<RunLocation | undefined>;
  /** Where alerts of a run go that has no place. */
  homeChannel: string;
  clock: Clock;
  random: Random;
  strangeAfterMs: number;
  onError: (error: unknown, message: string) => void;
}): AlertDelivery {
  const { outbox, clock } = ports;
  const mine = new Set<string>();
  /** Delivered, though the outbox may not know it yet: not posted twice by this process. */
  const posted = new Set<string>();
  let isFirstLook = true;
  let failures = 0;
  let recording: Promise<unknown> = Promise.resolve();

  /** Posts what is due, oldest first. Answers how long to wait where something is left, in ms. */
  async function sweep(): Promise<number | undefined> {
    const stuckChannels = new Set<string>();
    const takeStrange = isFirstLook;
    for await (const entry of outbox.pending()) {
      if (sweeper.closed.aborted) return;
      const isStrange = !mine.has(entry.id);
      if (isStrange && !takeStrange && clock.now() - entry.at < ports.strangeAfterMs) continue;
      try {
        if (!posted.has(entry.id)) await post(entry, stuckChannels);
        if (!posted.has(entry.id)) continue;
        await outbox.done(entry.id);
        posted.delete(entry.id);
        mine.delete(entry.id);
      } catch (error) {
        ports.onError(error, 'an alert is not delivered yet; it is tried again');
        failures++;
        const trouble = classifySlackError(error);
        const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10));
        return trouble.kind === 'rate-limited' ? trouble.retryAfterMs : most * (0.5 + ports.random() / 2);
      }
    }
    isFirstLook = false;
    failures = 0;
    return stuckChannels.size > 0 ? LONGEST_WAIT_MS : undefined;
  }

  async function post(entry: OutboxMessage, stuckChannels: Set<string>): Promise<void> {
    const stored = storedSchema.safeParse(entry.message);
    if (!stored.success) {
      // Of another version of the bot: not ours to throw away, and not ours to read.
      ports.onError(stored.error, `alert ${entry.id} cannot be read; it stays on record`);
      return;
    }
    const { runId, to, ...message } = stored.data;
    const location = await ports.findLocation(runId);
    const channel = location?.channel ?? ports.homeChannel;
    if (stuckChannels.has(channel)) return;
    const thread = location?.ts === undefined ? undefined : { ts: location.ts, broadcast: to === 'channel' };
    try {
      await postInThreadOrBeside(channel, message, thread);
      posted.add(entry.id);
    } catch (error) {
      if (classifySlackError(error).kind !== 'refused') throw error;
      ports.onError(error, `${channel} takes no messages of the bot; its alerts are kept`);
      stuckChannels.add(channel);
    }
  }

  async function postInThreadOrBeside(...[channel, message, thread]: Parameters<Chat['postStored']>): Promise<void> {
    try {
      await ports.chat.postStored(channel, message, thread);
    } catch (error) {
      // Somebody deleted the run's message: the alert then stands in the channel.
      if (!thread || !isThreadGone(error)) throw error;
      await ports.chat.postStored(channel, message);
    }
  }

  const sweeper = createSweeper({
    sweep: () =>
      sweep().catch((error: unknown) => {
        ports.onError(error, 'the outbox cannot be read; it is tried again');
        failures++;
        return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10));
      }),
    clock,
    everyMs: LOOK_EVERY_MS,
  });

  return {
    put(runId, alert) {
      const { text, blocks } = withinLimits(alert.message);
      const message = z.json().parse({ runId, to: alert.to, text, blocks });
      // One after the other: alerts arrive in the order in which things happened.
      const kept = recording.then(() => keepTrying(message));
      recording = kept.catch(() => {});
      return kept;
    },
    start: sweeper.start,
    delivered: sweeper.over,
    close: sweeper.close,
  };

  /**
   * The control table may be away, and that may be the very thing to tell: what cannot be put on record is posted at once.
   * An alert that finds neither Slack nor the table stays here and is tried again.
   */
  async function keepTrying(message: z.core.util.JSONType): Promise<void> {
    const at = clock.now();
    for (let attempt = 0; ; attempt++)
      try {
        mine.add(await outbox.put(message, at));
        sweeper.wake();
        return;
      } catch (error) {
        ports.onError(error, 'an alert cannot be put on record; it is posted without');
        const id = `unrecorded-${at}-${attempt}`;
        const isPosted = await post({ id, at, message }, new Set()).then(
          () => posted.delete(id),
          (trouble: unknown) => ports.onError(trouble, 'nor can it be posted; it is tried again'),
        );
        if (isPosted) return;
        if (sweeper.closed.aborted) throw error;
        await clock.sleep(Math.min(10_000, 250 * 2 ** Math.min(attempt, 6)), sweeper.closed);
      }
  }
}
