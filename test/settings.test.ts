import { describe, expect, test } from 'vitest';
import { readSettings, SettingsError } from '../src/settings.ts';

const needed = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' };
const linesOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.lines;
    throw error;
  }
  return [];
};

describe('settings', () => {
  test('the runbook and the pipeline are the defaults', () => {
    expect(readSettings(needed)).toMatchObject({
      IMAGE_BUCKET: 'timesheetocr-input-dev-016164185850',
      OCR_FUNCTION: 'TimesheetOCR-ocr-dev',
      TABLE: 'TimesheetOCR-dev',
      EXCLUDED_PREFIXES: ['quicksight-data/', 'dictionaries/'],
      BREAKER_CONSECUTIVE: 10,
      BREAKER_WINDOW: 20,
      BREAKER_PERCENT: 50,
      GROWTH_WARN_MINUTES: 300_000,
      GROWTH_TRIP_MINUTES: 600_000,
      STOP_FILE: '/tmp/STOP_RESCAN',
      OPERATORS: [],
    });
  });

  test('everything that is missing or malformed is listed at once, with what it holds and what it may hold', () => {
    expect(
      linesOf({
        ...needed,
        SLACK_CHANNELS: '',
        PACE: '0',
        OPERATORS: 'bob',
        BREAKER_WINDOW: '1.5',
        KEY_ENCODING: 'utf8',
      }),
    ).toEqual([
      'SLACK_CHANNELS is not set; it must hold channel ids (C…, G…), separated by commas.',
      'OPERATORS is "bob"; it must hold Slack user ids (U…, W…) and user group ids (S…), separated by commas.',
      'KEY_ENCODING is "utf8"; it must hold raw or url.',
      'PACE is "0"; it must hold auto, or images a minute (a whole number above 0).',
      'BREAKER_WINDOW is "1.5"; it must hold a whole number from 2 to 10000.',
    ]);
  });

  test('a token is never printed whole', () => {
    expect(linesOf({ ...needed, SLACK_BOT_TOKEN: 'secret-token-123' })).toEqual([
      'SLACK_BOT_TOKEN is secre…; it must hold a bot token (xoxb-…).',
    ]);
  });

  test.each([
    [{ GROWTH_TRIP_MINUTES: '3' }, 'GROWTH_TRIP_MINUTES is "3"; it must hold no less than GROWTH_WARN_MINUTES.'],
    [
      { CONTROL_TABLE: 'TimesheetOCR-dev' },
      'CONTROL_TABLE is "TimesheetOCR-dev"; it must hold another table than TABLE.',
    ],
    [
      { CONTROL_BUCKET: 'timesheetocr-input-dev-016164185850' },
      'CONTROL_PREFIX is not set; it must hold a prefix such as rescan-bot/, as CONTROL_BUCKET is the bucket of the images.',
    ],
  ])('settings that contradict each other are refused: %o', (given, line) => {
    expect(linesOf({ ...needed, ...given })).toEqual([line]);
  });

  test('contradictions are listed beside malformed values', () => {
    expect(linesOf({ ...needed, PACE: '0', CONTROL_TABLE: 'TimesheetOCR-dev' })).toHaveLength(2);
  });

  test('durations are handed on in milliseconds', () => {
    expect(
      readSettings({ ...needed, GROWTH_WARN_MINUTES: '0.1', GROWTH_TRIP_MINUTES: '0.2', LEASE_SECONDS: '2' }),
    ).toMatchObject({
      GROWTH_WARN_MINUTES: 6_000,
      GROWTH_TRIP_MINUTES: 12_000,
      LEASE_SECONDS: 2_000,
    });
  });
});
