import { expect, test } from 'vitest';
import type { Firing, Schedule } from '../../../../src/checklist/schedules/schedule.ts';
import {
  firingMessage,
  nextFiringLine,
  plannedTime,
  scheduleCreatedMessage,
  scheduleRefusalMessage,
  schedulesMessage,
} from '../../../../src/slack/messages/schedules/schedule-messages.ts';

const at = (text: string) => Date.parse(`${text}Z`);
const schedule: Schedule = {
  id: 'sc-ghjk',
  work: { kind: 'rescan', words: ['people=Ana Bel'] },
  cron: '0 2 * * *',
  zone: 'Europe/Berlin',
  by: 'U0OPERATOR',
  channel: 'C1',
  createdAt: at('2026-07-01T00:00'),
  doneUntil: at('2026-07-01T00:00'),
  firings: [],
};
const next = [at('2026-07-11T00:00'), at('2026-07-12T00:00')];
const firing = (end: Firing['end']): Firing => ({ plannedAt: at('2026-07-10T00:00'), at: at('2026-07-10T00:00'), end });

test('a planned time is shown on the clocks of its zone and in UTC, and once where that is the same', () => {
  expect(plannedTime(at('2026-07-11T00:00'), 'Europe/Berlin')).toBe(
    '2026-07-11 02:00 Europe/Berlin (2026-07-11 00:00 UTC)',
  );
  expect(plannedTime(at('2026-07-11T00:00'), 'UTC')).toBe('2026-07-11 00:00 UTC');
});

test('the answer to a new schedule names the next two times, whose name it acts in, and that the flush waits', () => {
  const { text } = scheduleCreatedMessage({ ...schedule, next });
  expect(text).toContain('Schedule `sc-ghjk` is set: rescan `people=Ana Bel`, `0 2 * * *` in Europe/Berlin.');
  expect(text).toContain('2026-07-11 02:00 Europe/Berlin (2026-07-11 00:00 UTC), then 2026-07-12 02:00');
  expect(text).toContain('<@U0OPERATOR>');
  expect(text).toContain('a second person, not <@U0OPERATOR>, has to approve it');
  expect(scheduleCreatedMessage({ ...schedule, work: { kind: 'backup', words: [] }, next }).text).not.toMatch(
    /approve/,
  );
});

test('the list shows each schedule with its next times and what its last firings came to', () => {
  const firings = [
    firing({ kind: 'started', what: 'autopilot ap-1' }),
    firing({ kind: 'refused', lines: ['Not started: r-0001 is running.', 'more'] }),
    firing({ kind: 'missed', count: 3, isCut: false, first: 0 }),
  ];
  const { text } = schedulesMessage([
    { ...schedule, firings, next },
    { ...schedule, id: 'sc-zzzz', off: { at: at('2026-07-02T10:00'), by: 'U0OTHER' }, next: [] },
  ]);
  expect(text.split('\n')).toEqual([
    '2 schedules.',
    '• `sc-ghjk` rescan `people=Ana Bel`, `0 2 * * *` in Europe/Berlin, set by <@U0OPERATOR>',
    expect.stringContaining('Next: 2026-07-11 02:00'),
    expect.stringContaining('2026-07-10 02:00 Europe/Berlin (2026-07-10 00:00 UTC): started `autopilot ap-1`'),
    expect.stringContaining(': not started. Not started: r-0001 is running.'),
    expect.stringContaining(': 3 planned times missed, this the last'),
    expect.stringMatching(/`sc-zzzz` .* \*off\* since 2026-07-02 10:00 UTC by <@U0OTHER>/),
    expect.stringContaining('It is off'),
  ]);
  expect(schedulesMessage([]).text).toMatch(/There are no schedules/);
});

test('a firing that was not started says the reason, the time and what to do, and names a schedule that was switched off', () => {
  const refused = firingMessage(schedule, firing({ kind: 'refused', lines: ['The stop file exists.', 'Remove it.'] }));
  expect(refused.text).toMatch(
    /^The scheduled rescan `sc-ghjk` of 2026-07-10 02:00 .* was not started\.\nThe stop file exists\.\nRemove it\./,
  );
  expect(refused.text).not.toMatch(/is off now/);
  const off = { ...schedule, off: { at: 0 } };
  expect(firingMessage(off, firing({ kind: 'refused', lines: ['Not an operator.'] })).text).toMatch(/is off now/);
});

test('missed times name the command that does the same by hand', () => {
  const { text } = firingMessage(schedule, firing({ kind: 'missed', count: 1, isCut: false, first: 0 }));
  expect(text).toContain('`/rescan autopilot people="Ana Bel"`');
  expect(firingMessage(schedule, firing({ kind: 'missed', count: 40, isCut: true, first: 0 })).text).toContain(
    'missed at least 40 planned times',
  );
});

test('words of a schedule take no effect in a message', () => {
  const hostile: Schedule = { ...schedule, work: { kind: 'backup', words: ['<!channel>', '`*x*`'] } };
  const { text } = schedulesMessage([{ ...hostile, next }]);
  expect(text).not.toContain('<!channel>');
  expect(text).toContain('&lt;!channel&gt;');
});

test('every refusal says what was not done', () => {
  const refusals = [
    { reason: 'cron', problem: { kind: 'fields', found: 4 } },
    { reason: 'cron', problem: { kind: 'invalid', detail: '26 is a invalid expression for hour' } },
    { reason: 'cron', problem: { kind: 'only-numbers', field: 'day of month' } },
    { reason: 'cron', problem: { kind: 'two-kinds-of-day' } },
    { reason: 'cron', problem: { kind: 'too-often', leastMinutes: 15, foundMinutes: 5 } },
    { reason: 'zone', zone: 'Mars/Base' },
    { reason: 'too-many', most: 20 },
    { reason: 'unknown', id: 'sc-x', ids: ['sc-ghjk'] },
    { reason: 'unchanged', schedule },
    { reason: 'changed-meanwhile', id: 'sc-x' },
  ] as const;
  for (const refusal of refusals) {
    const message = scheduleRefusalMessage(refusal);
    expect(message.isRefusal).toBe(true);
    expect(message.text).toMatch(/^(No schedule was set|Nothing was changed|There is no schedule)/);
  }
});

test('status names the next firing with its time', () => {
  expect(nextFiringLine({ schedule, at: at('2026-07-11T00:00') })).toContain('the rescan `sc-ghjk` at <!date');
});
