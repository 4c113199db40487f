import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readJson, sendJson, sendJsonError } from '../http.ts';
import type { World } from '../world.ts';
import { FilterPatternError, readFilterPattern } from './filter-pattern.ts';
import type { LogLine, LogRing } from './log-ring.ts';

const MOST_PAGE_BYTES = 1_048_576;
/** Bytes that CloudWatch counts for a line in addition to its text. */
const LINE_OVERHEAD_BYTES = 26;

const groupSchema = z.looseObject({
  logGroupName: z.string().optional(),
  logGroupIdentifier: z.string().optional(),
});
const limitSchema = z.number().int().positive().max(10_000).default(10_000);
const filterSchema = z.looseObject({
  logStreamNames: z.array(z.string()).optional(),
  logStreamNamePrefix: z.string().optional(),
  startTime: z.number().default(0),
  endTime: z.number().default(Number.MAX_SAFE_INTEGER),
  filterPattern: z.string().default(''),
  nextToken: z.string().optional(),
  limit: limitSchema,
});
const eventsSchema = z.looseObject({
  logStreamName: z.string(),
  startTime: z.number().default(0),
  endTime: z.number().default(Number.MAX_SAFE_INTEGER),
  nextToken: z.string().optional(),
  limit: limitSchema,
  startFromHead: z.boolean().default(false),
});
const streamsSchema = z.looseObject({
  logStreamNamePrefix: z.string().default(''),
  orderBy: z.enum(['LogStreamName', 'LastEventTime']).default('LogStreamName'),
  descending: z.boolean().default(false),
  nextToken: z.string().optional(),
  limit: z.number().int().positive().max(50).default(50),
});

/** CloudWatch Logs user guide, "Log classes": not supported by Infrequent Access. */
const UNSEARCHABLE: ReadonlySet<string> = new Set(['FilterLogEvents', 'GetLogEvents']);

/** An error answer of CloudWatch Logs. */
class LogsRefusal extends Error {
  override readonly name = 'LogsRefusal';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}
const badParameter = (message: string) => new LogsRefusal('InvalidParameterException', message);

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const asked = schema.safeParse(body);
  if (asked.success) return asked.data;
  const [issue] = asked.error.issues;
  throw badParameter(`The request is malformed: ${issue?.path.join('.')} ${issue?.message}`);
}

/**
 * CloudWatch Logs with one log group. It pages like the real one, and it may return empty pages with a token first,
 * because a client that stops at an empty page misses lines.
 */
export function createLogs(group: string, ring: LogRing, world: () => World) {
  function filter(body: unknown) {
    const { logStreamNames, logStreamNamePrefix, startTime, endTime, filterPattern, nextToken, limit } = read(
      filterSchema,
      body,
    );
    if (logStreamNames && logStreamNamePrefix !== undefined)
      throw badParameter('You cannot specify both logStreamNames and logStreamNamePrefix in the same request.');
    if (endTime < startTime) throw badParameter('The start time must be before the end time.');
    const matches = patternOf(filterPattern);
    const [, pages = 0, from = 0] = /^page-(\d+)-after-(\d+)$/.exec(nextToken ?? 'page-0-after-0')?.map(Number) ?? [
      0,
      Number.NaN,
      0,
    ];
    if (Number.isNaN(pages)) throw badParameter('The specified nextToken is invalid.');
    if (pages < world().emptyLogPages)
      return { events: [], searchedLogStreams: [], nextToken: `page-${pages + 1}-after-${from}` };
    const page: LogLine[] = [];
    let bytes = 0;
    for (const line of ring.lines()) {
      if (line.id <= from || line.at < startTime || line.at > endTime || !matches(line.message)) continue;
      if (logStreamNames && !logStreamNames.includes(line.stream)) continue;
      if (logStreamNamePrefix !== undefined && !line.stream.startsWith(logStreamNamePrefix)) continue;
      const size = Buffer.byteLength(line.message) + LINE_OVERHEAD_BYTES;
      if (page.length === limit || (page.length > 0 && bytes + size > MOST_PAGE_BYTES)) {
        const nextToken = `page-${pages + 1}-after-${page.at(-1)?.id}`;
        return { events: page.map(filtered), searchedLogStreams: [], nextToken };
      }
      bytes += size;
      page.push(line);
    }
    return { events: page.map(filtered), searchedLogStreams: [] };
  }

  function streams(body: unknown) {
    const { logStreamNamePrefix, orderBy, descending, nextToken, limit } = read(streamsSchema, body);
    if (orderBy === 'LastEventTime' && logStreamNamePrefix !== '')
      throw badParameter('Cannot order by LastEventTime with a logStreamNamePrefix.');
    const found = new Map<string, { first: number; last: number }>();
    for (const { stream, at } of ring.lines()) {
      const seen = found.get(stream);
      if (seen) seen.last = at;
      else if (stream.startsWith(logStreamNamePrefix)) found.set(stream, { first: at, last: at });
    }
    const all = [...found].sort(([one, { last }], [other, { last: otherLast }]) =>
      orderBy === 'LastEventTime' ? last - otherLast : one < other ? -1 : 1,
    );
    if (descending) all.reverse();
    const from = Number(nextToken ?? 0);
    if (!Number.isInteger(from)) throw badParameter('The specified nextToken is invalid.');
    return {
      logStreams: all.slice(from, from + limit).map(([logStreamName, { first, last }]) => ({
        logStreamName,
        creationTime: first,
        firstEventTimestamp: first,
        lastEventTimestamp: last,
        lastIngestionTime: last,
        arn: `arn:aws:logs:us-east-1:016164185850:log-group:${group}:log-stream:${logStreamName}`,
      })),
      ...(from + limit < all.length ? { nextToken: String(from + limit) } : {}),
    };
  }

  function events(body: unknown) {
    const { logStreamName, startTime, endTime, nextToken, limit, startFromHead } = read(eventsSchema, body);
    const inStream = ring.lines().filter(({ stream }) => stream === logStreamName);
    if (inStream.length === 0)
      throw new LogsRefusal('ResourceNotFoundException', 'The specified log stream does not exist.');
    const all = inStream.filter(({ at }) => at >= startTime && at < endTime);
    const [, direction, place] = /^([fb])\/(\d+)$/.exec(nextToken ?? '') ?? [];
    if (nextToken !== undefined && direction === undefined) throw badParameter('The specified nextToken is invalid.');
    const id = Number(place);
    const after = all.filter((line) => line.id > id);
    const before = all.filter((line) => line.id < id);
    const page =
      direction === 'f'
        ? after.slice(0, limit)
        : direction === 'b'
          ? before.slice(-limit)
          : startFromHead
            ? all.slice(0, limit)
            : all.slice(-limit);
    // At the end of a stream CloudWatch returns the same token again.
    return {
      events: page.map(({ at, ingestedAt, message }) => ({ timestamp: at, ingestionTime: ingestedAt, message })),
      nextForwardToken: `f/${page.at(-1)?.id ?? place ?? 0}`,
      nextBackwardToken: `b/${page[0]?.id ?? place ?? 0}`,
    };
  }

  const operations: Readonly<Record<string, (body: unknown) => unknown>> = {
    FilterLogEvents: filter,
    DescribeLogStreams: streams,
    GetLogEvents: events,
  };

  return async function answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const body = await readJson(request);
    if (operation === 'DescribeLogGroups')
      return sendJson(response, 200, {
        logGroups: world().logGroupMissing ? [] : [{ logGroupName: group, storedBytes: 1, creationTime: 0 }],
      });
    const work = operations[operation];
    if (!work) return sendJsonError(response, 'UnknownOperationException', `The local AWS has no logs:${operation}`);
    try {
      const { logGroupName, logGroupIdentifier } = read(groupSchema, body);
      const asked = logGroupName ?? logGroupIdentifier?.split(':log-group:').at(-1)?.replace(/:\*$/, '');
      if (world().logGroupMissing || asked !== group)
        throw new LogsRefusal('ResourceNotFoundException', 'The specified log group does not exist.');
      if (world().logGroupClass === 'INFREQUENT_ACCESS' && UNSEARCHABLE.has(operation))
        throw new LogsRefusal(
          'InvalidOperationException',
          `The log group ${group} is of log-group-class INFREQUENT_ACCESS. ${operation} is not supported for this log class.`,
        );
      sendJson(response, 200, work(body));
    } catch (error) {
      if (!(error instanceof LogsRefusal)) throw error;
      sendJsonError(response, error.type, error.message);
    }
  };
}

function patternOf(pattern: string): (line: string) => boolean {
  try {
    return readFilterPattern(pattern);
  } catch (error) {
    throw error instanceof FilterPatternError ? badParameter(error.message) : error;
  }
}

const filtered = (line: LogLine) => ({
  eventId: String(line.id).padStart(56, '0'),
  logStreamName: line.stream,
  timestamp: line.at,
  ingestionTime: line.ingestedAt,
  message: line.message,
});
