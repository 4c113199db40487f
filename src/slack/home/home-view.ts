import type { HomeView, KnownBlock } from '@slack/types';
import type { Approval } from '../../approvals/approval.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { AutopilotRecord } from '../../checklist/model/autopilot-record.ts';
import type { ChecklistRecord } from '../../checklist/model/checklist-record.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { checklistMessage, historyLine } from '../messages/checklist/checklist-message.ts';
import { ACTION, button } from '../messages/kit/buttons.ts';
import { mention } from '../messages/kit/escape.ts';
import { clockTime, counted } from '../messages/kit/format.ts';
import type { Message, MessageBlock } from '../messages/kit/message.ts';
import { describeFault } from '../messages/run/describe-run.ts';
import { runMessage } from '../messages/run/run-message.ts';
import { backupLine } from '../messages/table/describe-table.ts';

/** The facts that the Home tab shows. */
export interface HomeFacts {
  readonly view: ChecklistView;
  readonly run?: RunSnapshot;
  readonly autopilot?: AutopilotRecord;
  readonly history: readonly ChecklistRecord[];
  readonly backups: readonly BackupRecord[] | 'unread';
  readonly approvals: readonly (Approval & { readonly link?: string })[];
  /** Set where the facts cannot be read now: since when, when these were read, and why. Times in epoch ms. */
  readonly outdated?: { readonly since: number; readonly readAt: number; readonly fault?: Fault };
  /** Whether this person gets buttons. */
  readonly mayAct: boolean;
}

const MOST_BACKUPS = 5;
const MOST_HISTORY = 5;
/** As many fit into one section, because links are long. */
const MOST_APPROVALS = 10;

const section = (text: string): KnownBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text },
});
const header = (text: string): KnownBlock => ({ type: 'header', text: { type: 'plain_text', text } });
const divider: KnownBlock = { type: 'divider' };

/** The Home tab of somebody, as things stand. `now` in minutes is enough: a tab that says the same is not drawn again. */
export function homeView(facts: HomeFacts, now: number): HomeView {
  const { view, run, history, backups, approvals, outdated } = facts;
  // Buttons must not act on a state that may have changed.
  const mayAct = facts.mayAct && !outdated;
  const checklist = checklistMessage(view, now, { buttons: mayAct });
  const unshown = approvals.length - MOST_APPROVALS;
  const waiting = approvals
    .slice(0, MOST_APPROVALS)
    .map(
      (approval) =>
        `• ${approval.action} requested by ${mention(approval.requestedBy)}${approval.link === undefined ? '' : ` · <${approval.link}|decide in the channel>`}`,
    );
  const more = unshown > 0 ? [`… and ${counted(unshown, 'more request')} in the channel.`] : [];
  const blocks: KnownBlock[] = [
    header('Rescan'),
    ...(outdated ? [section(outdatedText(outdated))] : []),
    ...prefixed('checklist', plainly(checklist)),
    ...(facts.autopilot?.state === 'running' ? autopilotBlocks(facts.autopilot, mayAct) : []),
    ...(waiting.length === 0 ? [] : [divider, section(`*Waiting for approval*\n${[...waiting, ...more].join('\n')}`)]),
    divider,
    ...(run ? prefixed('run', plainly(runMessage(run, { buttons: mayAct }))) : [section('No run was ever started.')]),
    divider,
    section(
      backups === 'unread'
        ? '*Backups*\n:warning: The backups cannot be read now. `/rescan backups` shows why.'
        : backups.length === 0
          ? '*Backups*\nNone yet. Make one with `/rescan backup`.'
          : `*Backups* (newest first)\n${backups
              .slice(0, MOST_BACKUPS)
              .map((record) => `• ${backupLine(record)}`)
              .join('\n')}`,
    ),
    section(
      history.length === 0
        ? '*Past rescans*\nNone yet.'
        : `*Past rescans*\n${history
            .slice(0, MOST_HISTORY)
            .map((record) => `• ${historyLine(record, now)}`)
            .join('\n')}`,
    ),
  ];
  return { type: 'home', blocks };
}

const outdatedText = ({ since, readAt, fault }: NonNullable<HomeFacts['outdated']>): string =>
  `:warning: *Could not refresh since ${clockTime(since)}*${fault ? ` (${describeFault(fault)})` : ''}. Shown: the state at ${clockTime(readAt)}, without buttons. \`/rescan stop\` works.`;

/** The blocks of a message for a view: plan and table blocks are for messages only. */
const plainly = ({ plain, blocks }: Message): readonly MessageBlock[] => plain ?? blocks;

function autopilotBlocks({ id, blocker }: AutopilotRecord, mayAct: boolean): KnownBlock[] {
  const fact =
    blocker === undefined
      ? ':robot_face: The autopilot is running.'
      : ':robot_face: The autopilot is waiting for a person.';
  const stop = button(ACTION.autopilotStop, 'Stop the autopilot', id, { style: 'danger' });
  return [
    section(fact),
    ...(mayAct ? [{ type: 'actions' as const, block_id: 'autopilot_stop', elements: [stop] }] : []),
  ];
}

/** The blocks of a message with ids that are unique in the view. */
const prefixed = (name: string, blocks: readonly MessageBlock[]): KnownBlock[] =>
  blocks.flatMap((block, index) =>
    // Charts are for messages only.
    block.type === 'data_visualization' ? [] : [{ ...block, block_id: `${name}_${index}` }],
  );
