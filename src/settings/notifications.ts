import { boolean, type Kind, list, optional, setting, text } from '../lib/environment.ts';
import { isNotifyTarget, NOBODY } from '../slack/notifications/targets.ts';

/** Settings of one pipeline: who is notified of what. */

const given = list('', isNotifyTarget);
const targets: Kind<readonly string[]> = {
  allowed: 'nobody; or starter, approvers, here, user ids (U…, W…) and user group ids (S…), separated by commas',
  read: (value) => (value === NOBODY ? [] : given.read(value)?.length ? given.read(value) : undefined),
};

const TIME = String.raw`([01]\d|2[0-3]):([0-5]\d)`;
const HOURS = new RegExp(`^${TIME}-${TIME}$`);

interface Span {
  readonly fromMinute: number;
  readonly toMinute: number;
}
const span: Kind<Span> = {
  allowed: 'two different times of the day such as 22:00-07:00',
  read(value) {
    const [, fromHour, fromMinutes, toHour, toMinutes] = (HOURS.exec(value) ?? []).map(Number);
    if (fromHour === undefined || fromMinutes === undefined || toHour === undefined || toMinutes === undefined) return;
    const read = { fromMinute: fromHour * 60 + fromMinutes, toMinute: toHour * 60 + toMinutes };
    return read.fromMinute === read.toMinute ? undefined : read;
  },
};

const isTimeZone = (name: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};

export const notifications = {
  notifyTrip: setting('NOTIFY_TRIP', 'Whom the channel mentions when a run stops itself.', targets, 'starter'),
  notifyFault: setting(
    'NOTIFY_FAULT',
    'Whom it mentions when a run pauses because of a fault or is interrupted, a table job fails or is interrupted, or the autopilot needs a person.',
    targets,
    'starter',
  ),
  notifyApproval: setting('NOTIFY_APPROVAL', 'Whom a request for approval mentions.', targets, 'approvers'),
  notifyDenied: setting('NOTIFY_DENIED', 'Whom it mentions when a request is denied.', targets, 'starter'),
  notifyFinished: setting(
    'NOTIFY_FINISHED',
    'Whom it mentions when a run, a table job or the autopilot has finished.',
    targets,
    'starter',
  ),
  notifyApproversDirectly: setting(
    'NOTIFY_APPROVERS_DIRECTLY',
    'Whether each approver also gets a direct message with a link to the request.',
    boolean,
    'false',
  ),
  quietHours: setting(
    'QUIET_HOURS',
    'The daily hours in which nobody is mentioned because something finished. Everything else is mentioned at any time.',
    optional(span),
    '',
  ),
  quietTimeZone: setting(
    'QUIET_TIME_ZONE',
    'The time zone of QUIET_HOURS.',
    text('a name of the IANA time zone database such as Europe/Berlin', isTimeZone),
    'UTC',
  ),
};
