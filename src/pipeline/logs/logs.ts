import {
  type CloudWatchLogsClient,
  type FilteredLogEvent,
  FilterLogEventsCommand,
  InvalidParameterException,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { isTransient } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { asFaultError } from '../aws.ts';
import { errorText, FaultError } from '../fault.ts';

/** One line of the function's log. */
export interface LogLine {
  /** Epoch ms. */
  readonly at: number;
  readonly stream: string;
  /** Without its line end. */
  readonly message: string;
  /** CloudWatch's own id of the line. */
  readonly id: string;
}

export interface LogWindow {
  /** Epoch ms. */
  readonly from: number;
  /** Epoch ms; now where not given. */
  readonly to?: number;
  /** CloudWatch's filter pattern. */
  readonly pattern?: string;
  /** Of this stream alone. */
  readonly stream?: string;
  readonly signal?: AbortSignal;
}

/** CloudWatch does not take the filter pattern; its own words say why. */
export class LogPatternRefusedError extends Error {
  override readonly name = 'LogPatternRefusedError';
  readonly pattern: string;
  constructor(pattern: string, cause: unknown) {
    super(errorText(cause), { cause });
    this.pattern = pattern;
  }
}

/** The function has written no log yet, or writes it elsewhere. */
export class LogGroupMissingError extends Error {
  override readonly name = 'LogGroupMissingError';
  readonly group: string;
  constructor(group: string, cause: unknown) {
    super(`There is no log group ${group}`, { cause });
    this.group = group;
  }
}

/** Where a Lambda function writes its log, if its configuration does not say otherwise. */
export const logGroupOf = (functionName: string): string => `/aws/lambda/${functionName}`;

/**
 * The lines of a time, in CloudWatch's order (by time, streams mixed), page by page. A page may be empty and still have a next
 * one (CloudWatch's FilterLogEvents: "it may return partial results … empty"): only a missing token is the end.
 * @throws LogPatternRefusedError, LogGroupMissingError, FaultError, the SDK's error, or `signal.reason`.
 */
export async function* findLines(
  logs: CloudWatchLogsClient,
  group: string,
  { from, to, pattern, stream, signal }: LogWindow,
): AsyncGenerator<LogLine> {
  let nextToken: string | undefined;
  do {
    signal?.throwIfAborted();
    const command = new FilterLogEventsCommand({
      logGroupName: group,
      startTime: Math.floor(from),
      ...(to === undefined ? {} : { endTime: Math.ceil(to) }),
      ...(pattern === undefined ? {} : { filterPattern: pattern }),
      ...(stream === undefined ? {} : { logStreamNames: [stream] }),
      ...(nextToken === undefined ? {} : { nextToken }),
    });
    const page = await logs.send(command, signal ? { abortSignal: signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof ResourceNotFoundException) throw new LogGroupMissingError(group, error);
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

/** Lines show up some seconds after they were written, on a bad day minutes, those of one stream not before those of another. */
const LATE_MS = 120_000;
const FAILED_LOOKS_IN_ROW = 5;

/**
 * New lines as they come, each once, until `signal` is aborted; then it ends. Looks every `everyMs` at the last two minutes again,
 * since CloudWatch shows lines late, and yields what is new after each look, nothing as well: who follows must hear that time
 * goes by. A look that fails for a moment (throttling, the network) is made again, up to five in a row.
 * @throws as `findLines`, but not `signal.reason`; what was found before it failed is yielded first.
 */
export async function* followLines(
  logs: CloudWatchLogsClient,
  group: string,
  options: LogWindow & { readonly signal: AbortSignal; readonly clock: Clock; readonly everyMs: number },
): AsyncGenerator<readonly LogLine[]> {
  const { signal, clock, everyMs, pattern } = options;
  const seen = new Map<string, number>();
  let from = Math.floor(options.from);
  let failedInRow = 0;
  while (!signal.aborted) {
    const fresh: LogLine[] = [];
    let failure: { readonly error: unknown } | undefined;
    const lookedAt = clock.now();
    try {
      for await (const line of findLines(logs, group, {
        from,
        signal,
        ...(pattern === undefined ? {} : { pattern }),
      })) {
        if (seen.has(line.id)) continue;
        seen.set(line.id, line.at);
        fresh.push(line);
      }
    } catch (error) {
      if (!signal.aborted) failure = { error };
    }
    yield fresh;
    failedInRow = failure ? failedInRow + 1 : 0;
    if (failure && (failedInRow >= FAILED_LOOKS_IN_ROW || !isMomentary(failure.error))) throw failure.error;
    if (failure) {
      await clock.sleep(everyMs, signal);
      continue;
    }
    // By when the look began: a slow one must not leave a gap. Whole, as CloudWatch takes it: else a line were new again.
    from = Math.max(from, Math.floor(lookedAt) - LATE_MS);
    for (const [id, at] of seen) if (at < from) seen.delete(id);
    await clock.sleep(everyMs, signal);
  }
}

const isMomentary = (error: unknown): boolean =>
  isTransient(error) || (error instanceof FaultError && error.fault.reason === 'network');
