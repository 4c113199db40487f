import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SettingsError } from '../../../src/lib/environment.ts';
import type { RunEvent } from '../../../src/run/model/types.ts';
import { readSettings } from '../../../src/settings.ts';
import { compose } from '../../../src/slack/messages/kit/message.ts';
import { alertOf } from '../../../src/slack/messages/run/alerts.ts';
import { createAddress } from '../../../src/slack/notifications/address.ts';
import { runNotice } from '../../../src/slack/notifications/run-notice.ts';
import { isQuiet, mentionsFor, type NotifyEvent, type NotifyPolicy } from '../../../src/slack/notifications/targets.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const targets: NotifyPolicy['targets'] = {
  trip: ['here', 'S0ONCALL'],
  fault: ['starter', 'approvers'],
  approval: [],
  denied: ['starter'],
  finished: ['starter'],
};
const night = { fromMinute: 22 * 60, toMinute: 7 * 60, timeZone: 'Europe/Berlin' };
const policy: NotifyPolicy = { targets, approvers: ['U0ANA', 'U0BEN'], quietHours: night };
const noon = Date.UTC(2026, 0, 5, 11);
const midnight = Date.UTC(2026, 0, 5, 23);

test.each<[event: NotifyEvent, mentions: string[], atNight: string[]]>([
  ['trip', ['<!here>', '<!subteam^S0ONCALL>'], ['<!here>', '<!subteam^S0ONCALL>']],
  ['fault', ['<@U0ANA>', '<@U0BEN>'], ['<@U0ANA>', '<@U0BEN>']],
  ['approval', [], []],
  ['denied', ['<@U0ANA>'], ['<@U0ANA>']],
  ['finished', ['<@U0ANA>'], []],
])('%s mentions by day and by night whom the settings name, each once', (event, mentions, atNight) => {
  expect(mentionsFor({ event, starters: ['U0ANA'] }, policy, noon)).toEqual(mentions);
  expect(mentionsFor({ event, starters: ['U0ANA'] }, policy, midnight)).toEqual(atNight);
});

test.each([
  // 22:00 in Berlin is 21:00 UTC in winter and 20:00 UTC in summer.
  [Date.UTC(2026, 0, 5, 20, 59), false],
  [Date.UTC(2026, 0, 5, 21, 0), true],
  [Date.UTC(2026, 0, 6, 5, 59), true],
  [Date.UTC(2026, 0, 6, 6, 0), false],
  [Date.UTC(2026, 6, 5, 20, 0), true],
  [Date.UTC(2026, 6, 6, 5, 0), false],
  // The night in which the clock goes forward, and back.
  [Date.UTC(2026, 2, 29, 4, 59), true],
  [Date.UTC(2026, 2, 29, 5, 0), false],
  [Date.UTC(2026, 9, 25, 5, 59), true],
  [Date.UTC(2026, 9, 25, 6, 0), false],
])(
  'quiet hours follow the wall clock of their time zone, also over midnight and a change of the clock (%d)',
  (at, quiet) => {
    expect(isQuiet(at, night)).toBe(quiet);
  },
);

test('every minute of a day is in the quiet hours or in those that remain, never in both', () => {
  const minute = fc.integer({ min: 0, max: 1_439 });
  fc.assert(
    fc.property(minute, minute, fc.integer({ min: 0, max: 2_000_000 }), (fromMinute, toMinute, minutes) => {
      fc.pre(fromMinute !== toMinute);
      const [at, timeZone] = [minutes * 60_000, 'America/New_York'];
      const quiet = isQuiet(at, { fromMinute, toMinute, timeZone });
      expect(isQuiet(at, { fromMinute: toMinute, toMinute: fromMinute, timeZone })).toBe(!quiet);
    }),
  );
});

/** Addresses a message about an end that names its starter. */
async function addressed(event: NotifyEvent, at: number, nameOf: (id: string) => Promise<string | undefined>) {
  const clock = createFakeClock(at);
  const message = compose({ fact: 'r-1 ended.', lines: ['Started by <@U0ANA>.'], buttons: [] });
  const address = createAddress({ policy, nameOf, clock });
  const done = address(message, { event, starters: ['U0ANA'] });
  await clock.advance(1_000);
  return done;
}
const blocksText = (message: { blocks: readonly unknown[] }) => JSON.stringify(message.blocks);

test('whoever is to be notified and is not named yet is added as small print, in text and blocks', async () => {
  const message = await addressed('fault', noon, async () => 'Ana');
  expect(message.text).toBe('r-1 ended.\nStarted by <@U0ANA>.\n<@U0BEN>');
  expect(blocksText(message)).toContain('{"type":"context","elements":[{"type":"mrkdwn","text":"<@U0BEN>"}]}');
});

test('a starter who is not to be notified is named without a mention, by the name that Slack shows', async () => {
  const message = await addressed('finished', midnight, async () => 'Ana <!channel>');
  expect(message.text).toBe('r-1 ended.\nStarted by *Ana &lt;!channel&gt;*.');
  expect(blocksText(message)).not.toContain('<@');
});

test.each([
  ['Slack refuses', async () => Promise.reject(new Error('down'))],
  ['Slack does not answer within a second', () => new Promise<never>(() => {})],
])('where %s, the starter is named by the id, and the alert is not held up', async (_why, nameOf) => {
  expect((await addressed('finished', midnight, nameOf)).text).toBe('r-1 ended.\nStarted by `U0ANA`.');
});

/** The notice of an event of a run, as its alert announces it. */
function noticeOf(event: RunEvent, resumesByItself = false) {
  const alert = alertOf(event, { resumesByItself });
  return alert && runNotice(event, alert);
}
const trip = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
const fault = { reason: 'credentials', message: 'expired', fix: 'renew' } as const;

test.each([
  ['a trip', 'tripped', trip, 'trip'],
  ['a pause because of a fault', 'paused', { kind: 'paused', because: { kind: 'fault', fault } }, 'fault'],
  ['a pause by a person', 'paused', { kind: 'paused', because: { kind: 'person', by: 'U1' } }, undefined],
  ['a stop by a person', 'stopped', { kind: 'stopped', by: { kind: 'person', by: 'U1' } }, undefined],
  ['an interruption that needs a person', 'interrupted', { kind: 'interrupted' }, 'fault'],
  ['a completion', 'completed', { kind: 'completed' }, 'finished'],
] as const)('%s is announced as the event that it is', (_name, kind, state, event) => {
  expect(noticeOf({ kind, snapshot: runSnapshot({ state }), drive: 'd-1', leftInFlight: 0 })?.event).toBe(event);
});

test('a trip with images in progress notifies at once, and its end mentions nobody a second time', () => {
  const draining = { kind: 'draining', why: 'trip', next: trip, snapshot: runSnapshot({ inFlight: 6 }) } as const;
  expect(noticeOf(draining)).toEqual({ event: 'trip', starters: ['U0OPERATOR'] });
  const snapshot = runSnapshot({ state: trip });
  const notice = noticeOf({ kind: 'tripped', snapshot, drive: 'd-1', leftInFlight: 0, isKnown: true });
  expect(notice).toEqual({ event: 'trip', starters: ['U0OPERATOR'], isRepeat: true });
  expect(noticeOf({ ...draining, why: 'stop' })).toBeUndefined();
});

test('a run that the bot resumes by itself after a restart notifies nobody', () => {
  const snapshot = runSnapshot({ state: { kind: 'interrupted' } });
  expect(noticeOf({ kind: 'interrupted', snapshot, drive: 'd-1', leftInFlight: 0 }, true)).toBeUndefined();
});

const needed = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' };
test('the settings of notifications are read into targets and minutes of the day', () => {
  const settings = readSettings({
    ...needed,
    NOTIFY_TRIP: 'here, S0ONCALL',
    NOTIFY_FINISHED: 'nobody',
    QUIET_HOURS: '22:30-07:05',
  });
  expect(settings).toMatchObject({
    notifyTrip: ['here', 'S0ONCALL'],
    notifyFinished: [],
    notifyApproval: ['approvers'],
    quietHours: { fromMinute: 1_350, toMinute: 425 },
    quietTimeZone: 'UTC',
  });
});

test.each([
  { NOTIFY_TRIP: 'nobody,here' },
  { NOTIFY_TRIP: 'everyone' },
  { NOTIFY_TRIP: ',' },
  { QUIET_HOURS: '22:00' },
  { QUIET_HOURS: '24:00-07:00' },
  { QUIET_HOURS: '07:00-07:00' },
  { QUIET_TIME_ZONE: 'Mars/Olympus' },
])('a malformed setting of notifications stops the start: %o', (given) => {
  expect(() => readSettings({ ...needed, ...given })).toThrow(SettingsError);
});
