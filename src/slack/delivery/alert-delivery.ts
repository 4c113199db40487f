import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { retryUntilAborted } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import type { EarlyAlerts } from '../../state/early-alerts.ts';
import type { Outbox, OutboxMessage } from '../../state/outbox.ts';
import {
  type Chat,
  type MessageLocation,
  onceIdOf,
  postInThreadOrChannel,
  type StoredMessage,
} from '../client/chat.ts';
import { classifySlackError, isFirstPostDeleted, isPostingForbidden } from '../client/slack-errors.ts';
import { withTimeIfLate } from '../messages/kit/late.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';
import { alertElsewhere } from '../messages/refusals/closed-channel.ts';
import type { Alert } from '../messages/run/alerts.ts';
import type { Address } from '../notifications/address.ts';
import type { ExpiredButtons } from './expired-buttons.ts';
import type { FindLocation } from './message-locations.ts';
import { createRetryLoop } from './retry-loop.ts';

/**
 * Delivers alerts to Slack in order: they are stored first, then posted and retried until they arrive. Slack shows an alert once
 * although its post may be repeated: each post of an alert has the same id, also after a crash.
 */
export interface AlertDelivery {
  /**
   * Resolves when the alert is stored, or posted because it could not be stored. `id`: the run, autopilot or job that it is
   * about. After that no crash of this process loses it.
   * @throws the error of the control table, when closed before either succeeded.
   */
  put(id: string, alert: Alert | StoredEdit | EndOfEarly | DirectAlert): Promise<void>;
  /** Delivers stored alerts, those of earlier processes included, until `close`. */
  start(): void;
  /** Resolves when no alert is left that could be delivered now, or after `close`. */
  idle(): Promise<void>;
  close(): void;
}

/** The last edit of a message: it shows an end that must not get lost with the process. */
export interface StoredEdit {
  readonly to: 'edit';
  readonly at: MessageLocation;
  readonly message: Message;
}

/** How a run ended whose early alert is in the channel: it takes the place of that alert. Without one nothing is posted. */
export interface EndOfEarly {
  readonly to: 'early';
  readonly message: Message;
}

/** A message to one person. Where Slack refuses it, for example because the account is deactivated, it is dropped. */
export interface DirectAlert {
  readonly to: 'direct';
  readonly person: string;
  readonly message: Message;
}

/** How often alerts of other processes are looked for, ms. */
const POLL_MS = 15_000;
const MOST_THREADS_INSTEAD = 100;
const STORE_LIMITS = { baseMs: 250, maxMs: 10_000 };

const storedSchema = z.object({
  runId: z.string(),
  to: z.enum(['thread', 'channel', 'edit', 'early', 'direct']),
  /** It is edited when the run has ended. */
  isEarly: z.literal(true).exactOptional(),
  /** The message to edit. */
  at: z.object({ channel: z.string(), ts: z.string() }).exactOptional(),
  during: z.string().exactOptional(),
  /** Of a direct message. */
  person: z.string().exactOptional(),
  /** When it was made, epoch ms. It may be stored later. Absent in what an earlier version stored. */
  writtenAt: z.number().exactOptional(),
  /** See Alert. Absent in what an earlier version stored. */
  once: z.string().exactOptional(),
  text: z.string(),
  blocks: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })),
});

/**
 * Uses a Slack client of its own, so that no other call is ahead in the queue. When a channel refuses the bot (it is
 * archived, or the bot was removed), what the channel must hear goes to another configured channel, else to the person who
 * started the run or job; the rest stays in the outbox and does not hold up other channels. `takeOverAfterMs`: an alert
 * that another process stored is left to that process until it is this old.
 */
export function createAlertDelivery(ports: {
  outbox: Outbox;
  chat: Pick<Chat, 'postStored' | 'editStored'>;
  findLocation: FindLocation;
  /** The configured channels. The first receives alerts about something that has no message. */
  channels: readonly string[];
  /** Who started or requested the run, autopilot or job; undefined if that is not known. */
  findStarter: (id: string) => Promise<string | undefined>;
  clock: Clock;
  random: Random;
  takeOverAfterMs: number;
  /** The first message of the thread of this run, autopilot or job was deleted. Never throws. */
  onThreadGone: (id: string, threadTs: string) => void;
  buttons: Pick<ExpiredButtons, 'note'>;
  early: EarlyAlerts;
  address: Address;
  onError: (error: unknown, message: string) => void;
}): AlertDelivery {
  const { outbox, clock, random, onError } = ports;
  const own = new Set<string>();
  /** Posted, although the outbox may still list them: this process does not post them twice. */
  const posted = new Set<string>();
  /** The early alerts that this process posted. */
  const early = new Map<string, MessageLocation>();
  /** The thread in place of one whose first message was deleted: that of the first alert which Slack put in the channel. */
  const threadsInstead = new Map<string, string>();
  /** Channels that refused the last message: the log has the reason once. */
  const refusing = new Set<string>();
  let isFirstPass = true;
  let lastPut: Promise<unknown> = Promise.resolve();

  const loop = createRetryLoop({
    pass: deliverPending,
    onError: (error) => onError(error, 'Alerts are not delivered yet. They will be retried.'),
    clock,
    random,
    pollMs: POLL_MS,
  });

  async function deliverPending(): Promise<undefined> {
    const forbiddenChannels = new Set<string>();
    for await (const entry of outbox.pending()) {
      if (loop.closed.aborted) return undefined;
      const isForOthers = !own.has(entry.id) && !isFirstPass && clock.now() - entry.at < ports.takeOverAfterMs;
      if (isForOthers) continue;
      if (!posted.has(entry.id)) {
        if (!(await post(entry, forbiddenChannels))) continue;
        posted.add(entry.id);
      }
      await outbox.done(entry.id);
      posted.delete(entry.id);
      own.delete(entry.id);
    }
    isFirstPass = false;
    return undefined;
  }

  /** Whether the alert was posted; if not, it stays in the outbox. @throws when a retry may succeed. */
  async function post(entry: OutboxMessage, forbiddenChannels: Set<string>): Promise<boolean> {
    const stored = storedSchema.safeParse(entry.message);
    if (!stored.success) {
      // Written by another version of the bot, which may read it later.
      onError(stored.error, `The alert ${entry.id} cannot be read. It stays in the outbox.`);
      return false;
    }
    const { runId, to, at, during, isEarly, person, once, writtenAt, ...written } = stored.data;
    const onceKey = once === undefined ? entry.id : `${runId} ${once}`;
    if (to === 'edit') return at === undefined || (await edit(at, written));
    if (to === 'early') return endEarly(runId, written);
    const messageAt = (postedAt: number) => withTimeIfLate(written, writtenAt ?? entry.at, postedAt);
    const message = messageAt(clock.now());
    if (to === 'direct') return person === undefined || (await postDirectly(person, message, onceKey));
    const notePlace = async (place: MessageLocation) => {
      if (isEarly) await noteEarly(runId, place);
      const shown = messageAt(timeOf(place.ts));
      if (during !== undefined) await ports.buttons.note(place, shown, { id: runId, state: during });
    };
    const location = await ports.findLocation(runId);
    const channel = location?.channel ?? ports.channels[0] ?? '';
    if (forbiddenChannels.has(channel) && to === 'thread') return false;
    const head = location?.ts;
    const thread =
      head === undefined ? undefined : { ts: threadsInstead.get(head) ?? head, broadcast: to === 'channel' };
    try {
      const ts = await postInThreadOrChannel(
        (target) => ports.chat.postStored(channel, message, target, onceIdOf(onceKey, channel)),
        thread,
        (strayTs) => {
          if (head === undefined) return;
          threadsInstead.set(head, strayTs);
          keepNewest(threadsInstead, MOST_THREADS_INSTEAD);
          ports.onThreadGone(runId, head);
        },
      );
      refusing.delete(channel);
      await notePlace({ channel, ts });
      return true;
    } catch (error) {
      const failure = classifySlackError(error);
      if (failure.kind !== 'refused') throw error;
      if (isFirstPostDeleted(error)) return true;
      const { code } = failure;
      if (!refusing.has(channel)) onError(error, `Slack refuses messages of the bot in ${channel}.`);
      refusing.add(channel);
      forbiddenChannels.add(channel);
      // What only the thread would have shown waits until the channel can be used again.
      return (
        to === 'channel' &&
        isPostingForbidden(code) &&
        (await postElsewhere(runId, messageAt, { channel, code, during, onceKey }))
      );
    }
  }

  /** Never throws: the alert is posted, and must not be posted again. */
  async function noteEarly(runId: string, place: MessageLocation): Promise<void> {
    early.set(runId, place);
    await ports.early
      .put(runId, place)
      .catch((error: unknown) => onError(error, `Where the alert of ${runId} is cannot be stored.`));
  }

  /** @throws like `edit`, and where nobody knows whether there is an early alert */
  async function endEarly(runId: string, message: StoredMessage): Promise<boolean> {
    const at = early.get(runId) ?? (await ports.early.find(runId));
    if (!at) return true;
    if (!(await edit(at, message))) return false;
    early.delete(runId);
    await ports.early
      .remove(runId)
      .catch((error: unknown) => onError(error, `The alert of ${runId} may be edited again.`));
    return true;
  }

  /**
   * True also where Slack refuses the edit, for example because the message was deleted: it is not repeated. False while the
   * channel is closed: the message can be edited when it is open again. @throws like `post`
   */
  async function edit(at: MessageLocation, message: StoredMessage): Promise<boolean> {
    try {
      await ports.chat.editStored(at, message);
      refusing.delete(at.channel);
      return true;
    } catch (error) {
      const failure = classifySlackError(error);
      if (failure.kind !== 'refused') throw error;
      const isClosed = isPostingForbidden(failure.code);
      if (!isClosed || !refusing.has(at.channel))
        onError(error, `Slack refuses to edit the message ${at.ts} in ${at.channel}.`);
      if (isClosed) refusing.add(at.channel);
      return !isClosed;
    }
  }

  /** True also where Slack refuses: it is not repeated. @throws like `post` */
  async function postDirectly(person: string, message: StoredMessage, onceKey: string): Promise<true> {
    try {
      await ports.chat.postStored(person, message, undefined, onceIdOf(onceKey, person));
    } catch (error) {
      if (classifySlackError(error).kind !== 'refused') throw error;
      onError(error, `Slack refuses a direct message to ${person}.`);
    }
    return true;
  }

  /** Posts an alert in another configured channel, else as a direct message. Whether that worked. @throws like `post` */
  async function postElsewhere(
    id: string,
    messageAt: (postedAt: number) => StoredMessage,
    closed: {
      readonly channel: string;
      readonly code: string;
      readonly during: string | undefined;
      readonly onceKey: string;
    },
  ): Promise<boolean> {
    const starter = await ports.findStarter(id);
    const others = ports.channels.filter((channel) => channel !== closed.channel);
    for (const place of [...others, ...(starter === undefined ? [] : [starter])])
      try {
        const about = { channel: closed.channel, slackError: closed.code, isDirect: place === starter };
        const messageHere = (postedAt: number) => alertElsewhere(messageAt(postedAt), about);
        const onceId = onceIdOf(closed.onceKey, place);
        const ts = await ports.chat.postStored(place, messageHere(clock.now()), undefined, onceId);
        const shown = messageHere(timeOf(ts));
        if (closed.during !== undefined && !about.isDirect)
          await ports.buttons.note({ channel: place, ts }, shown, { id, state: closed.during });
        return true;
      } catch (error) {
        if (classifySlackError(error).kind !== 'refused') throw error;
        onError(error, `Slack refuses messages of the bot in ${place}.`);
      }
    return false;
  }

  /**
   * The control table may be unavailable, and the alert may be about just that: an alert that cannot be stored is posted
   * directly. When Slack refuses too, both are retried.
   */
  async function storeOrPost(message: z.core.util.JSONType, key: string): Promise<void> {
    const at = clock.now();
    try {
      own.add(await outbox.put(message, at));
      loop.wake();
    } catch (error) {
      onError(error, 'An alert cannot be stored. It is posted directly.');
      const isPosted = await post({ id: key, at, message }, new Set()).catch((postError: unknown) => {
        onError(postError, 'The alert cannot be posted either.');
        return false;
      });
      // The end itself is in a message of its own, and what comes next must not wait.
      const isDispensable = storedSchema.safeParse(message).data?.to === 'early';
      if (!isPosted && !isDispensable) throw error;
    }
  }

  const addressed = async (alert: Parameters<AlertDelivery['put']>[1]): Promise<Message> =>
    'notify' in alert && alert.notify ? ports.address(alert.message, alert.notify) : alert.message;

  return {
    put(id, alert) {
      const retry = {
        ...STORE_LIMITS,
        clock,
        random,
        onError: (error: unknown) => onError(error, 'An alert is neither stored nor posted. It will be retried.'),
      };
      const writtenAt = clock.now();
      // One after the other, so that alerts arrive in the order in which things happened.
      const stored = lastPut.then(async () => {
        const key = randomUUID();
        const message = toStore(id, alert, await addressed(alert), { key, writtenAt });
        await retryUntilAborted(retry, () => storeOrPost(message, key), loop.closed);
      });
      lastPut = stored.catch(() => {});
      return stored;
    },
    start: loop.start,
    idle: loop.idle,
    close: loop.close,
  };
}

/** When Slack got the message, epoch ms: a repeated post finds the message as it was posted first. */
const timeOf = (ts: string): number => Number(ts) * 1_000;

/** The alert as it is stored. `key`: the same in every post of it, also where it is posted because nobody knows whether it was stored. */
function toStore(
  id: string,
  alert: Parameters<AlertDelivery['put']>[1],
  message: Message,
  { key, writtenAt }: { readonly key: string; readonly writtenAt: number },
): z.core.util.JSONType {
  const { text, blocks } = withinLimits(message);
  const hasButtons = blocks.some(({ type }) => type === 'actions');
  const during = 'during' in alert && alert.during !== undefined && hasButtons ? { during: alert.during } : {};
  const at = alert.to === 'edit' ? { at: { ...alert.at } } : {};
  const person = alert.to === 'direct' ? { person: alert.person } : {};
  const isEarly = 'isEarly' in alert && alert.isEarly ? { isEarly: true } : {};
  const once = ('once' in alert ? alert.once : undefined) ?? key;
  return z
    .json()
    .parse({ runId: id, to: alert.to, ...at, ...during, ...isEarly, ...person, once, writtenAt, text, blocks });
}
