import { type Approval, requestersOf } from '../../approvals/approval.ts';
import { mention, mentionWho } from '../messages/kit/escape.ts';

/** What people are notified of. */
export const NOTIFY_EVENTS = ['trip', 'fault', 'approval', 'denied', 'finished'] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** Whom a message mentions: `starter` is who started or requested it; anything else is a user or user group id. */
export type NotifyTarget = string;

export const NOBODY = 'nobody';
const ROLES = new Set(['starter', 'approvers', 'here']);
export const isNotifyTarget = (given: string): boolean => ROLES.has(given) || /^[UWS][A-Z0-9]{2,}$/.test(given);

/** An event that a message tells of. */
export interface Notice {
  readonly event: NotifyEvent;
  /** Who started or requested what it is about. */
  readonly starters: readonly string[];
  /** People heard of it before: nobody is mentioned once more. */
  readonly isRepeat?: true;
}

/** The daily hours in which nobody is mentioned because something finished, as minutes of the day in a time zone. */
export interface QuietHours {
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timeZone: string;
}

export interface NotifyPolicy {
  readonly targets: Readonly<Record<NotifyEvent, readonly NotifyTarget[]>>;
  readonly approvers: readonly string[];
  readonly quietHours?: QuietHours;
}

const minuteOfDay = (at: number, timeZone: string): number => {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [hour = 0, minute = 0] = parts.format(at).split(':').map(Number);
  return hour * 60 + minute;
};

/** Whether the time (epoch ms) is in the quiet hours, by the wall clock of their time zone. They may pass midnight. */
export function isQuiet(at: number, { fromMinute, toMinute, timeZone }: QuietHours): boolean {
  const now = minuteOfDay(at, timeZone);
  return fromMinute <= toMinute ? fromMinute <= now && now < toMinute : fromMinute <= now || now < toMinute;
}

/**
 * The mentions of a message about an event, in mrkdwn, without repetition. Quiet hours leave out those of `finished` only: with
 * everything else somebody has to act, or somebody waits.
 */
export function mentionsFor(notice: Notice, policy: NotifyPolicy, at: number): readonly string[] {
  const { quietHours } = policy;
  if (notice.event === 'finished' && quietHours && isQuiet(at, quietHours)) return [];
  return mentionsOf(policy.targets[notice.event], notice.starters, policy.approvers);
}

export const mentionsOf = (
  targets: readonly NotifyTarget[],
  starters: readonly string[],
  approvers: readonly string[],
): readonly string[] => [
  ...new Set(
    targets.flatMap((target) => {
      switch (target) {
        case 'starter':
          return starters.map(mention);
        case 'approvers':
          return approvers.map(mentionWho);
        case 'here':
          return ['<!here>'];
        default:
          return [mentionWho(target)];
      }
    }),
  ),
];

/** The notice of a request that was denied; nothing for one that ended otherwise. */
export const deniedNotice = (approval: Approval): { readonly notify?: Notice } =>
  approval.state.kind === 'denied' ? { notify: { event: 'denied', starters: requestersOf(approval) } } : {};
