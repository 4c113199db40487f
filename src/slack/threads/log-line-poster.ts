import type { Clock } from '../../lib/clock.ts';
import type { LogLine } from '../../pipeline/logs/logs.ts';
import type { Message } from '../messages/kit/message.ts';
import { newLinesMessage } from '../messages/results/log-message.ts';

/** Posts log lines as they arrive, several lines per message. */
export interface LogLinePoster {
  /** Adds lines. When too many wait, the oldest are skipped, and the next message says how many. */
  add(lines: readonly LogLine[]): void;
  /** Posts waiting lines if the last message is 3 s old. Lines that Slack does not accept wait for the next call. */
  postIfDue(): Promise<void>;
  /** Posts the lines that still wait, in three messages at most. */
  postRest(): Promise<void>;
}

/** Slack accepts about one message per second and channel, and the messages of a run need room. */
const POST_INTERVAL_MS = 3_000;
const MAX_WAITING_LINES = 400;
const MAX_LAST_POSTS = 3;

export function createLogLinePoster(ports: {
  post: (message: Message) => Promise<unknown>;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): LogLinePoster {
  let waiting: readonly LogLine[] = [];
  let skipped = 0;
  let postedAt = Number.NEGATIVE_INFINITY;

  async function post(): Promise<void> {
    postedAt = ports.clock.now();
    const { message, shown } = newLinesMessage(waiting, skipped);
    try {
      await ports.post(message);
    } catch (error) {
      ports.onError(error, 'New log lines could not be posted. They wait for the next message.');
      return;
    }
    waiting = waiting.slice(shown);
    skipped = 0;
  }

  return {
    add(lines) {
      const all = [...waiting, ...lines];
      waiting = all.slice(-MAX_WAITING_LINES);
      skipped += all.length - waiting.length;
    },
    async postIfDue() {
      if (waiting.length > 0 && ports.clock.now() - postedAt >= POST_INTERVAL_MS) await post();
    },
    async postRest() {
      for (let posts = 1; posts <= MAX_LAST_POSTS && waiting.length > 0; posts++) {
        // The last message counts the lines that do not fit into it.
        if (posts === MAX_LAST_POSTS) skipped += waiting.length - newLinesMessage(waiting, 0).shown;
        await post();
      }
    },
  };
}
