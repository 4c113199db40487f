import type { ScopeControl } from '../../../checklist/contracts/scope-control.ts';
import { type Result, refuse, succeed } from '../../../lib/result.ts';
import type { Scope, ScopeRequest } from '../../../run/scope/scope.ts';
import {
  noScopeMessage,
  scopeClearedMessage,
  scopeRefusalMessage,
  scopeSetMessage,
} from '../../messages/checklist/scope-message.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import type { Command, CommandDescription, Requester } from '../command.ts';
import { splitArguments } from '../parse/options.ts';
import { readScopeRequest, SCOPE_OPTION_TEXTS } from '../parse/scope-request.ts';
import { plainWord } from '../parse/typed.ts';

export const scopeDescription: CommandDescription = {
  word: 'scope',
  group: 'rescan',
  role: 'operator',
  summary:
    'limit this rescan to some people, days or images: the flush deletes only their records, the run takes only their images',
  usage:
    'scope [people="NAME, NAME"] [images="KEY, KEY"] [from=DAY] [to=DAY] [changed-since=DAY] [failed] | scope clear',
  options: [...SCOPE_OPTION_TEXTS, ['clear', 'cover everything again']],
  example: 'scope people="Ana Bel, Bob Ray"',
};

/** Sets the scope of the checklist and says what it covers. Returns the scope, or the refusal. */
export async function newScope(
  request: ScopeRequest,
  requester: Requester,
  scope: Pick<ScopeControl, 'set'>,
): Promise<Result<Scope, Message>> {
  const set = await scope.set(request, requester.person);
  if (!set.ok) return refuse(scopeRefusalMessage(set.refusal));
  requester.noteOutcome?.(`changed: scope ${set.value.id}`);
  await requester.reply(scopeSetMessage(set.value));
  return set;
}

/** Like `newScope`. Returns the refusal, or nothing where it was set. */
export async function setScope(...request: Parameters<typeof newScope>): Promise<Message | undefined> {
  const set = await newScope(...request);
  return set.ok ? undefined : set.refusal;
}

/** `/rescan scope`: shows, sets or clears the scope of the checklist. */
export const scopeCommand = ({ scope }: { readonly scope: ScopeControl }): Command => ({
  ...scopeDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [first, ...more] = words.value;
    if (first === undefined)
      return succeed({
        async execute() {
          const now = await scope.current();
          return now ? scopeSetMessage(now) : noScopeMessage();
        },
      });
    if (plainWord(first) === 'clear' && more.length === 0)
      return succeed({ execute: ({ person }) => clearScope(person, scope) });
    const request = readScopeRequest(words.value);
    if (!request.ok) return request;
    return succeed({
      immediateReply: say('Reading the table and the bucket…'),
      execute: (requester) => setScope(request.value, requester, scope),
    });
  },
});

/** Lets the checklist cover everything again, and says so. */
export async function clearScope(person: string, scope: Pick<ScopeControl, 'clear'>): Promise<Message> {
  const cleared = await scope.clear(person);
  return cleared.ok ? scopeClearedMessage(cleared.value) : scopeRefusalMessage(cleared.refusal);
}
