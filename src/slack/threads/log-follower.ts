import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { isErrorLine } from '../../pipeline/logs/log-line.ts';
import type { LogLine, LogWindow } from '../../pipeline/logs/logs.ts';
import type { Stops } from '../../state/stops/stops.ts';
import { type Chat, type MessageLocation, postInThreadOrChannel } from '../client/chat.ts';
import { isThreadGone } from '../client/slack-errors.ts';
import type { Requester } from '../commands/command.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, refuseWith, say } from '../messages/kit/message.ts';
import { type Following, followLostMessage, followMessage } from '../messages/results/log-message.ts';
import type { FilePlaces } from '../requests/results/file-places.ts';
import { createLogLinePoster } from './log-line-poster.ts';

export interface FollowRequest {
  readonly forMs: number;
  readonly errorsOnly: boolean;
  /** A CloudWatch filter pattern. */
  readonly pattern?: string;
}

/** Follows the function's log: new lines are posted into a thread. One follow per channel and process. */
export interface LogFollower {
  /**
   * Starts a follow in the thread of the run, else in the requester's direct messages. Returns where the lines are, or why it
   * was refused. @throws when Slack does not accept its first message.
   */
  follow(request: FollowRequest, requester: Pick<Requester, 'person' | 'channel'>): Promise<Message>;
  /** Stops the follow whose button was clicked, in whichever process it is. `head`: the message with the button. */
  stop(id: string, head: MessageLocation, by: string): Promise<Message | undefined>;
  /** Stops every follow in a channel. */
  stopIn(channel: string, by: string): Promise<Message>;
  /** Stops every follow of this process. Resolves when their messages say so, or could not be edited. Never throws. */
  close(): Promise<void>;
}

/** How often the control table is read for stops that another process requested, ms. */
const STOP_POLL_MS = 5_000;
/** New lines are read from a moment before the start: CloudWatch shows them late. */
const START_OVERLAP_MS = 1_000;

interface ActiveFollow {
  readonly ended: AbortController;
  /** Why it ends. */
  reason: Following | { readonly kind: 'thread-gone' };
  /** Resolves when its message says that it ended. */
  done: Promise<void>;
}

export function createLogFollower(ports: {
  followLines: (window: LogWindow & { readonly signal: AbortSignal }) => AsyncIterable<readonly LogLine[]>;
  stops: Stops;
  chat: Pick<Chat, 'post' | 'edit'>;
  places: Pick<FilePlaces, 'find'>;
  clock: Clock;
  /** Why the log cannot be read. @throws an unexpected error. */
  refusalOf: (error: unknown) => Message;
  onError: (error: unknown, message: string) => void;
}): LogFollower {
  const { chat, clock, stops, onError } = ports;
  /** By id: `CHANNEL/…`. */
  const active = new Map<string, ActiveFollow>();
  /** Channels whose follow is starting: its first message is not posted yet. */
  const starting = new Set<string>();
  const activeIn = (channel: string) => [...active].filter(([id]) => id.startsWith(`${channel}/`));

  function end(follow: ActiveFollow, reason: ActiveFollow['reason']): void {
    if (follow.ended.signal.aborted && reason.kind !== 'thread-gone') return;
    follow.reason = reason;
    follow.ended.abort();
  }

  /** Whether the other processes will stop; false if the control table cannot be written. */
  async function requestStop(id: string): Promise<boolean> {
    try {
      await stops.request(id);
      return true;
    } catch (error) {
      onError(error, `The stop of following the log (${id}) could not be stored.`);
      return false;
    }
  }

  /** Returns where the lines are posted, in words. */
  async function start(request: FollowRequest, requester: Pick<Requester, 'person' | 'channel'>): Promise<string> {
    const { channel } = requester;
    const id = `${channel}/${randomUUID().slice(0, 8)}`;
    const place = await ports.places.find(requester);
    const head = { id, forMs: request.forMs, only: describeFilter(request) };
    // A stop of an earlier follow in this channel must not end this one.
    await stops.clear(channel).catch((error: unknown) => onError(error, 'An earlier stop could not be cleared.'));
    let { threadTs } = place;
    const ts = await postInThreadOrChannel(
      (thread) => chat.post(place.channel, followMessage(head, { kind: 'following' }, 0), thread),
      threadTs === undefined ? undefined : { ts: threadTs, broadcast: false },
      (strayTs) => {
        threadTs = strayTs;
      },
    );
    const parent = { channel: place.channel, ts: threadTs ?? ts };
    const ended = new AbortController();
    void clock.sleep(request.forMs, ended.signal).then(() => ended.abort());
    const follow: ActiveFollow = { ended, reason: { kind: 'time' }, done: Promise.resolve() };
    active.set(id, follow);
    const run = async () => {
      void pollStops(id, channel, follow);
      const lines = await postLines(request, parent, follow);
      active.delete(id);
      ended.abort();
      if (follow.reason.kind === 'thread-gone') return;
      await chat
        .edit({ channel: place.channel, ts }, followMessage(head, follow.reason, lines))
        .catch((error: unknown) => onError(error, 'The end of following the log could not be shown.'));
    };
    follow.done = run();
    return place.where;
  }

  async function pollStops(id: string, channel: string, follow: ActiveFollow): Promise<void> {
    const { signal } = follow.ended;
    while (!signal.aborted) {
      await clock.sleep(STOP_POLL_MS, signal);
      if (signal.aborted) break;
      try {
        const requested = await Promise.all([stops.isRequested(id), stops.isRequested(channel)]);
        if (requested.includes(true)) end(follow, { kind: 'stopped' });
      } catch (error) {
        onError(error, 'The stops of following the log cannot be read.');
      }
    }
    await stops.clear(id).catch((error: unknown) => onError(error, 'A stop could not be cleared.'));
  }

  /** Posts new lines until the follow ends. Returns how many lines arrived. Never throws. */
  async function postLines(
    { errorsOnly, pattern }: FollowRequest,
    { channel, ts }: MessageLocation,
    follow: ActiveFollow,
  ): Promise<number> {
    const post = async (message: Message) => {
      try {
        // After one stray message in the channel nothing more is posted.
        if (follow.reason.kind !== 'thread-gone') await chat.post(channel, message, { ts, broadcast: false });
      } catch (error) {
        if (!isThreadGone(error)) throw error;
        onError(error, 'The first message of a thread that receives log lines was deleted. Following the log ends.');
        end(follow, { kind: 'thread-gone' });
      }
    };
    const poster = createLogLinePoster({ post, clock, onError });
    let count = 0;
    try {
      const from = clock.now() - START_OVERLAP_MS;
      for await (const lines of ports.followLines(defined({ from, signal: follow.ended.signal, pattern }))) {
        const wanted = errorsOnly ? lines.filter(({ message }) => isErrorLine(message)) : lines;
        count += wanted.length;
        poster.add(wanted);
        await poster.postIfDue();
      }
    } catch (error) {
      onError(error, 'The log cannot be followed.');
      end(follow, { kind: 'error' });
      await postRefusal(error, post);
    }
    await poster.postRest();
    return count;
  }

  async function postRefusal(error: unknown, post: (message: Message) => Promise<void>): Promise<void> {
    try {
      await post(ports.refusalOf(error));
    } catch (postError) {
      onError(postError, 'The reason why the log cannot be followed could not be posted.');
    }
  }

  return {
    async follow(request, requester) {
      const { channel } = requester;
      if (starting.has(channel) || activeIn(channel).length > 0)
        return refuseWith(
          'The log is already being followed in this channel. Stop it with the button in its thread or with `/rescan logs stop`.',
        );
      starting.add(channel);
      try {
        return say(`New lines of the function’s log are posted in ${await start(request, requester)}.`);
      } finally {
        starting.delete(channel);
      }
    },
    async stop(id, head, by) {
      const follow = active.get(id);
      if (follow) {
        end(follow, { kind: 'stopped', by });
        return undefined;
      }
      if (!(await requestStop(id)))
        return refuseWith('Nothing was done: the stop could not be saved for another process of the bot. Click again.');
      await chat.edit(head, followLostMessage());
      return undefined;
    },
    async stopIn(channel, by) {
      const here = activeIn(channel);
      for (const [, follow] of here) end(follow, { kind: 'stopped', by });
      const isRequested = await requestStop(channel);
      if (here.length > 0) return say('Following the log was stopped.');
      return isRequested
        ? say(
            'This process of the bot does not follow the log in this channel. If another one does, it stops within 10 s.',
          )
        : say(
            'This process of the bot does not follow the log in this channel. The stop could not be saved for other processes.',
          );
    },
    async close() {
      for (const follow of active.values()) end(follow, { kind: 'shutdown' });
      await Promise.allSettled([...active.values()].map(({ done }) => done));
    },
  };
}

/** `errors only, pattern …`; undefined if every line is wanted. */
function describeFilter({ errorsOnly, pattern }: FollowRequest): string | undefined {
  const parts = [
    ...(errorsOnly ? ['errors only'] : []),
    ...(pattern === undefined ? [] : [`pattern ${code(pattern, 120)}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}
