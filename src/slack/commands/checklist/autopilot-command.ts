import type { AutopilotControl } from '../../../checklist/contracts/autopilot-control.ts';
import type { ScopeControl } from '../../../checklist/contracts/scope-control.ts';
import { succeed } from '../../../lib/result.ts';
import type { Chat } from '../../client/chat.ts';
import {
  autopilotPlanMessage,
  autopilotRefusalMessage,
  autopilotStoppedMessage,
} from '../../messages/checklist/autopilot-message.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import type { Command, CommandDescription, Requester } from '../command.ts';
import { reject, splitArguments } from '../parse/options.ts';
import { isOfScope, readScopeRequest } from '../parse/scope-request.ts';
import { plainWord } from '../parse/typed.ts';
import { setScope } from './scope-command.ts';

export interface AutopilotCommandPorts {
  readonly autopilot: AutopilotControl;
  readonly chat: Pick<Chat, 'post'>;
}

async function plan(
  { person, channel, noteOutcome }: Requester,
  { autopilot, chat }: AutopilotCommandPorts,
): Promise<Message | undefined> {
  const planned = await autopilot.plan(person, { channel });
  if (!planned.ok) return autopilotRefusalMessage(planned.refusal);
  const ts = await chat.post(channel, autopilotPlanMessage(planned.value));
  await autopilot.setLocation(planned.value.id, { channel, ts });
  noteOutcome?.(`shown: the plan of autopilot ${planned.value.id}`);
  return;
}

export const autopilotDescription: CommandDescription = {
  word: 'autopilot',
  group: 'rescan',
  role: 'operator',
  summary: 'do the whole checklist in order; it waits where a person is needed',
  usage: 'autopilot [SCOPE] | autopilot go | autopilot stop',
  options: [
    [
      'SCOPE',
      'limits the rescan first: `people=`, `images=`, `from=`, `to=`, `changed-since=` or `failed`, as in `/rescan help scope`',
    ],
    ['go', 'continue after the autopilot had to wait for a person'],
    ['stop', 'stop the autopilot, its request for approval and the step in progress'],
  ],
  example: 'autopilot',
};

export const autopilotCommand = (
  ports: AutopilotCommandPorts & { readonly scope: Pick<ScopeControl, 'set'> },
): Command => ({
  ...autopilotDescription,
  read(rest) {
    const { autopilot } = ports;
    switch (plainWord(rest)) {
      case '':
        return succeed({
          immediateReply: say('Preparing the plan…'),
          execute: (requester) => plan(requester, ports),
        });
      case 'go':
        return succeed({
          async execute({ person }) {
            const gone = await autopilot.retry(person);
            return gone.ok ? say('The autopilot is trying again.') : autopilotRefusalMessage(gone.refusal);
          },
        });
      case 'stop':
        return succeed({
          worksWithoutMembership: true,
          async execute({ person }) {
            const stopped = await autopilot.stop(person);
            return stopped.ok ? autopilotStoppedMessage(stopped.value) : autopilotRefusalMessage(stopped.refusal);
          },
        });
      default: {
        const words = splitArguments(rest);
        if (words.ok && words.value.some(isOfScope)) {
          const request = readScopeRequest(words.value);
          if (!request.ok) return request;
          return succeed({
            immediateReply: say('Reading the table and the bucket…'),
            execute: async (requester) =>
              (await setScope(request.value, requester, ports.scope)) ?? plan(requester, ports),
          });
        }
        return reject(`\`autopilot\` does not take ${code(rest.trim(), 60)}. The autopilot was *not* stopped.`);
      }
    }
  },
});
