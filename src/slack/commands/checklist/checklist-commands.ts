import type { AutopilotControl } from '../../../checklist/contracts/autopilot-control.ts';
import { isOverridable, OVERRIDABLE } from '../../../checklist/model/step.ts';
import type { Checklist } from '../../../checklist/steps/checklist.ts';
import type { Clock } from '../../../lib/clock.ts';
import { succeed } from '../../../lib/result.ts';
import type { ApproverCheck } from '../../intake/approver-check.ts';
import type { Permissions } from '../../intake/permissions.ts';
import {
  closedMessage,
  closeRefusalMessage,
  overriddenMessage,
  overrideRefusalMessage,
} from '../../messages/checklist/checklist-answers.ts';
import { checklistMessage, historyMessage } from '../../messages/checklist/checklist-message.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, refuseWith, say } from '../../messages/kit/message.ts';
import { type Command, type CommandDescription, type Requester, withoutArguments } from '../command.ts';
import { reject } from '../parse/options.ts';
import { plainValue, plainWord } from '../parse/typed.ts';

export interface ChecklistCommandPorts {
  readonly checklist: Checklist;
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly autopilot: Pick<AutopilotControl, 'current'>;
  /** What a person may decide, looked up now. */
  readonly checkApprover: (person: string) => Promise<ApproverCheck>;
}

/** The checklist now, with the button of the next step for those who may press it. */
export async function showChecklist(
  requester: Pick<Requester, 'person'>,
  ports: ChecklistCommandPorts,
  id?: string,
): Promise<Message> {
  const [view, permission] = await Promise.all([
    ports.checklist.view(id),
    ports.permissions.check(requester.person, 'operator', 'cached'),
  ]);
  if (id !== undefined && view.id !== id)
    return say(`There is no checklist ${code(id, 20)}.`, 'See past ones with `/rescan history`.');
  // The next step of a past checklist must not be started from here.
  return checklistMessage(view, ports.clock.now(), { buttons: permission.ok && id === undefined });
}

export const checklistDescription: CommandDescription = {
  word: 'checklist',
  group: 'rescan',
  role: 'viewer',
  summary: 'show every step of the rescan: what is done, what is out of date, what is next',
  usage: 'checklist [c-0007]',
  options: [['c-0007', 'a past checklist, as it was when it closed']],
  example: 'checklist',
};

export const checklistCommand = (ports: ChecklistCommandPorts): Command => ({
  ...checklistDescription,
  read(rest) {
    const id = plainValue(rest);
    if (id !== '' && !/^c-\d{4,}$/.test(id))
      return reject(`${code(rest.trim(), 60)} is not the id of a checklist. Example: \`c-0007\`.`);
    return succeed({ execute: (requester) => showChecklist(requester, ports, id === '' ? undefined : id) });
  },
});

export const closeDescription: CommandDescription = {
  word: 'close',
  group: 'rescan',
  role: 'operator',
  summary: 'close the checklist of a rescan that will not be finished; its requests for approval end',
  usage: 'close',
  example: 'close',
};

/** `/rescan close`: the checklist is closed without its run. */
export const closeCommand = ({
  checklist,
  autopilot,
}: Pick<ChecklistCommandPorts, 'checklist' | 'autopilot'>): Command => ({
  ...closeDescription,
  read: withoutArguments('close', {
    async execute({ person }) {
      if ((await autopilot.current())?.state === 'running')
        return refuseWith(
          'Nothing was closed: the autopilot is working on this checklist.',
          'Stop it with `/rescan autopilot stop`. That also withdraws its request for approval.',
        );
      const closed = await checklist.close(person);
      return closed.ok ? closedMessage(closed.value) : closeRefusalMessage(closed.refusal);
    },
  }),
});

export const overrideDescription: CommandDescription = {
  word: 'override',
  group: 'rescan',
  role: 'approver',
  summary: 'skip a step of the checklist, with a reason that is recorded; never the backup',
  usage: 'override STEP because REASON',
  options: [
    ['STEP', OVERRIDABLE.join(', ')],
    ['because REASON', 'why the step may be skipped; the approver of the flush sees it'],
  ],
  example: 'override sample because the function was tested an hour ago',
};

/** `/rescan override STEP because …`: an approver skips a step. */
export const overrideCommand = ({
  checklist,
  checkApprover,
}: Pick<ChecklistCommandPorts, 'checklist' | 'checkApprover'>): Command => ({
  ...overrideDescription,
  read(rest) {
    const [, typed = '', words = ''] = /^\s*(\S*)\s*(?:because\s+)?([\s\S]*)$/i.exec(rest) ?? [];
    const step = plainWord(typed);
    const reason = words.trim();
    if (step === 'backup') return reject('Nobody can skip the backup.');
    if (!isOverridable(step))
      return reject(
        `${step === '' ? 'The step is missing.' : `${code(typed, 60)} cannot be skipped.`} These can: ${OVERRIDABLE.map((name) => `\`${name}\``).join(', ')}.`,
      );
    if (reason.length < 3) return reject('The reason is missing. Add `because REASON`; it is recorded.');
    if (reason.length > 500) return reject('The reason is longer than 500 characters.');
    return succeed({
      async execute({ person }) {
        // The same check as for a click on Approve.
        if ((await checkApprover(person)) !== 'approver')
          return refuseWith(
            'Nothing was skipped: only an approver who is an active member of this workspace can skip a step.',
          );
        const given = await checklist.override(step, person, reason);
        return given.ok ? overriddenMessage(given.value) : overrideRefusalMessage(step, given.refusal);
      },
    });
  },
});

const MOST_HISTORY = 15;

export const historyDescription: CommandDescription = {
  word: 'history',
  group: 'rescan',
  role: 'viewer',
  summary: 'list past rescans and runs: who started them, when, and how they ended',
  usage: 'history',
  example: 'history',
};

export const historyCommand = ({ checklist, clock }: Pick<ChecklistCommandPorts, 'checklist' | 'clock'>): Command => ({
  ...historyDescription,
  read: withoutArguments('history', {
    async execute() {
      return historyMessage(await checklist.history(MOST_HISTORY), clock.now());
    },
  }),
});
