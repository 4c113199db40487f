import type { Checklist } from '../../checklist/checklist.ts';
import { isOverridable, OVERRIDABLE } from '../../checklist/step.ts';
import type { Clock } from '../../clock.ts';
import { checklistMessage, historyMessage } from '../messages/checklist-message.ts';
import { code, escapeMrkdwn } from '../messages/escape.ts';
import { type Message, say } from '../messages/message.ts';
import { STEP_TITLES } from '../messages/step-words.ts';
import type { Permissions } from '../permissions.ts';
import { type Asker, type Command, noMore } from './command.ts';

export interface ChecklistCommandPorts {
  readonly checklist: Checklist;
  readonly permissions: Permissions;
  readonly clock: Clock;
}

/** The checklist as it stands, with the button of the next step for those who may press it. */
export async function showChecklist(asker: Pick<Asker, 'person'>, ports: ChecklistCommandPorts): Promise<Message> {
  const [view, permission] = await Promise.all([
    ports.checklist.view(),
    ports.permissions.may(asker.person, 'operator'),
  ]);
  return checklistMessage(view, ports.clock.now(), { buttons: permission.ok });
}

/** `/rescan checklist` */
export const checklistCommand = (ports: ChecklistCommandPorts): Command => ({
  word: 'checklist',
  role: 'viewer',
  usage: 'checklist',
  help: 'every step of the rescan: what is done, what still holds, what is next',
  read: noMore('checklist', { act: (asker) => showChecklist(asker, ports) }),
});

/** `/rescan close`: the checklist is closed without its run. */
export const closeCommand = ({ checklist }: Pick<ChecklistCommandPorts, 'checklist'>): Command => ({
  word: 'close',
  role: 'operator',
  usage: 'close',
  help: 'close the checklist of a rescan that is not to be finished; requests for approval that belong to it end',
  read: noMore('close', {
    async act({ person }) {
      const id = await checklist.close(person);
      return id === undefined
        ? say('No checklist is open: nothing was changed.')
        : say(
            `Checklist \`${id}\` is closed. What it did stays done; what was approved for it holds no more.`,
            'The next step opens a new one. `/rescan history` lists them.',
          );
    },
  }),
});

/** `/rescan override STEP because …`: an approver's word that a step may be passed over. */
export const overrideCommand = ({ checklist }: Pick<ChecklistCommandPorts, 'checklist'>): Command => ({
  word: 'override',
  role: 'approver',
  usage: `override ${OVERRIDABLE.join(' | ')} because REASON`,
  help: 'pass over a step of the open checklist, with a reason that goes on record; never the backup',
  read(rest) {
    const [, step = '', words = ''] = /^\s*(\S*)\s*(?:because\s+)?([\s\S]*)$/i.exec(rest) ?? [];
    const reason = words.trim();
    if (step === 'backup')
      return { ok: false, line: 'The backup cannot be passed over, by nobody: nothing is deleted without one.' };
    if (!isOverridable(step))
      return {
        ok: false,
        line: `${step === '' ? 'A step is missing' : `${code(step, 60)} cannot be passed over`}; these can: ${OVERRIDABLE.map((name) => `\`${name}\``).join(', ')}.`,
      };
    if (reason.length < 3) return { ok: false, line: 'Say why: the reason goes on record.' };
    if (reason.length > 500) return { ok: false, line: 'A reason is at most 500 characters.' };
    return {
      ok: true,
      value: {
        async act({ person }) {
          await checklist.override(step, person, reason);
          return say(
            `“${STEP_TITLES[step]}” is passed over in this rescan, as long as the function’s code stays as it is: ${escapeMrkdwn(reason)}`,
            'The flush still needs its backup and its approval.',
          );
        },
      },
    };
  },
});

const MOST_HISTORY = 15;

/** `/rescan history` */
export const historyCommand = ({ checklist, clock }: Omit<ChecklistCommandPorts, 'permissions'>): Command => ({
  word: 'history',
  role: 'viewer',
  usage: 'history',
  help: 'past rescans: who, when, how they ended',
  read: noMore('history', {
    async act() {
      const records = [];
      for await (const record of checklist.history(MOST_HISTORY)) records.push(record);
      return historyMessage(records, clock.now());
    },
  }),
});
