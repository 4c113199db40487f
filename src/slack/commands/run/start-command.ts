import { succeed } from '../../../lib/result.ts';
import type { PaceSetting } from '../../../run/model/types.ts';
import { type PlanningPorts, planAndShow } from '../../requests/plan-requests.ts';
import type { Command, CommandDescription } from '../command.ts';
import { readStartText } from '../parse/run-request.ts';

export const startDescription: CommandDescription = {
  word: 'start',
  group: 'run',
  role: 'operator',
  summary: 'plan a run over the images and show it; nothing is invoked before you press Start',
  usage: 'start [keep] [prefix=a/b] [limit=50] [sample=20 [seed=7]] [pace=60 | pace=auto | batch=20 delay=30s]',
  options: [
    ['keep', 'do not require a flush: existing records stay and are overwritten'],
    ['prefix=a/b', 'only images whose key starts with this'],
    ['limit=50', 'only the first 50 images'],
    ['sample=20', '20 images drawn at random; `seed=7` draws the same ones again'],
    ['pace=60', 'images a minute; `auto` follows the quotas'],
    ['batch=20 delay=30s', 'the pace in the notation of the runbook (here 40 a minute)'],
  ],
  example: 'start keep limit=50 pace=60',
};

/** `/rescan start`: plans a run and asks. Nothing is invoked before somebody clicks Start. */
export const startCommand = (ports: PlanningPorts & { pace: PaceSetting }): Command => ({
  ...startDescription,
  read(rest) {
    const request = readStartText(rest);
    if (!request.ok) return request;
    const { selection, paceSetting = ports.pace, keep = false } = request.value;
    return succeed({
      execute: (requester) => planAndShow({ selection, paceSetting, keep }, requester, ports),
    });
  },
});
