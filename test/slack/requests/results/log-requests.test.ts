import { describe, expect, test } from 'vitest';
import { readFilterPattern } from '../../../../sandbox/aws/logs/filter-pattern.ts';
import type { ImageAttempt } from '../../../../src/checklist/contracts/result-control.ts';
import { FaultError } from '../../../../src/pipeline/fault.ts';
import {
  LogGroupMissingError,
  type LogLine,
  LogPatternRefusedError,
  type LogWindow,
} from '../../../../src/pipeline/logs/logs.ts';
import { type FileContent, FileUploadError } from '../../../../src/slack/client/file-upload.ts';
import { readFollow, readLogsAsked } from '../../../../src/slack/commands/results/log-command.ts';
import { LIMITS, withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import type { Message } from '../../../../src/slack/messages/kit/message.ts';
import type { LogsAsked } from '../../../../src/slack/messages/results/log-message.ts';
import { createLogRequests } from '../../../../src/slack/requests/results/log-requests.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

const A = '11111111-aaaa-4aaa-8aaa-111111111111';
const B = '22222222-bbbb-4bbb-8bbb-222222222222';
const clock = createFakeClock();
const NOW = clock.now();
const ASKED: LogsAsked = { errorsOnly: false, fromMs: 15 * 60_000 };

let id = 0;
const said = (stream: string, ...messages: readonly string[]): LogLine[] =>
  messages.map((message) => {
    id += 1;
    return { at: NOW - 60_000 + id, stream, message, id: String(id) };
  });
const invocation = (requestId: string, stream: string, ...messages: readonly string[]) =>
  said(stream, `START RequestId: ${requestId} Version: 1`, ...messages, `END RequestId: ${requestId}`);

/** Shows a log with these lines. Returns the reply, the posted messages and the uploaded files. */
async function show(
  lines: readonly LogLine[],
  asked: Partial<LogsAsked> = {},
  errors: { find?: (window: LogWindow) => unknown; share?: unknown } = {},
  attempts: readonly ImageAttempt[] = [],
) {
  const posts: Message[] = [];
  const replies: Message[] = [];
  const files: { name: string; text: string; threadTs?: string }[] = [];
  const requests = createLogRequests({
    async *findLines(window) {
      const error = errors.find?.(window);
      if (error !== undefined) throw error;
      const { from, to = NOW, pattern = '', stream } = window;
      const matches = readFilterPattern(pattern);
      for (const line of lines)
        if (line.at >= from && line.at <= to && matches(line.message) && (stream ?? line.stream) === line.stream)
          yield line;
    },
    results: { attempts: async () => ({ ok: true, value: attempts }) },
    answers: {
      async offer(_channel, message) {
        posts.push(withinLimits(message));
        return message;
      },
    },
    places: { find: async ({ channel }) => ({ channel, threadTs: '1.1', where: 'the run’s thread' }) },
    files: {
      async share({ files: parts, threadTs }) {
        if (errors.share !== undefined) throw errors.share;
        const all: FileContent[] = await Array.fromAsync(parts);
        for (const { name, chunks } of all)
          files.push({
            name,
            text: Buffer.concat(await Array.fromAsync(chunks())).toString(),
            ...(threadTs === undefined ? {} : { threadTs }),
          });
        return all.length;
      },
    },
    clock,
  });
  const answer = await requests.show(
    { ...ASKED, ...asked },
    {
      person: 'U1',
      channel: 'C1',
      reply: async (message) => void replies.push(message),
    },
  );
  // An answer that the requester could share is a post; anything else is why there is none.
  const isOffered = posts.length > 0 && answer?.text === posts.at(-1)?.text;
  return {
    answer: isOffered ? undefined : answer?.text,
    replies,
    said: posts.map(({ blocks }) => JSON.stringify(blocks)).join(),
    files,
    posts,
  };
}

describe('the log', () => {
  test('the log is shown by invocation, errors first, without a file when all of it fits', async () => {
    const seen = await show([...invocation(A, 's1', 'stored 3'), ...invocation(B, 's2', '[ERROR] KeyError: week')]);
    expect(seen.posts[0]?.text).toMatch(/^2 invocations in the function’s log, 1 with errors \(the last 15 min\)\./);
    expect(seen.said.indexOf('KeyError')).toBeLessThan(seen.said.indexOf('stored 3'));
    expect(seen.files).toEqual([]);
    expect(seen.answer).toBeUndefined();
  });

  test('a pattern or an image selects whole invocations', async () => {
    const log = [...invocation(A, 's1', 'reads weeks/a b.png', 'stored 3'), ...invocation(B, 's2', 'reads c.png')];
    for (const asked of [{ pattern: '"a b.png"' }, { image: 'weeks/a b.png' }]) {
      const seen = await show(log, asked);
      expect(seen.posts[0]?.text).toMatch(/^1 invocation in/);
      expect(seen.said).toMatch(/stored 3/);
      expect(seen.said).not.toMatch(/c\.png/);
    }
    const none = await show(log, { image: 'no "such" <!channel>.png' });
    expect(none.posts[0]?.text).toMatch(
      /^The function’s log has no lines for the last 15 min, image `no "such" &lt;!channel&gt;.png`/,
    );
  });

  test('the log of an image that it does not name is found by the request id of the run that invoked it, however long ago', async () => {
    const old = NOW - 5 * 3_600_000;
    const log = [...invocation(A, 's1', '[ERROR] KeyError: week'), ...invocation(B, 's1', 'stored 3')].map(
      (line, n) => ({ ...line, at: old + n }),
    );
    const attempt = { runId: 'r-0001', startedAt: old, durationMs: 5, requestId: A };
    const seen = await show(log, { image: 'silent.png' }, {}, [
      attempt,
      { runId: 'r-0002', startedAt: old, durationMs: 5 },
    ]);
    expect(seen.posts[0]?.text).toMatch(/^1 invocation for image `silent.png`, 1 with errors\./);
    expect(seen.said).toMatch(/KeyError/);
    expect(seen.said).toMatch(/found by their request ids in `r-0001`/);
    expect(seen.said).not.toMatch(/stored 3/);
  });

  test('the log of an image whose key is not a valid pattern is searched line by line', async () => {
    const refusing = ({ pattern }: LogWindow) =>
      pattern === undefined ? undefined : new LogPatternRefusedError(pattern, new Error('Invalid filter pattern'));
    const seen = await show(invocation(A, 's1', 'reads odd.png'), { image: 'odd.png' }, { find: refusing });
    expect(seen.posts[0]?.text).toMatch(/^1 invocation/);
  });

  test('a log that is too long for a message is cut around its errors, and a file in the thread of the run has all of it', async () => {
    const many = Array.from({ length: 300 }, (_, n) => `[INFO] step ${n} of the work on this image`);
    const seen = await show(invocation(A, 's1', ...many, '[ERROR] KeyError: week', 'after it'));
    expect(seen.said).toMatch(/298 earlier lines/);
    expect(seen.said).toMatch(/KeyError: week/);
    expect(seen.said).toMatch(/Shown: \d+ of 302 lines\. The file has all of them/);
    for (const block of seen.posts[0]?.blocks ?? [])
      if (block.type === 'section') expect(block.text?.text.length ?? 0).toBeLessThanOrEqual(LIMITS.sectionText);
    const [file] = seen.files;
    expect(seen.said).toMatch(/The whole log is in a file in the run’s thread/);
    expect(file).toMatchObject({ name: 'function-log.txt', threadTs: '1.1' });
    expect(file?.text.match(/step \d+ of the work/g)).toHaveLength(300);
  });

  test('long lines are cut in the message and complete in the file', async () => {
    const seen = await show(invocation(A, 's1', `${'x'.repeat(900)} end of it`));
    expect(seen.said).toMatch(/Long lines are cut here; the file has them in full/);
    expect(seen.files[0]?.text).toMatch(/end of it/);
  });

  test('a hostile log line shows no credentials, mentions nobody and does not end the code block', async () => {
    const hostile = 'AKIAIOSFODNN7EXAMPLE Bearer abcdefghijklmnopqrstuv <!channel> ```*bold* \u202Egnp';
    const long = Array.from({ length: 100 }, () => hostile);
    const seen = await show(invocation(A, 's1', ...long));
    for (const text of [seen.said, ...seen.files.map((file) => file.text)])
      expect(text).not.toMatch(/AKIAIOSFODNN7EXAMPLE|abcdefghijklmnopqrstuv/);
    expect(seen.said).not.toMatch(/<!channel>|```\*bold|\u202E/);
  });

  test.each([
    [
      new LogPatternRefusedError('a:b', new Error("Invalid character(s) in term 'a:b'")),
      /does not accept the pattern `a:b`.*Invalid character\(s\) in term 'a:b'/,
    ],
    [
      new LogGroupMissingError('/aws/lambda/ocr', new Error('gone')),
      /The log group `\/aws\/lambda\/ocr` does not exist/,
    ],
    [
      new FaultError(
        { reason: 'access-denied', message: 'not authorized', fix: 'The bot needs logs:FilterLogEvents.' },
        undefined,
      ),
      /logs:FilterLogEvents/,
    ],
  ])('a log that cannot be read is answered with the reason and the fix: %s', async (error, words) => {
    const seen = await show([], { pattern: 'a:b' }, { find: () => error });
    expect(seen.answer).toMatch(words);
    expect(seen.posts).toEqual([]);
  });

  test('when Slack does not accept the file, the log is shown and the reply says so', async () => {
    const long = invocation(A, 's1', 'x'.repeat(900));
    const seen = await show(long, {}, { share: new FileUploadError('function-log.txt', 500) });
    expect(seen.replies).toHaveLength(1);
    expect(seen.answer).toMatch(/The file with the log was not uploaded/);
  });
});

describe('/rescan logs', () => {
  test('`/rescan logs` reads its options', () => {
    expect(readLogsAsked(['ERRORS', 'minutes=90', 'pattern="Task timed out"', 'image=a b.png'])).toEqual({
      ok: true,
      value: { errorsOnly: true, fromMs: 90 * 60_000, pattern: '"Task timed out"', image: 'a b.png' },
    });
    expect(readFollow([])).toEqual({ ok: true, value: { forMs: 600_000, errorsOnly: false } });
    expect(readFollow(['errors', '20M', 'pattern=ERROR'])).toEqual({
      ok: true,
      value: { forMs: 20 * 60_000, errorsOnly: true, pattern: 'ERROR' },
    });
  });

  test.each([['0m'], ['61m'], ['5m', '6m'], ['soon'], ['minutes=5']])(
    '`/rescan logs follow %s` is refused',
    (...words) => {
      expect(readFollow(words)).toMatchObject({ ok: false });
    },
  );
  test.each([['minutes=0'], ['minutes=10081'], ['minutes=1.5'], ['image='], ['everything']])(
    '`/rescan logs %s` is refused',
    (...words) => {
      expect(readLogsAsked(words)).toMatchObject({ ok: false });
    },
  );
});
