import type { Firing, Schedule } from '../../../src/checklist/schedules/schedule.ts';
import type { ScheduleRefusal } from '../../../src/checklist/schedules/schedules.ts';
import * as schedules from '../../../src/slack/messages/schedules/schedule-messages.ts';
import { NOW } from './table-builders.ts';

type Worse = <T>(value: T) => T;

const schedule: Schedule = {
  id: 'Sc 1',
  work: { kind: 'rescan', words: ['people=Ana Bel', 'Some word'] },
  cron: '0 2 * * *',
  zone: 'Europe/Berlin',
  by: 'U0OPERATOR',
  channel: 'C0TIMESHEET',
  createdAt: NOW,
  doneUntil: NOW,
  firings: [],
};
const off: Schedule = { ...schedule, off: { at: NOW, by: 'U0APPROVER' } };
/** Lines of other messages: they are checked there. */
const lines = ['Not started: `r-0142` is running.', 'Stop it with `/rescan stop`.'];
const ends = (worse: Worse): readonly Firing['end'][] => [
  worse({ kind: 'starting', holder: 'H 1' }),
  worse({ kind: 'started', what: 'backup B 1' }),
  { kind: 'nothing-to-do', lines },
  { kind: 'refused', lines },
  { kind: 'failed', lines },
  { kind: 'unknown' },
  { kind: 'unknown', lines: ['L 1.'] },
  worse({ kind: 'missed', count: 1, isCut: false, first: NOW }),
  worse({ kind: 'missed', count: 4_000, isCut: true, first: NOW }),
];
const firings = (worse: Worse): readonly Firing[] => ends(worse).map((end) => ({ plannedAt: NOW, at: NOW, end }));
const refusals: readonly ScheduleRefusal[] = [
  { reason: 'cron', problem: { kind: 'fields', found: 4 } },
  { reason: 'cron', problem: { kind: 'invalid', detail: 'The X 1' } },
  { reason: 'cron', problem: { kind: 'only-numbers', field: 'day of month' } },
  { reason: 'cron', problem: { kind: 'two-kinds-of-day' } },
  { reason: 'cron', problem: { kind: 'too-often', leastMinutes: 15, foundMinutes: 5 } },
  { reason: 'zone', zone: 'Mars Base' },
  { reason: 'too-many', most: 20 },
  { reason: 'unknown', id: 'Sc 1', ids: [] },
  { reason: 'unknown', id: 'Sc 1', ids: ['Sc 2'] },
  { reason: 'unchanged', schedule },
  { reason: 'changed-meanwhile', id: 'Sc 1' },
];

/** The renderers of schedules, with their usual states. */
export const scheduleRenderers = {
  scheduleCreatedMessage: (worse: Worse) => [
    schedules.scheduleCreatedMessage(worse({ ...schedule, next: [NOW, NOW + 86_400_000] })),
    schedules.scheduleCreatedMessage(worse({ ...schedule, work: { kind: 'backup' as const, words: [] }, next: [] })),
  ],
  scheduleOnMessage: (worse: Worse) => [schedules.scheduleOnMessage(worse({ ...schedule, next: [NOW] }))],
  scheduleOffMessage: (worse: Worse) => [schedules.scheduleOffMessage(worse(off))],
  scheduleRemovedMessage: (worse: Worse) => [schedules.scheduleRemovedMessage(worse(schedule))],
  schedulesMessage: (worse: Worse) => [
    schedules.schedulesMessage([]),
    schedules.schedulesMessage(
      firings(worse).map((firing) => ({ ...worse(schedule), firings: [firing], next: [NOW] })),
    ),
    schedules.schedulesMessage(Array.from({ length: 20 }, () => ({ ...worse(off), firings: [], next: [] }))),
  ],
  firingMessage: (worse: Worse) =>
    firings(worse).flatMap((firing) =>
      [schedule, { ...schedule, off: { at: NOW } }].map((one) => schedules.firingMessage(worse(one), firing)),
    ),
  scheduledPlanGoneMessage: (worse: Worse) => [schedules.scheduledPlanGoneMessage(worse(schedule))],
  scheduledScopeMessage: (worse: Worse) => [schedules.scheduledScopeMessage(worse('U0OPERATOR'))],
  scheduleRefusalMessage: (worse: Worse) => refusals.map((refusal) => schedules.scheduleRefusalMessage(worse(refusal))),
};
