import { ACTION } from '../messages/kit/buttons.ts';
import type { ResultRequests } from '../requests/result-requests.ts';
import type { LogFollower } from '../threads/log-follower.ts';
import type { Action } from './action.ts';

/** The buttons that look deeper: the diagnosis, and the end of a followed log. */
export function lookActions(ports: {
  results: Pick<ResultRequests, 'diagnose'>;
  following: Pick<LogFollower, 'stop'>;
}): Readonly<Record<typeof ACTION.diagnose | typeof ACTION.stopFollowing, Action>> {
  return {
    [ACTION.diagnose]: { role: 'viewer', execute: (click) => ports.results.diagnose(click) },
    [ACTION.stopFollowing]: {
      role: 'viewer',
      execute: ({ value, message, person }) => ports.following.stop(value, message, person),
    },
  };
}
