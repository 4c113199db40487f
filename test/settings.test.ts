import { describe, expect, test } from 'vitest';
import { SettingsError } from '../src/lib/environment.ts';
import { readSettings, SETTINGS } from '../src/settings.ts';
import { slackModeOf } from '../src/slack/client/receiver/slack-mode.ts';

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
  test('have the names of the runbook and the pipeline as defaults', () => {
    expect(readSettings(needed)).toMatchObject({
      imageBucket: 'timesheetocr-input-dev-016164185850',
      ocrFunction: 'TimesheetOCR-ocr-dev',
      table: 'TimesheetOCR-dev',
      excludedPrefixes: ['quicksight-data/', 'dictionaries/'],
      pace: { kind: 'auto' },
      breakerConsecutive: 10,
      breakerWindow: 20,
      breakerPercent: 50,
      growthWarnMs: 300_000,
      growthTripMs: 600_000,
      stopFile: '/tmp/STOP_RESCAN',
      operators: [],
      controlPrefix: '',
    });
  });

  test('that are missing or malformed are listed at once, each with its value and what is allowed', () => {
    expect(
      linesOf({
        ...needed,
        SLACK_CHANNELS: '',
        PACE: '0',
        OPERATORS: 'bob',
        BREAKER_WINDOW: '1.5',
        KEY_ENCODING: 'utf8',
        LEASE_SECONDS: '0.5',
      }),
    ).toEqual([
      'SLACK_CHANNELS is not set. Allowed: Slack channel ids (C…, G…), separated by commas.',
      'OPERATORS is "bob". Allowed: Slack user ids (U…, W…) and user group ids (S…), separated by commas.',
      'KEY_ENCODING is "utf8". Allowed: raw or url.',
      'LEASE_SECONDS is "0.5". Allowed: a number from 1 to 300 (seconds).',
      'PACE is "0". Allowed: auto, or a whole number from 1 to 1000000 (images per minute).',
      'BREAKER_WINDOW is "1.5". Allowed: a whole number from 2 to 10000 (images).',
    ]);
  });

  test('never print a whole token', () => {
    expect(linesOf({ ...needed, SLACK_BOT_TOKEN: 'secret-token-123' })).toEqual([
      'SLACK_BOT_TOKEN is secre…. Allowed: a bot token (xoxb-…).',
    ]);
  });

  test.each([
    [{ GROWTH_TRIP_MINUTES: '3' }, 'GROWTH_TRIP_MINUTES is "3". Allowed: at least GROWTH_WARN_MINUTES (5).'],
    [
      { GROWTH_WARN_MINUTES: '11' },
      'GROWTH_TRIP_MINUTES is not set (default 10). Allowed: at least GROWTH_WARN_MINUTES (11).',
    ],
    [
      { CONTROL_TABLE: 'TimesheetOCR-dev' },
      'CONTROL_TABLE is "TimesheetOCR-dev". Allowed: a table that is not the TABLE of the pipeline.',
    ],
    [
      { CONTROL_BUCKET: 'timesheetocr-input-dev-016164185850' },
      'CONTROL_PREFIX is not set. Allowed: a prefix such as rescan-bot/, because CONTROL_BUCKET is also the IMAGE_BUCKET.',
    ],
  ])('that contradict each other are refused: %o', (given, line) => {
    expect(linesOf({ ...needed, ...given })).toEqual([line]);
  });

  const both = { SLACK_APP_TOKEN: 'xapp-1', SLACK_SIGNING_SECRET: '0123456789abcdef' };
  test.each([
    [
      { ...both },
      'SLACK_MODE is not set (default auto). Allowed: socket or http, because SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both set.',
    ],
    [
      { SLACK_APP_TOKEN: '' },
      'SLACK_APP_TOKEN is not set. Allowed: an app-level token (xapp-…), or SLACK_SIGNING_SECRET in its place for Slack over HTTP.',
    ],
    [
      { SLACK_APP_TOKEN: '', SLACK_MODE: 'socket' },
      'SLACK_APP_TOKEN is not set. Allowed: an app-level token (xapp-…), because SLACK_MODE is socket.',
    ],
    [
      { ...both, SLACK_MODE: 'http' },
      'HTTP_PORT is not set. Allowed: a port, because Slack reaches the bot over HTTP.',
    ],
    [
      { SLACK_MODE: 'http', HTTP_PORT: '8080' },
      'SLACK_SIGNING_SECRET is not set. Allowed: the signing secret of the app, because SLACK_MODE is http.',
    ],
    [
      { SLACK_SIGNING_SECRET: 'too-short', SLACK_APP_TOKEN: '' },
      'SLACK_SIGNING_SECRET is too-s…. Allowed: a signing secret: 16 to 128 letters and digits, or empty.',
    ],
    [{ HTTP_PORT: '0' }, 'HTTP_PORT is "0". Allowed: a whole number from 1 to 65535, or empty.'],
  ])('that leave open how Slack reaches the bot are refused: %o', (given, line) => {
    expect(linesOf({ ...needed, ...given })).toEqual([line]);
  });

  const safe = 'Allowed: an https URL (http only for 127.0.0.1), or empty.';
  test.each([
    [
      { WEBHOOK_URL: 'https://a.example/x' },
      'WEBHOOK_SECRET is not set. Allowed: a secret of at least 16 characters, because WEBHOOK_URL is set.',
    ],
    [{ WEBHOOK_URL: 'http://a.example/x', WEBHOOK_SECRET: 'x'.repeat(16) }, `WEBHOOK_URL is http:…. ${safe}`],
    [{ WEBHOOK_URL: 'file:///etc/passwd', WEBHOOK_SECRET: 'x'.repeat(16) }, `WEBHOOK_URL is file:…. ${safe}`],
    [
      { PAGERDUTY_ROUTING_KEY: 'topsecret' },
      'PAGERDUTY_ROUTING_KEY is topse…. Allowed: a key of 32 letters and digits, or empty.',
    ],
    [
      { PAGERDUTY_URL: 'http://events.pagerduty.com' },
      'PAGERDUTY_URL is "http://events.pagerduty.com". Allowed: an https URL (http only for 127.0.0.1).',
    ],
  ])('of a webhook that is not signed or not encrypted are refused, and no secret is printed: %o', (given, line) => {
    expect(linesOf({ ...needed, ...given })).toEqual([line]);
  });

  test('choose how Slack reaches the bot by what is set, and SLACK_MODE decides where both are', () => {
    const modeOf = (given: Record<string, string>) => slackModeOf(readSettings({ ...needed, ...given }));
    expect(modeOf({})).toBe('socket');
    expect(modeOf({ ...both, SLACK_APP_TOKEN: '', HTTP_PORT: '8080' })).toBe('http');
    expect(modeOf({ ...both, SLACK_MODE: 'http', HTTP_PORT: '8080' })).toBe('http');
    expect(modeOf({ ...both, SLACK_MODE: 'socket', HTTP_PORT: '8080' })).toBe('socket');
  });

  test('that contradict each other are listed beside malformed ones', () => {
    expect(linesOf({ ...needed, PACE: '0', CONTROL_TABLE: 'TimesheetOCR-dev' })).toHaveLength(2);
  });

  test('are parsed into the unit that their name says', () => {
    expect(
      readSettings({
        ...needed,
        GROWTH_WARN_MINUTES: '0.1',
        GROWTH_TRIP_MINUTES: '0.2',
        LEASE_SECONDS: '2',
        BACKUP_MAX_AGE_HOURS: '2',
        GROWTH_COUNT_MAX_MB: '3',
        SECONDS_PER_IMAGE: '0.5',
        PACE: '60',
      }),
    ).toMatchObject({
      growthWarnMs: 6_000,
      growthTripMs: 12_000,
      leaseMs: 2_000,
      backupMaxAgeMs: 7_200_000,
      growthCountMaxBytes: 3 * 1024 * 1024,
      secondsPerImage: 0.5,
      pace: { kind: 'fixed', perMinute: 60 },
    });
  });
});

describe('the list of settings for the docs', () => {
  test('names each variable once, with a meaning, its allowed values and a default that is allowed', () => {
    const variables = SETTINGS.map(({ variable }) => variable);
    expect(new Set(variables).size).toBe(variables.length);
    const written = SETTINGS.map(({ variable, defaultText = '' }) => [variable, defaultText]);
    expect(readSettings({ ...Object.fromEntries(written), ...needed })).toEqual(readSettings(needed));
    for (const { about, allowed } of SETTINGS) expect([about, allowed]).not.toContain('');
  });

  test('has no default exactly where the setting is required', () => {
    const required = SETTINGS.filter(({ defaultText }) => defaultText === undefined).map(({ variable }) => variable);
    expect(required).toEqual(['SLACK_BOT_TOKEN', 'SLACK_CHANNELS']);
    // And one way for requests of Slack to reach the bot.
    expect(linesOf({})).toHaveLength(required.length + 1);
  });
});
