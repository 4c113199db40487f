import type { ResultControl } from '../../../checklist/contracts/result-control.ts';
import type { Clock } from '../../../lib/clock.ts';
import { FaultError } from '../../../pipeline/fault.ts';
import { patternOfText, readAround, readNewest } from '../../../pipeline/logs/log-read.ts';
import { groupByInvocation, type InvocationLog } from '../../../pipeline/logs/log-report.ts';
import {
  LogGroupMissingError,
  type LogLine,
  LogPatternRefusedError,
  type LogWindow,
} from '../../../pipeline/logs/logs.ts';
import { bufferFile, type FileContent, type FileUpload } from '../../client/file-upload.ts';
import type { Requester } from '../../commands/command.ts';
import { code } from '../../messages/kit/escape.ts';
import { bytes } from '../../messages/kit/format.ts';
import { type Message, say, withNote } from '../../messages/kit/message.ts';
import { fileErrorMessage } from '../../messages/refusals/file-errors.ts';
import { type LogsAsked, logFileLines, logsMessage } from '../../messages/results/log-message.ts';
import { faultLines } from '../../messages/run/describe-run.ts';
import type { Answers } from '../answers.ts';
import type { FilePlaces } from './file-places.ts';

/** Shows the function's log. */
export interface LogRequests {
  /** The answer to the requester: the invocations that match, which can be shared. What does not fit is in a file. */
  show(asked: LogsAsked, requester: Pick<Requester, 'person' | 'channel' | 'reply'>): Promise<Message | undefined>;
}

/** How far the clocks of the bot and of Lambda may differ, ms. */
const CLOCK_TOLERANCE_MS = 60_000;

export function createLogRequests(ports: {
  findLines: (window: LogWindow) => AsyncIterable<LogLine>;
  results: Pick<ResultControl, 'attempts'>;
  answers: Pick<Answers, 'offer'>;
  places: Pick<FilePlaces, 'find'>;
  files: FileUpload;
  clock: Clock;
}): LogRequests {
  const { answers, clock } = ports;
  return {
    async show(asked, requester) {
      const { channel } = requester;
      let found: Awaited<ReturnType<typeof readGroups>>;
      try {
        found = await readGroups(asked);
      } catch (error) {
        return logRefusal(error);
      }
      const { groups } = found;
      const { message, isWhole } = logsMessage(groups, asked, found);
      if (isWhole) return answers.offer(channel, message);
      const { where, ...location } = await ports.places.find(requester);
      try {
        await ports.files.share({
          ...location,
          comment: (_, size) => `The log by invocation, errors first (${bytes(size)}).`,
          files: oneFile('function-log.txt', `${[...logFileLines(groups)].join('\n')}\n`),
        });
        return await answers.offer(channel, withNote(message, `The whole log is in a file in ${where}.`));
      } catch (error) {
        await requester.reply(await answers.offer(channel, message));
        return fileErrorMessage(error, 'the log');
      }
    },
  };

  /** The lines by invocation. An invocation is complete, even when the pattern or the image is in only one of its lines. */
  async function readGroups(asked: LogsAsked) {
    const to = clock.now();
    const window = { from: to - asked.fromMs, to };
    const { image } = asked;
    const read = await readLines(asked, window);
    const isWanted = ({ isHit, isError }: InvocationLog) => isHit && (!asked.errorsOnly || isError);
    const groups: readonly InvocationLog[] = groupByInvocation(read.lines, read.hits)
      .filter(isWanted)
      .filter((group) => image === undefined || group.lines.some(({ message }) => message.includes(image)));
    const found = { lines: read.lines.length, isCut: read.isCut, from: read.from };
    if (image === undefined || groups.length > 0) return { ...found, groups };
    return { ...found, ...(await readAttempts(image, isWanted)) };
  }

  /** A function may not log the key of its image. The runs know the request id and the time of each invocation. */
  async function readAttempts(image: string, isWanted: (group: InvocationLog) => boolean) {
    const attempts = await ports.results.attempts(image);
    const groups: InvocationLog[] = [];
    const runIds = new Set<string>();
    for (const { runId, requestId, startedAt, durationMs } of attempts.ok ? attempts.value : []) {
      if (requestId === undefined) continue;
      const window = { from: startedAt - CLOCK_TOLERANCE_MS, to: startedAt + durationMs + CLOCK_TOLERANCE_MS };
      const read = await readAround(ports.findLines, window, patternOfText(requestId));
      const its = groupByInvocation(read.lines, read.hits).filter((group) => group.requestId === requestId);
      groups.push(...its.filter(isWanted));
      if (its.length > 0) runIds.add(runId);
    }
    return { groups, invokedBy: [...runIds] };
  }

  async function readLines({ pattern, image }: LogsAsked, window: { from: number; to: number }) {
    if (pattern !== undefined) return readAround(ports.findLines, window, pattern);
    if (image === undefined) return { ...(await readNewest(ports.findLines, window)), hits: undefined };
    try {
      return await readAround(ports.findLines, window, patternOfText(image));
    } catch (error) {
      // The key contains characters that no pattern can contain: every line is read and compared here.
      if (!(error instanceof LogPatternRefusedError)) throw error;
      return { ...(await readNewest(ports.findLines, window)), hits: undefined };
    }
  }
}

async function* oneFile(name: string, text: string): AsyncGenerator<FileContent> {
  yield bufferFile(name, Buffer.from(text));
}

/** Why the log cannot be read, and what to do about it. @throws the error itself when it is unexpected. */
export function logRefusal(error: unknown): Message {
  if (error instanceof LogPatternRefusedError)
    return say(
      `CloudWatch does not accept the pattern ${code(error.pattern, 200)}: ${code(error.message, 300)}`,
      'Put text with spaces or special characters in double quotes: `pattern=\'"Task timed out"\'`.',
    );
  if (error instanceof LogGroupMissingError)
    return say(
      `The log group ${code(error.group, 200)} does not exist.`,
      'The function has not written a log yet, or `AWS_REGION` is wrong.',
    );
  if (error instanceof FaultError) return say(...faultLines(error.fault));
  throw error;
}
