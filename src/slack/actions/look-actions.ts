import type { LogDeeds } from '../log-deeds.ts';
import { ACTION } from '../messages/buttons.ts';
import { say } from '../messages/message.ts';
import type { ResultDeeds } from '../result-deeds.ts';
import type { Action } from './action.ts';

/** The buttons that look deeper: the diagnosis, and the end of a followed log. */
export function lookActions(ports: {
  results: Pick<ResultDeeds, 'diagnose'>;
  logs: Pick<LogDeeds, 'stop'>;
}): Readonly<Record<typeof ACTION.diagnose | typeof ACTION.stopFollowing, Action>> {
  return {
    [ACTION.diagnose]: { role: 'viewer', act: (click) => ports.results.diagnose(click) },
    [ACTION.stopFollowing]: {
      role: 'viewer',
      async act({ value }) {
        return ports.logs.stop(value)
          ? undefined
          : say('The log is not followed any more, or another copy of the bot follows it: nothing was done.');
      },
    },
  };
}
