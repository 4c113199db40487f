import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readFilterPattern } from '../../../sandbox/aws/logs/filter-pattern.ts';
import { readLine } from '../../../src/pipeline/logs/log-line.ts';
import { patternOfText } from '../../../src/pipeline/logs/log-read.ts';
import { groupByInvocation } from '../../../src/pipeline/logs/log-report.ts';

const ids = ['11111111-aaaa-4aaa-8aaa-111111111111', '22222222-bbbb-4bbb-8bbb-222222222222', '__proto__', ''];
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 20 }));
const pieces = fc.oneof(
  anyText,
  fc.constantFrom(...ids),
  fc.constantFrom('Duration: 1.2.3 ms', 'Duration: . ms', 'Memory Size: 1 MB', 'Status: timeout', '\t', '\n', 'Error'),
);
/** Any text, often with the beginning or the parts of one of Lambda's own lines. */
const message = fc.oneof(
  anyText,
  fc
    .tuple(
      fc.constantFrom('START RequestId: ', 'END RequestId: ', 'REPORT RequestId: ', 'INIT_START ', 'INIT_', '{"type":'),
      fc.array(pieces, { maxLength: 5 }),
      fc.constantFrom('', ' ', '\t'),
    )
    .map(([start, rest, between]) => start + rest.join(between)),
  fc
    .record({
      type: fc.oneof(fc.constantFrom('platform.start', 'platform.report', 'platform.initStart'), anyText),
      record: fc.oneof(
        fc.record(
          { requestId: pieces, status: pieces, metrics: fc.record({ durationMs: fc.double() }, { requiredKeys: [] }) },
          { requiredKeys: [] },
        ),
        fc.jsonValue(),
      ),
      level: pieces,
    })
    .map((value) => JSON.stringify(value)),
  fc.jsonValue().map((value) => JSON.stringify(value)),
);

test('Every line that the function wrote is in one group, whatever the lines are', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('s1', 's2'), message), { maxLength: 40 }), (said) => {
      const lines = said.map(([stream, text], at) => ({ at, stream, message: text, id: `${at}` }));
      const groups = groupByInvocation(lines);
      const grouped = groups.flatMap((group) => group.lines);
      const written = lines.filter((line) => ['output', 'init'].includes(readLine(line.message).kind));
      expect(grouped.toSorted((a, b) => a.at - b.at)).toEqual(written);
      for (const { lines: its, report, firstError } of groups) {
        expect(firstError).toBeLessThan(its.length);
        for (const number of Object.values(report ?? {})) expect(number).toSatisfy(Number.isFinite);
      }
    }),
    { numRuns: 300 },
  );
});

test('A line of the function that begins with INIT_ is a line of its invocation', () => {
  const id = ids[0] ?? '';
  const lines = [`START RequestId: ${id} Version: 1`, 'INIT_MODEL: ValueError: no such model'].map((text, at) => ({
    at,
    stream: 's',
    message: text,
    id: `${at}`,
  }));
  expect(groupByInvocation(lines)).toMatchObject([{ requestId: id, isError: true, lines: [{ id: '1' }] }]);
});

test('All lines of a runtime that starts again and again are kept', () => {
  const lines = Array.from({ length: 12 }, (_, at) => ({ at, stream: 's', message: `INIT_START ${at}`, id: `${at}` }));
  expect(groupByInvocation(lines)).toMatchObject([{ lines }]);
});

test('A pattern made of any text finds the lines that contain it, and no others', () => {
  fc.assert(
    fc.property(anyText, anyText, anyText, (text, before, after) => {
      const finds = readFilterPattern(patternOfText(text));
      expect(finds(before + text + after)).toBe(true);
      expect(finds(before)).toBe(before.includes(text));
    }),
    { numRuns: 500 },
  );
});
