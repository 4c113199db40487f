import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import { isOverridable, OVERRIDABLE } from '../../checklist/model/step.ts';
import type { Checklist } from '../../checklist/steps/checklist.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import type { Permissions } from '../intake/permissions.ts';
import {
  closedMessage,
  closeRefusalMessage,
  overriddenMessage,
  overrideRefusalMessage,
} from '../messages/checklist/checklist-answers.ts';
import { checklistMessage, historyMessage } from '../messages/checklist/checklist-message.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { type Command, type Requester, withoutArguments } from './command.ts';

export interface ChecklistCommandPorts {
  readonly checklist: Checklist;
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly autopilot: Pick<AutopilotControl, 'current'>;
  /** What somebody may decide, looked up at this very moment. */
  readonly checkApprover: (person: string) => Promise<ApproverCheck>;
}

/** The checklist as it stands, with the button of the next step for those who may press it. */
export async function showChecklist(
  requester: Pick<Requester, 'person'>,
  ports: ChecklistCommandPorts,
  id?: string,
): Promise<Message> {
  const [view, permission] = await Promise.all([
    ports.checklist.view(id),
    ports.permissions.check(requester.person, 'operator'),
  ]);
  if (id !== undefined && view.id !== id)
    return say(`There is no checklist ${code(id, 20)}.`, '`/rescan history` lists those that were.');
  // A past one is for looking at: its next step is none of now.
  return checklistMessage(view, ports.clock.now(), { buttons: permission.ok && id === undefined });
}

/** `/rescan checklist` */
export const checklistCommand = (ports: ChecklistCommandPorts): Command => ({
  word: 'checklist',
  role: 'viewer',
  usage: 'checklist [c-0007]',
  help: 'every step of the rescan: what is done, what still holds, what is next; with an id a past one, as it was left',
  read(rest) {
    const id = rest.trim().toLowerCase();
    if (id !== '' && !/^c-\d{4,}$/.test(id))
      return { ok: false, line: `${code(rest.trim(), 60)} is no checklist: those are called like \`c-0007\`.` };
    return { ok: true, value: { execute: (requester) => showChecklist(requester, ports, id === '' ? undefined : id) } };
  },
});

/** `/rescan close`: the checklist is closed without its run. */
export const closeCommand = ({
  checklist,
  autopilot,
}: Pick<ChecklistCommandPorts, 'checklist' | 'autopilot'>): Command => ({
  word: 'close',
  role: 'operator',
  usage: 'close',
  help: 'close the checklist of a rescan that is not to be finished; requests for approval that belong to it end',
  read: withoutArguments('close', {
    async execute({ person }) {
      if ((await autopilot.current())?.state === 'running')
        return say(
          'The autopilot is at work on it: nothing was closed.',
          '`/rescan autopilot stop` stops it, and takes its request for approval back.',
        );
      const closed = await checklist.close(person);
      return closed.ok ? closedMessage(closed.value) : closeRefusalMessage(closed.refusal);
    },
  }),
});

/** `/rescan override STEP because …`: an approver's word that a step may be passed over. */
export const overrideCommand = ({
  checklist,
  checkApprover,
}: Pick<ChecklistCommandPorts, 'checklist' | 'checkApprover'>): Command => ({
  word: 'override',
  role: 'approver',
  usage: `override ${OVERRIDABLE.join(' | ')} because REASON`,
  help: 'skip a step of the open checklist, with a reason that is stored; never the backup',
  read(rest) {
    const [, step = '', words = ''] = /^\s*(\S*)\s*(?:because\s+)?([\s\S]*)$/i.exec(rest) ?? [];
    const reason = words.trim();
    if (step === 'backup') return { ok: false, line: 'Nobody can skip the backup: nothing is deleted without one.' };
    if (!isOverridable(step))
      return {
        ok: false,
        line: `${step === '' ? 'A step is missing' : `${code(step, 60)} cannot be skipped`}; these can: ${OVERRIDABLE.map((name) => `\`${name}\``).join(', ')}.`,
      };
    if (reason.length < 3) return { ok: false, line: 'Give a reason: it is stored.' };
    if (reason.length > 500) return { ok: false, line: 'A reason is at most 500 characters.' };
    return {
      ok: true,
      value: {
        async execute({ person }) {
          // As at a click on Approve: an active member of this workspace, looked up now.
          if ((await checkApprover(person)) !== 'approver')
            return say('Only an approver who is an active member of this workspace can pass a step over.');
          const given = await checklist.override(step, person, reason);
          return given.ok ? overriddenMessage(given.value) : overrideRefusalMessage(step, given.refusal);
        },
      },
    };
  },
});

const MOST_HISTORY = 15;

/** `/rescan history` */
export const historyCommand = ({ checklist, clock }: Pick<ChecklistCommandPorts, 'checklist' | 'clock'>): Command => ({
  word: 'history',
  role: 'viewer',
  usage: 'history',
  help: 'past rescans: who, when, how they ended',
  read: withoutArguments('history', {
    async execute() {
      const records = [];
      for await (const record of checklist.history(MOST_HISTORY)) records.push(record);
      return historyMessage(records, clock.now());
    },
  }),
});
