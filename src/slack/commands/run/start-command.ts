import type { ScopeControl } from '../../../checklist/contracts/scope-control.ts';
import { succeed } from '../../../lib/result.ts';
import type { PaceSetting } from '../../../run/model/types.ts';
import { say } from '../../messages/kit/message.ts';
import { type PlanningPorts, planAndShow } from '../../requests/plan-requests.ts';
import { newScope } from '../checklist/scope-command.ts';
import type { Command, CommandDescription } from '../command.ts';
import { splitArguments } from '../parse/options.ts';
import { readStartWords } from '../parse/run-request.ts';
import { isOfScope, readScopeRequest } from '../parse/scope-request.ts';

export const startDescription: CommandDescription = {
  word: 'start',
  group: 'run',
  role: 'operator',
  summary: 'plan a run over the images and show it; nothing is invoked before you press Start',
  usage:
    'start [SCOPE] [keep] [prefix=a/b] [limit=50] [sample=20 [seed=7]] [pace=60 | pace=auto | batch=20 delay=30s] [engine=step-functions]',
  options: [
    [
      'SCOPE',
      'sets the scope of this rescan first: `people=`, `images=`, `from=`, `to=`, `changed-since=` or `failed`, as in `/rescan help scope`',
    ],
    ['keep', 'do not require a flush: existing records stay and are overwritten'],
    ['prefix=a/b', 'only images whose key starts with this'],
    ['limit=50', 'only the first 50 images'],
    ['sample=20', '20 images drawn at random; `seed=7` draws the same ones again'],
    ['pace=60', 'images a minute; `auto` follows the quotas'],
    ['batch=20 delay=30s', 'the pace in the notation of the runbook (here 40 a minute)'],
    [
      'engine=step-functions',
      'AWS Step Functions invokes the function, and the bot watches; `local`: the bot invokes it',
    ],
  ],
  example: 'start people="Ana Bel, Bob Ray"',
};

/** `/rescan start`: plans a run and asks. Nothing is invoked before somebody clicks Start. */
export const startCommand = (
  ports: PlanningPorts & { pace: PaceSetting; scope: Pick<ScopeControl, 'set'> },
): Command => ({
  ...startDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const criteria = words.value.filter(isOfScope);
    const scope = criteria.length === 0 ? undefined : readScopeRequest(criteria);
    if (scope && !scope.ok) return scope;
    const request = readStartWords(words.value.filter((word) => !isOfScope(word)));
    if (!request.ok) return request;
    const { paceSetting = ports.pace, keep = false, ...asked } = request.value;
    return succeed({
      ...(scope ? { immediateReply: say('Reading the table and the bucket…') } : {}),
      async execute(requester) {
        const set = scope && (await newScope(scope.value, requester, ports.scope));
        if (set && !set.ok) return set.refusal;
        return planAndShow({ ...asked, paceSetting, keep }, requester, ports, set?.value);
      },
    });
  },
});
