import type { PaceSetting } from '../../run/model/types.ts';
import { listingMessage } from '../messages/run/answers.ts';
import { type PlanningPorts, planAndShow } from '../requests/plan-requests.ts';
import type { Command } from './command.ts';
import { readStartText } from './parse/run-request.ts';

/** `/rescan start`: plans a run and asks. Nothing is invoked before somebody clicks Start. */
export const startCommand = (ports: PlanningPorts & { pace: PaceSetting }): Command => ({
  word: 'start',
  role: 'operator',
  usage: 'start [keep] [prefix=a/b] [limit=50] [sample=20 [seed=7]] [pace=60 | pace=auto | batch=20 delay=30s]',
  help: 'plan a run over the images and show it before anything happens; after a flush, or with `keep` over what is there',
  read(rest) {
    const request = readStartText(rest);
    if (!request.ok) return request;
    const { selection, paceSetting = ports.pace, keep = false } = request.value;
    return {
      ok: true,
      value: {
        immediateReply: listingMessage(),
        execute: (requester) => planAndShow({ selection, paceSetting, keep }, requester, ports),
      },
    };
  },
});
