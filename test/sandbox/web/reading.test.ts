import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearDay, slackDate } from '../../../sandbox/web/page/blocks/dates.ts';
import { csvRows } from '../../../sandbox/web/page/chat/csv.ts';
import { completionsOf, knownLines } from '../../../sandbox/web/page/composer/completions.ts';
import { countsText } from '../../../sandbox/web/page/world/map-run-counts.ts';

describe('a CSV', () => {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

  test('a CSV is parsed to the cells it was written from, whatever they contain', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), { minLength: 1 }), (rows) => {
        const text = rows.map((row) => row.map(quoted).join(',')).join('\r\n');
        expect(csvRows(`${text}\r\n`, 1_000)).toEqual(rows);
      }),
    );
  });

  test('a CSV is parsed without its byte order mark and only up to the requested rows', () => {
    expect(csvRows('\uFEFFa,b\n1,2\n3,4\n', 2)).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
    expect(csvRows('a,b', 5)).toEqual([['a', 'b']]);
    expect(csvRows('', 5)).toEqual([]);
  });
});

describe('dates in Slack’s formats', () => {
  // Noon, so that the day is the same in every time zone.
  const now = new Date(2026, 2, 2, 12, 0, 0);
  const noon = (month: number, day: number) => new Date(2026, month, day, 12, 34, 56).getTime() / 1000;

  test.each([
    ['{date_num} {time_secs}', noon(2, 1), '2026-03-01 12:34:56 PM'],
    ['{date} at {time}', noon(2, 2), 'March 2nd, 2026 at 12:34 PM'],
    ['{date_short}', noon(1, 11), 'Feb 11, 2026'],
    ['{date_long}', noon(1, 23), 'Monday, February 23rd, 2026'],
    ['{date_short_pretty}', noon(2, 1), 'yesterday'],
    ['{date_pretty}', noon(2, 2), 'today'],
    ['{date_long_pretty}', noon(2, 3), 'tomorrow'],
    ['{date_short_pretty}', noon(1, 1), 'Feb 1, 2026'],
    ['{ago}', now.getTime() / 1000 - 120, '2 minutes ago'],
  ])('a date is formatted by %s', (format, seconds, shown) => {
    expect(slackDate(seconds, format, now)?.replaceAll('\u202f', ' ')).toBe(shown);
  });

  test('an invalid time or format gives no date', () => {
    expect(slackDate(Number.NaN, '{date}', now)).toBeUndefined();
    expect(slackDate(1e300, '{date}', now)).toBeUndefined();
    expect(slackDate(noon(2, 2), '{moon}', now)).toBeUndefined();
  });

  test('yesterday and tomorrow are recognised across the end of a month', () => {
    expect(nearDay(new Date(2026, 1, 28), new Date(2026, 2, 1))).toBe('yesterday');
    expect(nearDay(new Date(2025, 2, 1), new Date(2026, 2, 1))).toBeUndefined();
  });
});

describe('completions', () => {
  const commands = [{ command: '/rescan', description: 'The rescan checklist', usageHint: 'help | backup | stop | …' }];
  const help = {
    text: [
      '• `/rescan backup [note] | backup native`: copies the table (operators)',
      '• `/rescan pace 60 | auto | batch=20 delay=30s`: images a minute (operators)',
      '• `/rescan diff [BACKUP] | diff restore [BACKUP]`: every change',
      '`/other thing`: is not of this workspace',
    ].join('\n'),
  };

  test('completions come from the usage hint of the manifest and from the commands in messages, with descriptions', () => {
    expect(knownLines(commands, [help])).toEqual([
      { line: '/rescan', help: 'The rescan checklist' },
      { line: '/rescan help', help: '' },
      { line: '/rescan backup', help: 'copies the table' },
      { line: '/rescan stop', help: '' },
      { line: '/rescan backup native', help: 'copies the table' },
      { line: '/rescan pace 60', help: 'images a minute' },
      { line: '/rescan pace auto', help: 'images a minute' },
      { line: '/rescan pace batch=20 delay=30s', help: 'images a minute' },
      { line: '/rescan diff', help: 'every change' },
      { line: '/rescan diff restore', help: 'every change' },
    ]);
  });

  test('only lines that start with the typed command are offered', () => {
    const known = knownLines(commands, [help]);
    expect(completionsOf(known, '/rescan di').map(({ line }) => line)).toEqual([
      '/rescan diff',
      '/rescan diff restore',
    ]);
    expect(completionsOf(known, '/rescan diff restore')).toEqual([]);
    expect(completionsOf(known, 'rescan')).toEqual([]);
    expect(completionsOf(known, '')).toEqual([]);
  });
});

test('the children of a Map Run are counted by what they came to, without what there is none of', () => {
  const counts = { pending: 1_200, running: 3, succeeded: 2, failed: 0, timedOut: 1, total: 1_206, resultsWritten: 2 };
  expect(countsText(counts)).toBe('2 succeeded, 1 timed out, 3 running, 1,200 waiting');
  expect(countsText({})).toBe('');
});
