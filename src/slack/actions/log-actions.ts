import { ACTION } from '../messages/kit/buttons.ts';
import type { LogFollower } from '../threads/log-follower.ts';
import type { Action } from './action.ts';

/** The button of a follow of the function's log. */
export const logActions = (ports: {
  following: Pick<LogFollower, 'stop'>;
}): Readonly<Record<typeof ACTION.stopFollowing, Action>> => ({
  [ACTION.stopFollowing]: {
    role: 'viewer',
    changesState: true,
    inDirectMessages: true,
    isAudited: true,
    execute: ({ value, message, person }) => ports.following.stop(value, message, person),
  },
});
