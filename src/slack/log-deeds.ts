import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { FaultError } from '../pipeline/fault.ts';
import { groupByInvocation, type InvocationLog } from '../pipeline/log-report.ts';
import { LogGroupMissingError, type LogLine, LogPatternRefusedError, type LogWindow } from '../pipeline/logs.ts';
import type { Chat } from './chat.ts';
import type { Asker } from './commands/command.ts';
import type { FileContent, FileUpload } from './file-upload.ts';
import { code } from './messages/escape.ts';
import { bytes } from './messages/format.ts';
import { followMessage, type LogsAsked, logFileLines, logsMessage, newLinesMessage } from './messages/log-message.ts';
import { type Message, say } from './messages/message.ts';
import { faultLines } from './messages/run-words.ts';

export interface LogPorts {
  readonly findLines: (window: LogWindow) => AsyncIterable<LogLine>;
  /** New lines until the signal is aborted. */
  readonly followLines: (window: LogWindow & { readonly signal: AbortSignal }) => AsyncIterable<readonly LogLine[]>;
}

/** Looking at the function's log. */
export interface LogDeeds {
  show(asked: LogsAsked, asker: Pick<Asker, 'channel'>): Promise<Message | undefined>;
  follow(forMs: number, asker: Pick<Asker, 'channel'>): Promise<Message | undefined>;
  /** Ends a following; whether it was there. */
  stop(id: string): boolean;
  /** Ends all of them. */
  close(): void;
}

/** More lines than this are not read: the window is too wide for what a person can look at. */
const MOST_LINES = 20_000;
/** Slack takes about one message a second a channel, and a run wants to be heard as well. */
const POST_EVERY_MS = 3_000;

export function createLogDeeds(
  ports: LogPorts & {
    chat: Pick<Chat, 'post' | 'edit'>;
    files: FileUpload;
    clock: Clock;
    onTrouble: (error: unknown, message: string) => void;
  },
): LogDeeds {
  const { chat, clock } = ports;
  const following = new Map<string, AbortController>();

  return {
    async show(asked, { channel }) {
      try {
        const { groups, lines, isCut } = await readGroups(asked);
        const { message, isWhole } = logsMessage(groups, asked, { lines, isCut });
        const ts = await chat.post(channel, message);
        if (!isWhole && groups.length > 0)
          await ports.files.share({
            channel,
            threadTs: ts,
            comment: (_, size) => `The log by invocation, errors first: ${bytes(size)}.`,
            files: oneFile('function-log.txt', `${[...logFileLines(groups)].join('\n')}\n`),
          });
        return undefined;
      } catch (error) {
        return refusalOf(error);
      }
    },
    async follow(forMs, { channel }) {
      if ([...following.keys()].some((id) => id.startsWith(`${channel}/`)))
        return say('The log is being followed in this channel already: its thread has a button to stop.');
      const id = `${channel}/${randomUUID().slice(0, 8)}`;
      const over = new AbortController();
      following.set(id, over);
      const ts = await chat.post(channel, followMessage(id, forMs, 'following', 0));
      void clock.sleep(forMs, over.signal).then(() => over.abort());
      void followInto(channel, ts, over.signal)
        .then((lines) => chat.edit({ channel, ts }, followMessage(id, forMs, 'over', lines)))
        .catch((error: unknown) => ports.onTrouble(error, 'the following of the log could not be ended in Slack'))
        .finally(() => following.delete(id));
      return undefined;
    },
    stop(id) {
      const over = following.get(id);
      over?.abort();
      return over !== undefined;
    },
    close() {
      for (const over of following.values()) over.abort();
    },
  };

  async function followInto(channel: string, ts: string, signal: AbortSignal): Promise<number> {
    let lines = 0;
    let waiting: LogLine[] = [];
    let postedAt = Number.NEGATIVE_INFINITY;
    const post = async () => {
      const batch = waiting;
      waiting = [];
      postedAt = clock.now();
      if (batch.length > 0) await chat.post(channel, newLinesMessage(batch), { ts, broadcast: false });
    };
    try {
      for await (const fresh of ports.followLines({ from: clock.now() - 1_000, signal })) {
        lines += fresh.length;
        waiting.push(...fresh);
        if (clock.now() - postedAt >= POST_EVERY_MS)
          await post().catch((error: unknown) => ports.onTrouble(error, 'new lines of the log were not shown'));
      }
      await post().catch((error: unknown) => ports.onTrouble(error, 'the last lines of the log were not shown'));
    } catch (error) {
      ports.onTrouble(error, 'the log could not be followed');
      const refusal = refusalOf(error);
      await chat.post(channel, refusal, { ts, broadcast: false });
    }
    return lines;
  }

  /** The lines of the window by invocation. Of an image: every line of the invocations that name it. */
  async function readGroups(
    asked: LogsAsked,
  ): Promise<{ groups: readonly InvocationLog[]; lines: number; isCut: boolean }> {
    const from = clock.now() - asked.fromMs;
    const lines: LogLine[] = [];
    let isCut = false;
    for await (const line of ports.findLines({
      from,
      ...(asked.pattern === undefined ? {} : { pattern: asked.pattern }),
    })) {
      if (lines.length >= MOST_LINES) {
        isCut = true;
        break;
      }
      lines.push(line);
    }
    const { image } = asked;
    const groups = groupByInvocation(lines)
      .filter(({ isError }) => !asked.errorsOnly || isError)
      .filter((group) => image === undefined || group.lines.some(({ message }) => message.includes(image)));
    return { groups, lines: lines.length, isCut };
  }
}

async function* oneFile(name: string, text: string): AsyncGenerator<FileContent> {
  const content = Buffer.from(text);
  yield { name, bytes: content.length, open: () => Readable.from([content], { objectMode: false }) };
}

/** Why the log cannot be read, and what mends it. @throws what nobody foresaw. */
function refusalOf(error: unknown): Message {
  if (error instanceof LogPatternRefusedError)
    return say(
      `CloudWatch does not take the pattern ${code(error.pattern, 200)}: ${code(error.message, 300)}`,
      'A text with spaces or signs goes in double quotes within the pattern: `pattern=\'"Task timed out"\'`.',
    );
  if (error instanceof LogGroupMissingError)
    return say(
      `There is no log group ${code(error.group, 200)}.`,
      'The function has written no log yet, or writes it elsewhere (its logging configuration), or AWS_REGION is another.',
    );
  if (error instanceof FaultError) return say(...faultLines(error.fault));
  throw error;
}
