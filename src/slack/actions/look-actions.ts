import { ACTION } from '../messages/kit/buttons.ts';
import type { ResultRequests } from '../requests/result-requests.ts';
import type { LogFollowing } from '../threads/log-follow.ts';
import type { Action } from './action.ts';

/** The buttons that look deeper: the diagnosis, and the end of a followed log. */
export function lookActions(ports: {
  results: Pick<ResultRequests, 'diagnose'>;
  following: Pick<LogFollowing, 'stop'>;
}): Readonly<Record<typeof ACTION.diagnose | typeof ACTION.stopFollowing, Action>> {
  return {
    [ACTION.diagnose]: { role: 'viewer', act: (click) => ports.results.diagnose(click) },
    [ACTION.stopFollowing]: {
      role: 'viewer',
      act: ({ value, message, person }) => ports.following.stop(value, message, person),
    },
  };
}
