import { expect, test } from 'vitest';
import {
  aboutDuration,
  bytes,
  counted,
  dollars,
  duration,
  percent,
  progressBar,
  rate,
} from '../../../../src/slack/messages/kit/format.ts';

const MINUTE = 60_000;

test('a duration is shown in its two largest units', () => {
  const shown = [0, 50_000, 59_600, 250_000, 240_000, 41 * MINUTE, 72 * MINUTE, 120 * MINUTE, 51 * 60 * MINUTE].map(
    duration,
  );
  expect(shown).toEqual([
    'under 1 s',
    '50 s',
    '1 min',
    '4 min 10 s',
    '4 min',
    '41 min',
    '1 h 12 min',
    '2 h',
    '2 d 3 h',
  ]);
});

test('a percentage is 100 only of all', () => {
  expect([percent(412, 1_398), percent(1_397, 1_398), percent(5, 5), percent(0, 0)]).toEqual([
    '29 %',
    '99 %',
    '100 %',
    '0 %',
  ]);
});

test('the bar is never empty once something is done, and full only at the end', () => {
  const full = (done: number, of: number) => [...progressBar(done, of)].filter((field) => field === '█').length;
  expect([full(0, 1_398), full(1, 1_398), full(1_397, 1_398), full(1_398, 1_398), full(0, 0)]).toEqual([
    0, 1, 19, 20, 0,
  ]);
});

test('numbers are shown with thousands separators', () => {
  expect(counted(1, 'image')).toBe('1 image');
  expect(counted(1_398, 'image')).toBe('1,398 images');
  expect([rate(6.24), rate(31.4), rate(1_200)]).toEqual(['6.2', '31', '1,200']);
  expect([bytes(812), bytes(3_400), bytes(312_000_000), bytes(1_200_000_000)]).toEqual([
    '812 bytes',
    '3.4 KB',
    '312 MB',
    '1.2 GB',
  ]);
  expect([dollars(0), dollars(0.00434), dollars(0.42), dollars(1_234.5)]).toEqual(['$0', '$0.0043', '$0.42', '$1,235']);
});

test('an estimate of less than a second is not called "about under"', () => {
  expect([0, 400, 900, 50_000].map(aboutDuration)).toEqual(['under 1 s', 'under 1 s', 'about 1 s', 'about 50 s']);
});
