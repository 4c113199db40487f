import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readFilterPattern } from '../../../sandbox/aws/logs/filter-pattern.ts';
import { patternOfText, readAround, readNewest, spansAround } from '../../../src/pipeline/logs/log-read.ts';
import {
  findLines,
  followLines,
  isWithoutLog,
  LogGroupMissingError,
  type LogLine,
  LogPatternRefusedError,
  type LogWindow,
} from '../../../src/pipeline/logs/logs.ts';
import { startWire, type Wire, type WireAnswer } from '../../support/aws/wire.ts';
import { createFakeClock, settle } from '../../support/rigs/fake-clock.ts';

const GROUP = '/aws/lambda/ocr';
const askedSchema = z.looseObject({
  startTime: z.number(),
  endTime: z.number().optional(),
  nextToken: z.string().optional(),
  filterPattern: z.string().optional(),
  logStreamNames: z.array(z.string()).optional(),
});
type Asked = z.infer<typeof askedSchema>;

let wire: Wire;
let logs: CloudWatchLogsClient;
let answer: (asked: Asked) => WireAnswer;
const page = (events: object[], nextToken?: string): WireAnswer => ({
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify({ events, ...(nextToken === undefined ? {} : { nextToken }) }),
});
const refusal = (type: string, message: string): WireAnswer => ({
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify({ __type: type, message }),
});
const event = (id: string, timestamp: number, message = `line ${id}\n`) => ({
  eventId: id,
  timestamp,
  message,
  logStreamName: 's',
});
beforeEach(async () => {
  wire = await startWire(({ body }) => answer(askedSchema.parse(JSON.parse(body))));
  logs = new CloudWatchLogsClient({
    endpoint: wire.url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
});
afterEach(async () => {
  logs.destroy();
  await wire.stop();
});
const idsOf = async (window: LogWindow) => (await Array.fromAsync(findLines(logs, GROUP, window))).map(({ id }) => id);

test('A log group of the class INFREQUENT_ACCESS cannot be searched: that is said, and is no missing permission', async () => {
  answer = () =>
    refusal(
      'InvalidOperationException',
      `The log group ${GROUP} is of log-group-class INFREQUENT_ACCESS. FilterLogEvents is not supported for this log class.`,
    );
  const error: unknown = await idsOf({ from: 0, pattern: 'REPORT' }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    fault: { reason: 'configuration', message: expect.stringContaining('its class is INFREQUENT_ACCESS') },
  });
  expect(isWithoutLog(error)).toBe(true);
  answer = () => refusal('AccessDeniedException', 'no');
  expect(isWithoutLog(await idsOf({ from: 0 }).catch((thrown: unknown) => thrown))).toBe(false);
});

describe('the lines of the log', () => {
  test('are read from all pages, including empty ones with a next page', async () => {
    const pages: Record<string, WireAnswer> = {
      '': page([], 'a'),
      a: page([event('1', 1)], 'b'),
      b: page([], 'c'),
      c: page([event('2', 2)]),
    };
    answer = ({ nextToken }) => pages[nextToken ?? ''] ?? 'hang up';
    expect(await idsOf({ from: 0 })).toEqual(['1', '2']);
  });

  test('have no line break, and the request has the given filters', async () => {
    answer = () => page([event('1', 5, 'two\nlines\r\n')]);
    const [line] = await Array.fromAsync(findLines(logs, GROUP, { from: 1.5, to: 9.5, pattern: 'ERROR', stream: 's' }));
    expect(line).toEqual({ at: 5, stream: 's', message: 'two\nlines', id: '1' });
    expect(JSON.parse(wire.requests[0]?.body ?? '')).toMatchObject({
      logGroupName: GROUP,
      startTime: 1,
      endTime: 10,
      filterPattern: 'ERROR',
      logStreamNames: ['s'],
    });
  });

  test('cannot be read with a rejected pattern, a missing log group or a missing permission, and each has its own error', async () => {
    answer = () => refusal('InvalidParameterException', "Invalid character(s) in term 'a:b'");
    await expect(idsOf({ from: 0, pattern: 'a:b' })).rejects.toMatchObject({
      constructor: LogPatternRefusedError,
      pattern: 'a:b',
      message: expect.stringContaining("Invalid character(s) in term 'a:b'"),
    });
    answer = () => refusal('ResourceNotFoundException', 'The specified log group does not exist.');
    await expect(idsOf({ from: 0 })).rejects.toMatchObject({ constructor: LogGroupMissingError, group: GROUP });
    answer = () => refusal('AccessDeniedException', 'User is not authorized to perform: logs:FilterLogEvents');
    await expect(idsOf({ from: 0 })).rejects.toMatchObject({
      name: 'FaultError',
      fault: { reason: 'access-denied', fix: expect.stringContaining('logs:FilterLogEvents') },
    });
  });
});

describe('following the log', () => {
  test('yields each line once and misses none, although lines appear late and reads overlap', async () => {
    const clock = createFakeClock();
    const start = clock.now();
    const shown: object[] = [];
    answer = ({ startTime }) => page(shown.filter((one) => Number(Reflect.get(one, 'timestamp')) >= startTime));
    const stop = new AbortController();
    const came: string[] = [];
    const done = (async () => {
      const window = { from: start - 1_000, signal: stop.signal, clock, intervalMs: 2_000 };
      for await (const lines of followLines(logs, GROUP, window)) came.push(...lines.map(({ id }) => id));
    })();
    const wanted: string[] = [];
    for (let n = 0; n < 200; n++) {
      // Written now, visible up to 90 seconds later.
      const late = event(`late-${n}`, Math.max(start, clock.now() - (n % 10) * 10_000));
      const prompt = event(`prompt-${n}`, clock.now() - 0.5);
      shown.push(late, prompt);
      wanted.push(late.eventId, prompt.eventId);
      await clock.advance(2_000);
      // The read uses a real socket.
      for (let turn = 0; turn < 200 && clock.sleeping() === 0; turn++) await settle(1);
    }
    stop.abort();
    await clock.advance(0);
    await done;
    expect(came.toSorted()).toEqual(wanted.toSorted());
  });

  test('yields after each read, even without new lines', async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    let looks = 0;
    answer = () => page([]);
    for await (const lines of followLines(logs, GROUP, { from: 0, signal: stop.signal, clock, intervalMs: 2_000 })) {
      expect(lines).toEqual([]);
      looks += 1;
      stop.abort();
    }
    expect(looks).toBe(1);
  });

  test('continues after transient failures and misses nothing, up to a limit', async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const failing: WireAnswer[] = [
      'hang up',
      refusal('ThrottlingException', 'Rate exceeded'),
      { status: 503 },
      'hang up',
    ];
    answer = () => failing.shift() ?? page([event('1', clock.now() - 60_000)]);
    const window = { from: clock.now() - 300_000, signal: stop.signal, clock, intervalMs: 2_000 };
    const came: string[] = [];
    const following = (async () => {
      for await (const lines of followLines(logs, GROUP, window)) {
        came.push(...lines.map(({ id }) => id));
        if (came.length > 0) stop.abort();
      }
    })();
    let isOver = false;
    const ended = following.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await settle(1);
      if (clock.sleeping() > 0) await clock.advance(2_000);
    }
    await ended;
    expect(came).toEqual(['1']);

    answer = () => 'hang up';
    const never = { ...window, signal: new AbortController().signal };
    const lost = Array.fromAsync(followLines(logs, GROUP, never)).catch((error: unknown) => error);
    for (let n = 0; n < 4; n++) {
      while (clock.sleeping() === 0) await settle(1);
      await clock.advance(2_000);
    }
    expect(await lost).toBeInstanceOf(Error);
  });

  test('yields what it found before a failure, and then throws', async () => {
    const clock = createFakeClock();
    answer = ({ nextToken }) =>
      nextToken === undefined
        ? page([event('1', clock.now())], 'next')
        : refusal('AccessDeniedException', 'not authorized');
    const came: string[] = [];
    const following = (async () => {
      const window = { from: 0, signal: new AbortController().signal, clock, intervalMs: 2_000 };
      for await (const lines of followLines(logs, GROUP, window)) came.push(...lines.map(({ id }) => id));
    })();
    await expect(following).rejects.toMatchObject({ name: 'FaultError' });
    expect(came).toEqual(['1']);
  });
});

const HOUR = 3_600_000;
const lineAt = (at: number, stream = 's', message = `line at ${at}`): LogLine => ({
  at,
  stream,
  message,
  id: `${stream}/${at}`,
});
/** A log in memory that returns the oldest line first, like CloudWatch. */
const logOf = (lines: readonly LogLine[]) =>
  async function* find({ from, to = Number.POSITIVE_INFINITY, pattern, stream }: LogWindow): AsyncGenerator<LogLine> {
    const matches = readFilterPattern(pattern ?? '');
    for (const line of lines)
      if (line.at >= from && line.at <= to && matches(line.message) && (stream === undefined || line.stream === stream))
        yield line;
  };

describe('the newest lines of the log', () => {
  const lines = Array.from({ length: 3_000 }, (_, n) => lineAt(n * 10_000));
  const to = 3_000 * 10_000;

  test('are all lines, oldest first, when they are within the limits', async () => {
    const read = await readNewest(logOf(lines), { from: 0, to });
    expect(read).toEqual({ lines, isCut: false, from: 0 });
  });

  test('are the last lines when there are too many, with the time since when they are complete', async () => {
    const read = await readNewest(logOf(lines), { from: 0, to }, { lines: 1_234, characters: 10 ** 9 });
    expect(read.lines).toEqual(lines.slice(-1_234));
    expect(read).toMatchObject({ isCut: true, from: lines.at(-1_234)?.at });
  });

  test('are limited by their characters, too', async () => {
    const long = lines.map((line) => ({ ...line, message: 'x'.repeat(1_000) }));
    const read = await readNewest(logOf(long), { from: 0, to }, { lines: 10 ** 9, characters: 50_000 });
    expect(read.lines).toHaveLength(50);
    expect(read.isCut).toBe(true);
  });
});

describe('the lines that match a pattern', () => {
  test('are returned with all other lines of their stream within the time of an invocation', async () => {
    const log = [
      lineAt(1 * HOUR, 'a', 'START of another hour'),
      lineAt(5 * HOUR, 'a', 'START'),
      lineAt(5 * HOUR, 'b', 'START elsewhere'),
      lineAt(5 * HOUR + 5_000, 'a', 'cannot read weeks/x.png'),
      lineAt(5 * HOUR + 6_000, 'a', 'END'),
    ];
    const read = await readAround(logOf(log), { from: 0, to: 6 * HOUR }, patternOfText('weeks/x.png'));
    expect(read.lines.map(({ message }) => message)).toEqual(['START', 'cannot read weeks/x.png', 'END']);
    expect([...read.hits]).toEqual([`a/${5 * HOUR + 5_000}`]);
  });

  test.each(['a "b" c.png', 'back\\slash.png', 'ü/日本 100%.png', "it's [odd] {key}.png", '-minus?.png'])(
    'contain exactly the searched text: %s',
    (text) => {
      const finds = readFilterPattern(patternOfText(text));
      expect(finds(`before ${text} after`)).toBe(true);
      expect(finds(`before ${text.slice(1)} after`)).toBe(false);
    },
  );

  test('have overlapping time spans merged', () => {
    const quarter = 15 * 60_000;
    expect(spansAround([10 * HOUR, 10 * HOUR - 1_000, 2 * HOUR])).toEqual([
      { from: 10 * HOUR - 1_000 - quarter, to: 10 * HOUR + quarter },
      { from: 2 * HOUR - quarter, to: 2 * HOUR + quarter },
    ]);
  });
});
