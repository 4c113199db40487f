import {
  type CloudWatchLogsClient,
  type FilteredLogEvent,
  FilterLogEventsCommand,
  InvalidParameterException,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { isTransient } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import { errorName, errorText, FaultError } from '../fault.ts';

/** One line of the log of the function. */
export interface LogLine {
  /** Epoch ms. */
  readonly at: number;
  readonly stream: string;
  /** Without its line break. */
  readonly message: string;
  /** The id of the line in CloudWatch. */
  readonly id: string;
}

export interface LogWindow {
  /** Epoch ms. */
  readonly from: number;
  /** Epoch ms; now by default. */
  readonly to?: number;
  /** A CloudWatch filter pattern. */
  readonly pattern?: string;
  /** Only lines of this stream. */
  readonly stream?: string;
  readonly signal?: AbortSignal;
}

/** CloudWatch rejected the filter pattern. The message is that of CloudWatch. */
export class LogPatternRefusedError extends Error {
  override readonly name = 'LogPatternRefusedError';
  readonly pattern: string;
  constructor(pattern: string, cause: unknown) {
    super(errorText(cause), { cause });
    this.pattern = pattern;
  }
}

/** The function has not written a log yet, or writes it to another log group. */
export class LogGroupMissingError extends Error {
  override readonly name = 'LogGroupMissingError';
  readonly group: string;
  constructor(group: string, cause: unknown) {
    super(`The log group ${group} does not exist.`, { cause });
    this.group = group;
  }
}

/**
 * CloudWatch cannot search the log group: its class is INFREQUENT_ACCESS, which has no FilterLogEvents (CloudWatch Logs
 * user guide, "Log classes"). Its class cannot be changed.
 */
const unsearchable = (group: string, cause: unknown): FaultError =>
  new FaultError(
    {
      reason: 'configuration',
      message: `CloudWatch cannot search the log group ${group}, because its class is INFREQUENT_ACCESS.`,
      fix: 'Read it with Logs Insights in the CloudWatch console, or let the function write to a log group of the class STANDARD.',
    },
    cause,
  );

/** Whether the log cannot be read although nothing is wrong: it does not exist yet, or CloudWatch cannot search it. */
export const isWithoutLog = (error: unknown): boolean =>
  error instanceof LogGroupMissingError || (error instanceof FaultError && isClassRefusal(error.cause));

const isClassRefusal = (error: unknown): boolean =>
  errorName(error) === 'InvalidOperationException' && /INFREQUENT_ACCESS|log.?class/i.test(errorText(error));

/** The default log group of a Lambda function. */
export const logGroupOf = (functionName: string): string => `/aws/lambda/${functionName}`;

/**
 * The lines of a time window in the order of CloudWatch (by time, streams mixed), page by page. An empty page can have
 * a next page (FilterLogEvents: "it may return partial results … empty"); only a missing token is the end.
 * @throws LogPatternRefusedError, LogGroupMissingError, FaultError, the SDK's error, or `signal.reason`
 */
export async function* findLines(
  logs: CloudWatchLogsClient,
  group: string,
  { from, to, pattern, stream, signal }: LogWindow,
): AsyncGenerator<LogLine> {
  let nextToken: string | undefined;
  do {
    signal?.throwIfAborted();
    const command = new FilterLogEventsCommand(
      defined({
        logGroupName: group,
        startTime: Math.floor(from),
        endTime: to === undefined ? undefined : Math.ceil(to),
        filterPattern: pattern,
        logStreamNames: stream === undefined ? undefined : [stream],
        nextToken,
      }),
    );
    const page = await logs.send(command, signal ? { abortSignal: signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof ResourceNotFoundException) throw new LogGroupMissingError(group, error);
      if (isClassRefusal(error)) throw unsearchable(group, error);
      if (error instanceof InvalidParameterException && pattern !== undefined)
        throw new LogPatternRefusedError(pattern, error);
      throw asFaultError(error, { service: 'logs', action: 'logs:FilterLogEvents', resource: group });
    });
    for (const event of page.events ?? []) yield lineOf(event);
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
}

const lineOf = ({ timestamp = 0, logStreamName = '', message = '', eventId }: FilteredLogEvent): LogLine => ({
  at: timestamp,
  stream: logStreamName,
  message: message.replace(/\r?\n$/, ''),
  id: eventId ?? `${logStreamName}/${timestamp}/${message}`,
});

/** Lines appear seconds, sometimes minutes after they were written, and not in the same order in all streams. */
const MAX_DELAY_MS = 120_000;
const MAX_FAILURES_IN_A_ROW = 5;

/**
 * Follows the log until `signal` is aborted, and yields each new line once. Every `intervalMs` it reads the last two
 * minutes again, because lines appear late, and yields what is new, even if that is nothing, so that the reader notices
 * that time passes. A transient failure (throttling, the network) is repeated, up to five times in a row.
 * @throws as `findLines`, except `signal.reason`. What was found before the failure is yielded first.
 */
export async function* followLines(
  logs: CloudWatchLogsClient,
  group: string,
  options: LogWindow & { readonly signal: AbortSignal; readonly clock: Clock; readonly intervalMs: number },
): AsyncGenerator<readonly LogLine[]> {
  const { signal, clock, intervalMs, pattern } = options;
  const known = new Map<string, number>();
  let from = Math.floor(options.from);
  let failedInRow = 0;
  while (!signal.aborted) {
    const fresh: LogLine[] = [];
    let failure: { readonly error: unknown } | undefined;
    const startedAt = clock.now();
    try {
      for await (const line of findLines(logs, group, defined({ from, signal, pattern }))) {
        if (known.has(line.id)) continue;
        known.set(line.id, line.at);
        fresh.push(line);
      }
    } catch (error) {
      if (!signal.aborted) failure = { error };
    }
    yield fresh;
    failedInRow = failure ? failedInRow + 1 : 0;
    if (failure && (failedInRow >= MAX_FAILURES_IN_A_ROW || !mayPass(failure.error))) throw failure.error;
    if (failure) {
      await clock.sleep(intervalMs, signal);
      continue;
    }
    // The start of the read counts, because a slow read must not leave a gap. Whole, as CloudWatch needs it.
    from = Math.max(from, Math.floor(startedAt) - MAX_DELAY_MS);
    for (const [id, at] of known) if (at < from) known.delete(id);
    await clock.sleep(intervalMs, signal);
  }
}

const mayPass = (error: unknown): boolean =>
  isTransient(error) || (error instanceof FaultError && error.fault.reason === 'network');
