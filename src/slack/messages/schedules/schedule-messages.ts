import type { CronProblem } from '../../../checklist/schedules/cron.ts';
import type { Firing, Schedule, ScheduledWork } from '../../../checklist/schedules/schedule.ts';
import type { ScheduleRefusal, ShownSchedule } from '../../../checklist/schedules/schedules.ts';
import { timeZoneOf } from '../../../lib/time-zone.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { clockTime, count, counted } from '../kit/format.ts';
import { compose, type Message, refuseWith, say } from '../kit/message.ts';

const WORK: Readonly<Record<ScheduledWork['kind'], string>> = {
  backup: 'backup',
  retry: 'retry of failed images',
  rescan: 'rescan',
};
const MOST_SHOWN = 200;

/** `scheduled backup sc-ghjk` */
const nameOf = ({ id, work }: Pick<Schedule, 'id' | 'work'>): string => `scheduled ${WORK[work.kind]} ${code(id, 20)}`;

const workText = ({ kind, words }: ScheduledWork): string =>
  `${WORK[kind]}${words.length === 0 ? '' : ` ${code(words.join(' '), MOST_SHOWN)}`}`;

const utcTime = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** A planned time on the clocks of its zone and in UTC: `2026-07-11 02:00 Europe/Berlin (2026-07-11 00:00 UTC)`. */
export function plannedTime(at: number, zoneName: string): string {
  const zone = timeZoneOf(zoneName);
  if (!zone || zone.name === 'UTC') return utcTime(at);
  const local = new Date(zone.localAt(at)).toISOString().slice(0, 16).replace('T', ' ');
  return `${local} ${zone.name} (${utcTime(at)})`;
}

const nextLine = ({ next, zone, off }: ShownSchedule): string =>
  off
    ? 'It is off, so it does not start anything.'
    : next.length === 0
      ? 'It has no next time.'
      : `Next: ${next.map((at) => plannedTime(at, zone)).join(', then ')}.`;

export const scheduleCreatedMessage = (schedule: ShownSchedule): Message =>
  compose({
    fact: `Schedule ${code(schedule.id, 20)} is set: ${workText(schedule.work)}, ${code(schedule.cron, 60)} in ${sentence(schedule.zone, 60)}.`,
    lines: [
      nextLine(schedule),
      `It acts in the name of ${mention(schedule.by)}, who must be an operator at that time.`,
      ...(schedule.work.kind === 'rescan'
        ? [
            `The autopilot does the steps and waits before the flush: a second person, not ${mention(schedule.by)}, has to approve it.`,
          ]
        : []),
    ],
    notes: [
      `${code(`/rescan schedule off ${schedule.id}`, 60)} switches it off, ${code(`/rescan schedule remove ${schedule.id}`, 60)} removes it.`,
    ],
  });

export const scheduleOnMessage = (schedule: ShownSchedule): Message =>
  say(`Schedule ${code(schedule.id, 20)} is on: ${workText(schedule.work)}.`, nextLine(schedule));

export const scheduleOffMessage = ({ id, work }: Schedule): Message =>
  say(
    `Schedule ${code(id, 20)} is off: ${workText(work)}. It does not start anything until it is switched on.`,
    `What it has already started was not stopped. ${code(`/rescan schedule on ${id}`, 60)} switches it on.`,
  );

export const scheduleRemovedMessage = ({ id, work }: Schedule): Message =>
  say(`Schedule ${code(id, 20)} is removed: ${workText(work)}.`, 'What it has already started was not stopped.');

/** Every schedule, with its next times and what its last firings came to. */
export const schedulesMessage = (schedules: readonly ShownSchedule[]): Message =>
  schedules.length === 0
    ? say('There are no schedules.', 'Set one, for example `/rescan schedule backup "0 2 * * *"`.')
    : compose({ fact: `${counted(schedules.length, 'schedule')}.`, lines: schedules.flatMap(scheduleLines) });

function scheduleLines(schedule: ShownSchedule): readonly string[] {
  const { id, work, cron, zone, by, off, firings } = schedule;
  const state = off ? ` *off* since ${utcTime(off.at)}${off.by === undefined ? '' : ` by ${mention(off.by)}`}` : '';
  return [
    `• ${code(id, 20)} ${workText(work)}, ${code(cron, 60)} in ${sentence(zone, 60)}, set by ${mention(by)}${state}`,
    `    ${nextLine(schedule)}`,
    ...firings.map((firing) => `    ${plannedTime(firing.plannedAt, zone)}: ${endText(firing)}`),
  ];
}

function endText({ end }: Firing): string {
  switch (end.kind) {
    case 'starting':
      return 'being started';
    case 'started':
      return `started ${code(end.what, 80)}`;
    case 'nothing-to-do':
      return `nothing to do. ${firstOf(end.lines)}`;
    case 'refused':
      return `not started. ${firstOf(end.lines)}`;
    case 'failed':
      return `failed. ${firstOf(end.lines)}`;
    case 'unknown':
      return 'not known whether it was started';
    case 'missed':
      return missedText(end);
  }
}

/** Lines of other messages, which are escaped. */
const firstOf = (lines: readonly string[]): string => lines[0] ?? '';

const missedText = ({ count: times, isCut }: Extract<Firing['end'], { kind: 'missed' }>): string =>
  times === 1 && !isCut ? 'missed' : `${isCut ? 'at least ' : ''}${count(times)} planned times missed, this the last`;

/** What the channel hears of a firing that did not start its work. */
export function firingMessage(schedule: Schedule, firing: Firing): Message {
  const { end, plannedAt } = firing;
  const planned = plannedTime(plannedAt, schedule.zone);
  const name = nameOf(schedule);
  const notes = [
    `Set by ${mention(schedule.by)}. \`/rescan schedule list\` shows the schedule and its next times.`,
    ...(schedule.off && schedule.off.by === undefined
      ? [`The schedule is off now. An operator can set it anew in their own name.`]
      : []),
  ];
  switch (end.kind) {
    case 'refused':
      return compose({ fact: `The ${name} of ${planned} was not started.`, lines: end.lines, notes });
    case 'failed':
      return compose({ fact: `The ${name} of ${planned} failed to start.`, lines: end.lines, notes });
    case 'unknown':
      return compose({
        fact: `It is not known whether the ${name} of ${planned} was started.`,
        lines: [
          ...(end.lines ?? ['The process of the bot ended while it started the work.']),
          'The schedule does not start it again for this time.',
          'See what runs with `/rescan status`, the backups with `/rescan backups`.',
        ],
        notes,
      });
    case 'missed':
      return compose({
        fact:
          end.count === 1 && !end.isCut
            ? `The ${name} of ${planned} was missed.`
            : `The ${name} missed ${end.isCut ? 'at least ' : ''}${counted(end.count, 'planned time')}.`,
        lines: [
          ...(end.count === 1
            ? []
            : [`They were from ${plannedTime(end.first, schedule.zone)} to ${plannedTime(plannedAt, schedule.zone)}.`]),
          'The bot did not run, or could not reach AWS, until it was too late. Missed times are not made up for.',
          `Start it by hand if it is needed: ${code(`/rescan ${byHand(schedule.work)}`, MOST_SHOWN)}.`,
        ],
        notes,
      });
    case 'starting':
    case 'started':
    case 'nothing-to-do':
      return compose({ fact: `The ${name} of ${planned}: ${endText(firing)}.`, notes });
  }
}

/** The command that does the same. */
const byHand = ({ kind, words }: ScheduledWork): string =>
  [kind === 'rescan' ? 'autopilot' : kind, ...words.map((word) => (/\s/.test(word) ? quoted(word) : word))].join(' ');
const quoted = (word: string): string => {
  const at = word.indexOf('=');
  return at < 0 ? `"${word}"` : `${word.slice(0, at)}="${word.slice(at + 1)}"`;
};

/** What fires next; `unread`: the schedules cannot be understood. */
export type ShownFiring = { readonly schedule: Schedule; readonly at: number } | 'unread';

/** For status and Home. */
export const nextFiringLine = (next: ShownFiring): string =>
  next === 'unread' ? ':warning: The schedules cannot be read. `/rescan schedule list` shows why.' : firesNext(next);

const firesNext = ({ schedule, at }: Exclude<ShownFiring, 'unread'>): string =>
  `Next by schedule: the ${WORK[schedule.work.kind]} ${code(schedule.id, 20)} at ${clockTime(at)}, ${plannedTime(at, schedule.zone)}.`;

/** The plan of a scheduled run or autopilot that was not started after all. */
export const scheduledPlanGoneMessage = (schedule: Pick<Schedule, 'id' | 'work'>): Message =>
  say(`The ${nameOf(schedule)} was not started. Nothing was invoked. The reason is in the channel.`);

export const scheduledScopeMessage = (by: string): Message =>
  refuseWith(
    'Nothing was started: the open checklist has another scope, which somebody set.',
    `Complete that rescan, or let the checklist cover everything again with \`/rescan scope clear\`. Nothing of ${mention(by)} was changed.`,
  );

export const scheduleRefusalMessage = (refusal: ScheduleRefusal): Message => refuseWith(...refusalLines(refusal));

function refusalLines(refusal: ScheduleRefusal): readonly string[] {
  switch (refusal.reason) {
    case 'cron':
      return [
        `No schedule was set: ${cronText(refusal.problem)}`,
        'Five fields: minute, hour, day of month, month, day of week. Example: `"0 2 * * *"` is every day at 02:00.',
      ];
    case 'zone':
      return [
        `No schedule was set: ${code(refusal.zone, 60)} is not the name of a time zone.`,
        'Use a name such as `tz=Europe/Berlin` or `tz=UTC`.',
      ];
    case 'too-many':
      return [
        `No schedule was set: a pipeline has at most ${count(refusal.most)} schedules.`,
        'Remove one with `/rescan schedule remove ID`; `/rescan schedule list` shows the ids.',
      ];
    case 'unknown':
      return [
        `There is no schedule ${code(refusal.id, 40)}. Nothing was changed.`,
        refusal.ids.length === 0
          ? 'There are no schedules.'
          : `There are: ${refusal.ids.map((id) => code(id, 20)).join(', ')}.`,
      ];
    case 'unchanged':
      return [
        `Nothing was changed: the schedule ${code(refusal.schedule.id, 20)} is already ${refusal.schedule.off ? 'off' : 'on'}.`,
      ];
    case 'changed-meanwhile':
      return [
        `Nothing was changed: the schedule ${code(refusal.id, 20)} was changed by somebody else at this moment.`,
        'Look at it with `/rescan schedule list`, then try again.',
      ];
  }
}

function cronText(problem: CronProblem): string {
  switch (problem.kind) {
    case 'fields':
      return `the cron expression has ${counted(problem.found, 'field')}. Seconds and names such as \`@daily\` are not taken.`;
    case 'invalid':
      return `the cron expression is not valid (${sentence(problem.detail, 200)}).`;
    case 'only-numbers':
      return `the field of the ${sentence(problem.field, 40)} takes numbers and names only, no \`L\`, \`W\` or \`#\`.`;
    case 'two-kinds-of-day':
      return 'the expression names days of the month and days of the week. Leave one of the two fields as `*`.';
    case 'too-often':
      return `two of its times are only ${counted(problem.foundMinutes, 'minute')} apart. The least is ${count(problem.leastMinutes)} minutes.`;
  }
}
