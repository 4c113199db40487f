import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { isErrorLine } from '../../pipeline/logs/log-line.ts';
import type { LogLine, LogWindow } from '../../pipeline/logs/logs.ts';
import type { Stops } from '../../state/stops.ts';
import type { Chat, MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { type Following, followLostMessage, followMessage, newLinesMessage } from '../messages/results/log-message.ts';

/** What is to be followed. */
export interface FollowRequest {
  readonly forMs: number;
  readonly errorsOnly: boolean;
  readonly pattern?: string;
}

/** New lines of the function's log into a thread, as they come. One following a channel in each copy of the bot. */
export interface LogFollower {
  follow(asked: FollowRequest, requester: Pick<Requester, 'channel'>): Promise<Message | undefined>;
  /** Ends the following whose head was clicked, also where another copy is at it. */
  stop(id: string, head: MessageLocation, by: string): Promise<Message | undefined>;
  /** Ends what is followed in a channel. */
  stopIn(channel: string, by: string): Promise<Message>;
  /** Ends all of them; resolves when their heads say so, or it could not be said. */
  close(): Promise<void>;
}

/** Slack takes about one message a second a channel, and a run wants to be heard as well. */
const POST_EVERY_MS = 3_000;
/** Lines that wait to be shown; of more the oldest are passed over, and that is said. */
const MOST_WAITING = 400;
/** Posts with which what still waits is shown at the end. */
const LAST_POSTS = 3;
const ASK_EVERY_MS = 5_000;

interface At {
  readonly over: AbortController;
  /** Why it ends; its time being over where nothing is said. */
  end: Following;
  /** Resolves when its head says that it is over. */
  done: Promise<void>;
}

export function createLogFollower(ports: {
  followLines: (window: LogWindow & { readonly signal: AbortSignal }) => AsyncIterable<readonly LogLine[]>;
  stops: Stops;
  chat: Pick<Chat, 'post' | 'edit'>;
  clock: Clock;
  /** Why the log cannot be read. @throws what nobody foresaw. */
  refusalOf: (error: unknown) => Message;
  onError: (error: unknown, message: string) => void;
}): LogFollower {
  const { chat, clock, stops, onError } = ports;
  const following = new Map<string, At>();
  /** Begun, though its head is not there yet. */
  const beginning = new Set<string>();
  const inChannel = (channel: string) => [...following].filter(([id]) => id.startsWith(`${channel}/`));

  function end(at: At, why: Following): void {
    if (at.over.signal.aborted) return;
    at.end = why;
    at.over.abort();
  }

  const askOthers = (id: string) =>
    stops.request(id).then(
      () => true,
      (error: unknown) => {
        onError(error, 'other copies of the bot could not be asked to stop');
        return false;
      },
    );

  return {
    async follow(asked, { channel }) {
      if (beginning.has(channel) || inChannel(channel).length > 0)
        return say(
          'The log is being followed in this channel already: the button in its thread, or `/rescan logs stop`, ends it.',
        );
      beginning.add(channel);
      try {
        const id = `${channel}/${randomUUID().slice(0, 8)}`;
        const only = onlyText(asked);
        const head = { id, forMs: asked.forMs, only };
        // A stop of the last following is not meant for this one.
        await stops.clear(channel).catch((error: unknown) => onError(error, 'an old stop was not forgotten'));
        const ts = await chat.post(channel, followMessage(head, { kind: 'following' }, 0));
        const over = new AbortController();
        void clock.sleep(asked.forMs, over.signal).then(() => over.abort());
        const at: At = { over, end: { kind: 'time' }, done: Promise.resolve() };
        following.set(id, at);
        const run = async (): Promise<void> => {
          void watchStops(id, channel, at);
          const lines = await followInto(asked, { channel, ts }, at);
          following.delete(id);
          over.abort();
          await chat
            .edit({ channel, ts }, followMessage(head, at.end, lines))
            .catch((error: unknown) => onError(error, 'the end of following the log could not be shown'));
        };
        at.done = run();
        return undefined;
      } finally {
        beginning.delete(channel);
      }
    },
    async stop(id, head, by) {
      const at = following.get(id);
      if (at) {
        end(at, { kind: 'stopped', by });
        return undefined;
      }
      const isAsked = await askOthers(id);
      if (!isAsked)
        return say(
          'Another copy of the bot may follow the log, and it could not be asked to stop. Nothing was done; click again.',
        );
      await chat.edit(head, followLostMessage());
      return undefined;
    },
    async stopIn(channel, by) {
      const here = inChannel(channel);
      for (const [, at] of here) end(at, { kind: 'stopped', by });
      const isAsked = await askOthers(channel);
      if (here.length > 0) return say('The log is followed no more.');
      return isAsked
        ? say(
            'The log is not followed in this channel by this copy of the bot; another one that does ends within 10 s.',
          )
        : say('The log is not followed in this channel by this copy of the bot; others could not be asked.');
    },
    async close() {
      for (const at of following.values()) end(at, { kind: 'shutdown' });
      await Promise.allSettled([...following.values()].map(({ done }) => done));
    },
  };

  async function watchStops(id: string, channel: string, at: At): Promise<void> {
    const { signal } = at.over;
    while (!signal.aborted) {
      await clock.sleep(ASK_EVERY_MS, signal);
      if (signal.aborted) return;
      const asked = await Promise.all([stops.isRequested(id), stops.isRequested(channel)]).catch((error: unknown) => {
        onError(error, 'whether following the log is to stop could not be read');
        return [false];
      });
      if (asked.includes(true)) end(at, { kind: 'stopped' });
    }
    await stops.clear(id).catch((error: unknown) => onError(error, 'a stop was not forgotten'));
  }

  /** Answers how many lines came. Never throws. */
  async function followInto(asked: FollowRequest, { channel, ts }: MessageLocation, at: At): Promise<number> {
    let lines = 0;
    let waiting: LogLine[] = [];
    let passedOver = 0;
    let postedAt = Number.NEGATIVE_INFINITY;
    const post = async () => {
      postedAt = clock.now();
      const { message, shown } = newLinesMessage(waiting, passedOver);
      await chat.post(channel, message, { ts, broadcast: false });
      // Only what Slack took is shown: the rest goes with the next.
      waiting = waiting.slice(shown);
      passedOver = 0;
    };
    const postOrWait = () => post().catch((error: unknown) => onError(error, 'new lines of the log wait'));
    try {
      const window = {
        from: clock.now() - 1_000,
        signal: at.over.signal,
        ...(asked.pattern === undefined ? {} : { pattern: asked.pattern }),
      };
      for await (const fresh of ports.followLines(window)) {
        const wanted = asked.errorsOnly ? fresh.filter(({ message }) => isErrorLine(message)) : fresh;
        lines += wanted.length;
        waiting.push(...wanted);
        const tooMany = Math.max(0, waiting.length - MOST_WAITING);
        waiting = waiting.slice(tooMany);
        passedOver += tooMany;
        if (waiting.length > 0 && clock.now() - postedAt >= POST_EVERY_MS) await postOrWait();
      }
    } catch (error) {
      onError(error, 'the log could not be followed');
      end(at, { kind: 'trouble' });
      await sayTrouble(error, { channel, ts });
    }
    for (let posts = 0; posts < LAST_POSTS && waiting.length > 0; posts++) {
      if (posts === LAST_POSTS - 1) passedOver += leftOver(waiting);
      await postOrWait();
    }
    return lines;
  }

  async function sayTrouble(error: unknown, { channel, ts }: MessageLocation): Promise<void> {
    try {
      await chat.post(channel, ports.refusalOf(error), { ts, broadcast: false });
    } catch (unsaid) {
      onError(unsaid, 'why the log cannot be followed was not said');
    }
  }
}

/** What the last post will not hold. */
const leftOver = (waiting: readonly LogLine[]): number => waiting.length - newLinesMessage(waiting, 0).shown;

function onlyText({ errorsOnly, pattern }: FollowRequest): string | undefined {
  const words = [
    ...(errorsOnly ? ['errors only'] : []),
    ...(pattern === undefined ? [] : [`pattern ${code(pattern, 120)}`]),
  ];
  return words.length === 0 ? undefined : words.join(', ');
}
