import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readJson, sendJson, sendJsonError } from './http.ts';
import type { LogLine, LogRing } from './log-ring.ts';

const filterSchema = z.looseObject({
  logGroupName: z.string(),
  startTime: z.number().optional(),
  endTime: z.number().optional(),
  filterPattern: z.string().optional(),
  nextToken: z.string().optional(),
  limit: z.number().int().positive().max(10_000).optional(),
});

/** The terms of a filter pattern: words and quoted phrases, all of which a line must hold; undefined where it is malformed. */
function termsOf(pattern: string): string[] | undefined {
  const trimmed = pattern.trim();
  if (trimmed === '') return [];
  if ((trimmed.match(/"/g)?.length ?? 0) % 2 === 1 || /^[{[]/.test(trimmed) !== /[}\]]$/.test(trimmed)) return;
  return [...trimmed.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

/**
 * CloudWatch Logs over one group. Like the real one it pages, and it answers an empty page with a token first, since a
 * client that stops at an empty page misses lines.
 */
export function createLogs(group: string, ring: LogRing) {
  const shown = (line: LogLine) => ({
    eventId: String(line.id).padStart(20, '0'),
    logStreamName: line.stream,
    timestamp: line.at,
    ingestionTime: line.at,
    message: line.message,
  });

  return async function answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const body = await readJson(request);
    if (operation === 'DescribeLogGroups')
      return sendJson(response, 200, { logGroups: [{ logGroupName: group, storedBytes: 1, creationTime: 0 }] });
    if (operation !== 'FilterLogEvents')
      return sendJsonError(response, 'UnknownOperationException', `The local AWS has no logs:${operation}`);
    const asked = filterSchema.safeParse(body);
    if (!asked.success) return sendJsonError(response, 'InvalidParameterException', 'The request is malformed');
    const {
      logGroupName,
      startTime = 0,
      endTime = Number.MAX_SAFE_INTEGER,
      filterPattern = '',
      nextToken,
      limit = 1_000,
    } = asked.data;
    if (logGroupName !== group)
      return sendJsonError(response, 'ResourceNotFoundException', 'The specified log group does not exist.');
    const terms = termsOf(filterPattern);
    if (!terms) return sendJsonError(response, 'InvalidParameterException', 'Invalid filter pattern');
    if (nextToken === undefined)
      return sendJson(response, 200, { events: [], searchedLogStreams: [], nextToken: 'from-0' });
    const from = Number(/^from-(\d+)$/.exec(nextToken)?.[1] ?? Number.NaN);
    if (Number.isNaN(from))
      return sendJsonError(response, 'InvalidParameterException', 'The specified nextToken is invalid.');
    const found = ring
      .lines()
      .filter(
        (line) =>
          line.id > from &&
          line.at >= startTime &&
          line.at < endTime &&
          terms.every((term) => line.message.includes(term)),
      );
    const page = found.slice(0, limit);
    const last = page.at(-1);
    sendJson(response, 200, {
      events: page.map(shown),
      searchedLogStreams: [],
      ...(last && found.length > page.length ? { nextToken: `from-${last.id}` } : {}),
    });
  };
}
