import {
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  type FilterLogEventsCommandInput,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FilterPatternError, readFilterPattern } from '../../../sandbox/aws/logs/filter-pattern.ts';
import { type AwsRig, FUNCTION, keyOf, LOG_GROUP, named, startAwsRig } from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

const filter = (asked: Partial<FilterLogEventsCommandInput> = {}) =>
  rig.logs.send(new FilterLogEventsCommand({ logGroupName: LOG_GROUP, ...asked }));
const streams = async () =>
  (await rig.logs.send(new DescribeLogStreamsCommand({ logGroupName: LOG_GROUP }))).logStreams ?? [];

describe('a filter pattern', () => {
  const LINES = ['[ERROR] textract said no', '[WARN] throttled by "bedrock"', '[INFO] stored 3', 'error 500'];
  test.each([
    ['', [0, 1, 2, 3]],
    ['ERROR', [0]],
    ['"[ERROR]"', [0]],
    ['textract no', [0]],
    ['textract bedrock', []],
    ['"said no"', [0]],
    ['"by \\"bedrock\\""', [1]],
    ['?ERROR ?WARN', [0, 1]],
    ['?"textract said" ?stored', [0, 2]],
    ['-ERROR', [1, 2, 3]],
    ['-"[ERROR]" -stored', [1, 3]],
    ['error -ERROR ?WARN', [3]],
  ])('the filter pattern %s finds the lines %j', (pattern, found) => {
    const matches = readFilterPattern(pattern);
    expect(LINES.flatMap((line, place) => (matches(line) ? [place] : []))).toEqual(found);
  });

  test.each(['"open', 'a:b', '[ERROR', '{ $.a = 1', '{ $.level = "x" }', '[a, b]', '%regex%', '-', 'a"b"'])(
    'the filter pattern %s is refused',
    async (pattern) => {
      expect(() => readFilterPattern(pattern)).toThrow(FilterPatternError);
      await expect(filter({ filterPattern: pattern })).rejects.toMatchObject({
        name: 'InvalidParameterException',
        message: expect.stringContaining('Invalid filter pattern'),
      });
    },
  );
});

describe('FilterLogEvents', () => {
  test('FilterLogEvents starts with as many empty pages with a token as the setting says', async () => {
    rig.aws.turn({ emptyLogPages: 3 });
    await rig.invoke(keyOf(0));
    let token: string | undefined;
    for (let page = 0; page < 3; page++) {
      const { events, nextToken } = await filter(token ? { nextToken: token } : {});
      expect(events).toEqual([]);
      expect(nextToken).toBeDefined();
      token = nextToken;
    }
    const last = await filter(token ? { nextToken: token } : {});
    expect(last.events?.length).toBeGreaterThan(0);
    expect(last.nextToken).toBeUndefined();
    rig.aws.turn({ emptyLogPages: 0 });
    expect((await filter()).events?.length).toBeGreaterThan(0);
  });

  test('FilterLogEvents returns every line once and in order over its pages', async () => {
    rig.aws.turn({ emptyLogPages: 0 });
    for (const index of [0, 1, 2]) await rig.invoke(keyOf(index));
    const whole = (await filter()).events ?? [];
    const paged: typeof whole = [];
    let token: string | undefined;
    do {
      const page = await filter({ limit: 2, ...(token ? { nextToken: token } : {}) });
      expect(page.events?.length).toBeLessThanOrEqual(2);
      paged.push(...(page.events ?? []));
      token = page.nextToken;
    } while (token);
    expect(paged).toEqual(whole);
    expect(new Set(paged.map(({ eventId }) => eventId)).size).toBe(paged.length);
    await expect(filter({ nextToken: 'other' })).rejects.toEqual(named('InvalidParameterException'));
  });

  test('FilterLogEvents filters by stream and by an inclusive window of time', async () => {
    rig.aws.turn({ emptyLogPages: 0 });
    await rig.invoke(keyOf(0));
    const all = (await filter()).events ?? [];
    const first = all[0]?.timestamp ?? 0;
    const last = all.at(-1)?.timestamp ?? 0;
    expect((await filter({ startTime: first, endTime: last })).events).toEqual(all);
    expect((await filter({ startTime: last + 1 })).events).toEqual([]);
    expect((await filter({ endTime: first - 1 })).events).toEqual([]);
    await expect(filter({ startTime: 2, endTime: 1 })).rejects.toEqual(named('InvalidParameterException'));
    const stream = all[0]?.logStreamName ?? '';
    expect((await filter({ logStreamNames: [stream] })).events).toEqual(all);
    expect((await filter({ logStreamNamePrefix: stream.slice(0, 20) })).events).toEqual(all);
    expect((await filter({ logStreamNamePrefix: '1999/' })).events).toEqual([]);
    await expect(filter({ logStreamNames: [stream], logStreamNamePrefix: '2' })).rejects.toEqual(
      named('InvalidParameterException'),
    );
  });

  test('FilterLogEvents and the other operations report a missing log group', async () => {
    rig.aws.turn({ logGroupMissing: true });
    const missing = {
      name: 'ResourceNotFoundException',
      message: 'The specified log group does not exist.',
    };
    await expect(filter()).rejects.toMatchObject(missing);
    await expect(streams()).rejects.toMatchObject(missing);
  });
});

test('a log group of the class INFREQUENT_ACCESS refuses FilterLogEvents and lists its streams', async () => {
  await rig.invoke(keyOf(0));
  rig.aws.turn({ logGroupClass: 'INFREQUENT_ACCESS' });
  await expect(filter()).rejects.toMatchObject({
    name: 'InvalidOperationException',
    message: expect.stringContaining('FilterLogEvents is not supported for this log class'),
  });
  expect(await streams()).toHaveLength(1);
});

test('with the JSON format Lambda writes platform.report in place of a REPORT line', async () => {
  rig.aws.turn({ emptyLogPages: 0, logFormat: 'JSON' });
  await rig.invoke(keyOf(0));
  const lines = ((await filter()).events ?? []).map(({ message = '' }) => message);
  expect(lines.some((line) => line.startsWith('REPORT'))).toBe(false);
  const [report = ''] = lines.filter((line) => line.includes('"platform.report"'));
  expect(JSON.parse(report)).toMatchObject({ type: 'platform.report', record: { status: 'success' } });
  const found = (await filter({ filterPattern: '?REPORT ?"platform.report"' })).events ?? [];
  expect(found.map(({ message }) => message)).toEqual([report]);
});

describe('log streams', () => {
  test('consecutive invocations share a log stream and concurrent ones do not', async () => {
    for (const index of [0, 1]) await rig.invoke(keyOf(index));
    expect(await streams()).toHaveLength(1);
    rig.aws.turn({ latencyMs: 200 });
    await Promise.all([0, 1, 2].map((index) => rig.invoke(keyOf(index))));
    expect(await streams()).toHaveLength(3);
    expect((await streams())[0]?.logStreamName).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  });

  test('a changed function starts new log streams', async () => {
    await rig.invoke(keyOf(0));
    await rig.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: FUNCTION, Timeout: 100 }));
    await rig.invoke(keyOf(0));
    expect(await streams()).toHaveLength(2);
  });

  test('a log stream is read from its start or its end, and returns the same token at the end', async () => {
    for (const index of [0, 1]) await rig.invoke(keyOf(index));
    const [stream] = await streams();
    const read = (more: { nextToken?: string; limit?: number; startFromHead?: boolean }) =>
      rig.logs.send(
        new GetLogEventsCommand({ logGroupName: LOG_GROUP, logStreamName: stream?.logStreamName, ...more }),
      );
    const all = (await read({ startFromHead: true })).events ?? [];
    const forward: (string | undefined)[] = [];
    let page = await read({ startFromHead: true, limit: 3 });
    for (;;) {
      forward.push(...(page.events ?? []).map(({ message }) => message));
      const token = page.nextForwardToken ?? '';
      page = await read({ nextToken: token, limit: 3 });
      if (page.nextForwardToken === token) break;
    }
    expect(forward).toEqual(all.map(({ message }) => message));
    expect((await read({ limit: 1 })).events?.[0]?.message).toMatch(/^REPORT/);
    await expect(
      rig.logs.send(new GetLogEventsCommand({ logGroupName: LOG_GROUP, logStreamName: 'none' })),
    ).rejects.toMatchObject({ message: 'The specified log stream does not exist.' });
  });

  test('log streams are listed in pages, by name or by last event', async () => {
    rig.aws.turn({ latencyMs: 100 });
    await Promise.all([0, 1, 2].map((index) => rig.invoke(keyOf(index))));
    const list = (more: object) => rig.logs.send(new DescribeLogStreamsCommand({ logGroupName: LOG_GROUP, ...more }));
    const page = await list({ limit: 2 });
    const rest = await list({ limit: 2, nextToken: page.nextToken });
    const names = [...(page.logStreams ?? []), ...(rest.logStreams ?? [])].map(({ logStreamName }) => logStreamName);
    expect(names).toEqual([...names].sort());
    expect(names).toHaveLength(3);
    const newest = (await list({ orderBy: 'LastEventTime', descending: true })).logStreams ?? [];
    const times = newest.map(({ lastEventTimestamp = 0 }) => lastEventTimestamp);
    expect(times).toEqual([...times].sort((one, other) => other - one));
  });
});

describe('the log lines of Lambda', () => {
  test('an invocation logs START, END and REPORT with its numbers, and the first one of a copy also its initialisation', async () => {
    rig.aws.turn({ memoryMb: { min: 400, max: 410 } });
    for (const index of [0, 1]) await rig.invoke(keyOf(index));
    const lines = await rig.lines();
    expect(lines.filter((line) => line.startsWith('INIT_START'))).toHaveLength(1);
    const ids = lines.flatMap((line) => /^START RequestId: (\S+) Version: \$LATEST\n$/.exec(line)?.[1] ?? []);
    expect(ids).toHaveLength(2);
    const reports = lines.filter((line) => line.startsWith('REPORT'));
    for (const [place, id] of ids.entries()) {
      expect(lines).toContain(`END RequestId: ${id}\n`);
      const [, used] =
        new RegExp(
          `^REPORT RequestId: ${id}\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 1024 MB\tMax Memory Used: (\\d+) MB\t${place === 0 ? 'Init Duration: \\d+\\.\\d\\d ms\t' : ''}\n$`,
        ).exec(reports[place] ?? '') ?? [];
      expect(Number(used)).toBeGreaterThanOrEqual(400);
      expect(Number(used)).toBeLessThanOrEqual(410);
    }
  });

  test.each([
    ['crash', /^\[ERROR\] KeyError: 'entries'\nTraceback/, /MB\t\n$/],
    ['timeout', /Task timed out after 300.00 seconds\n\n$/, /Duration: 300000.00 ms\t.*Status: timeout\t\n$/],
    ['out-of-memory', /Runtime.OutOfMemory\n$/, /Max Memory Used: 1024 MB\t.*Error Type: Runtime.OutOfMemory\t\n$/],
    ['exit', /exit status 1\nRuntime.ExitError\n$/, /Error Type: Runtime.ExitError\t\n$/],
  ])('the log shows an invocation that ended with %s', async (kind, line, report) => {
    await rig.invoke(keyOf(0));
    rig.aws.turn({ failures: { kind } });
    await rig.invoke(keyOf(1));
    const lines = await rig.lines();
    expect(lines.some((text) => line.test(text))).toBe(true);
    expect(lines.filter((text) => text.startsWith('REPORT')).at(-1)).toMatch(report);
  });
});
