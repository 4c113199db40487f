import type { Schedule } from '../../checklist/schedules/schedule.ts';
import type { ScheduleRefusal, Schedules } from '../../checklist/schedules/schedules.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, succeed } from '../../lib/result.ts';
import type { Message } from '../messages/kit/message.ts';
import {
  scheduleCreatedMessage,
  scheduleOffMessage,
  scheduleOnMessage,
  scheduleRefusalMessage,
  scheduleRemovedMessage,
  schedulesMessage,
} from '../messages/schedules/schedule-messages.ts';
import type { Command, CommandDescription, Requester } from './command.ts';
import { splitArguments } from './parse/options.ts';
import { readScheduleWords, type ScheduleRequest } from './parse/schedule-request.ts';

export const scheduleDescription: CommandDescription = {
  word: 'schedule',
  group: 'rescan',
  role: 'viewer',
  summary: 'start a backup, a retry or a rescan of a scope at fixed times; a flush still waits for approval',
  usage:
    'schedule [list] | schedule backup "CRON" [note] [tz=ZONE] | schedule retry "CRON" [review] [type=TEXTRACT_ERROR] [cause=ID] [engine=step-functions] [tz=ZONE] | schedule rescan SCOPE "CRON" [tz=ZONE] | schedule off ID | schedule on ID | schedule remove ID',
  options: [
    ['list', 'every schedule with its next two times and its last three firings (default)'],
    [
      '"CRON"',
      'minute, hour, day of month, month, day of week: `"0 2 * * *"` is every day at 02:00; at most every 15 minutes',
    ],
    ['tz=Europe/Berlin', 'the time zone of the expression; otherwise the setting SCHEDULE_TIME_ZONE'],
    [
      'review, type=TEXTRACT_ERROR, cause=ID, engine=step-functions',
      'which failed images, and by which engine, as in `/rescan help retry`',
    ],
    ['SCOPE', '`people=`, `images=`, `from=`, `to=`, `changed-since=` or `failed`, as in `/rescan help scope`'],
    ['off ID, on ID', 'the schedule starts nothing while it is off; what it has started is not stopped'],
    ['remove ID', 'delete the schedule; what it has started is not stopped'],
  ],
  example: 'schedule backup "0 2 * * *" tz=Europe/Berlin',
};

/** `/rescan schedule`: everyone sees the schedules, operators change them. */
export const scheduleCommand = (schedules: Schedules): Command => ({
  ...scheduleDescription,
  read(rest) {
    const words = splitArguments(rest);
    const request = words.ok ? readScheduleWords(words.value) : words;
    if (!request.ok) return request;
    if (request.value.kind === 'list')
      return succeed({ execute: async () => schedulesMessage(await schedules.list()) });
    const change = request.value;
    return succeed({
      role: 'operator' as const,
      execute: (requester: Requester) => carryOut(schedules, change, requester),
    });
  },
});

async function carryOut(
  schedules: Schedules,
  request: Exclude<ScheduleRequest, { kind: 'list' }>,
  { person, channel, noteOutcome }: Requester,
): Promise<Message> {
  function answer<T extends Schedule>(
    done: Result<T, ScheduleRefusal>,
    how: string,
    message: (schedule: T) => Message,
  ): Message {
    if (!done.ok) return scheduleRefusalMessage(done.refusal);
    const { id, work, cron, zone } = done.value;
    noteOutcome?.(`changed: schedule ${id} ${how}: ${[work.kind, ...work.words].join(' ')}, ${cron} ${zone}`);
    return message(done.value);
  }
  switch (request.kind) {
    case 'create': {
      const { work, cron, zone } = request;
      const asked = { work, cron, by: person, channel, ...defined({ zone }) };
      return answer(await schedules.create(asked), 'set', scheduleCreatedMessage);
    }
    case 'remove':
      return answer(await schedules.remove(request.id), 'removed', scheduleRemovedMessage);
    case 'off':
      return answer(await schedules.switchOff(request.id, person), 'switched off', scheduleOffMessage);
    case 'on':
      return answer(await schedules.switchOn(request.id), 'switched on', scheduleOnMessage);
  }
}
