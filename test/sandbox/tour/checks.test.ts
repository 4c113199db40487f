import { describe, expect, test } from 'vitest';
import { csvRows, difference, invokedTwiceWithoutReason } from '../../../sandbox/tour/checks.ts';

const KILLED = { at: 10_000, writeMs: 500 };
const invoked = (key: string, startedAt: number, endedAt: number) => ({ key, startedAt, endedAt });

describe('an image that ran twice', () => {
  test('an image may run twice when it was in flight at the kill or its outcome was being written', () => {
    const seen = [
      invoked('in-flight', 9_000, 11_000),
      invoked('in-flight', 12_000, 12_100),
      invoked('just-answered', 9_000, 9_700),
      invoked('just-answered', 12_000, 12_100),
      invoked('once', 9_000, 9_100),
    ];
    expect(invokedTwiceWithoutReason(seen, KILLED)).toEqual([]);
  });

  test.each([
    ['had its outcome long before the kill', [invoked('a', 5_000, 6_000), invoked('a', 12_000, 12_100)]],
    ['was started after the kill alone', [invoked('a', 12_000, 12_100), invoked('a', 13_000, 13_100)]],
    ['ran three times', [invoked('a', 9_000, 11_000), invoked('a', 12_000, 12_100), invoked('a', 13_000, 13_100)]],
  ])('an image that ran twice is not explained when it %s', (_, seen) => {
    expect(invokedTwiceWithoutReason(seen, KILLED)).toEqual(['a']);
  });
});

test('a CSV is parsed by its header, with quotes, commas and line breaks in cells', () => {
  expect(csvRows('\uFEFFKey,What\r\n"a,""b""\nc",one\r\nd,\r\n')).toEqual([
    { Key: 'a,"b"\nc', What: 'one' },
    { Key: 'd', What: '' },
  ]);
  expect(csvRows('Key,What')).toEqual([]);
});

test('the difference of two sets has the members of only one of them', () => {
  expect(difference(new Set(['a', 'b']), new Set(['b', 'c']))).toEqual(['a', 'c']);
});
