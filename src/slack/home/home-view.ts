import type { HomeView, KnownBlock } from '@slack/types';
import type { Approval } from '../../approvals/approval.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { AutopilotRecord } from '../../checklist/model/autopilot-record.ts';
import type { ChecklistRecord } from '../../checklist/model/checklist-record.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { checklistMessage, historyLine } from '../messages/checklist/checklist-message.ts';
import { ACTION, button } from '../messages/kit/buttons.ts';
import { mention } from '../messages/kit/escape.ts';
import { counted } from '../messages/kit/format.ts';
import type { Message, MessageBlock } from '../messages/kit/message.ts';
import { runMessage } from '../messages/run/run-message.ts';
import { backupLine } from '../messages/table/describe-table.ts';

/** What the Home tab shows: the same things as the commands, at a glance. */
export interface HomeFacts {
  readonly view: ChecklistView;
  readonly run?: RunSnapshot;
  readonly autopilot?: AutopilotRecord;
  readonly history: readonly ChecklistRecord[];
  readonly backups: readonly BackupRecord[] | 'unread';
  readonly approvals: readonly (Approval & { readonly link?: string })[];
  /** Whether this person gets buttons. */
  readonly mayAct: boolean;
}

const MOST_BACKUPS = 5;
const MOST_HISTORY = 5;
/** Links are long: so many fit into one section. */
const MOST_APPROVALS = 10;

const section = (text: string): KnownBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text },
});
const header = (text: string): KnownBlock => ({ type: 'header', text: { type: 'plain_text', text } });
const divider: KnownBlock = { type: 'divider' };

/** The Home tab of somebody, as things stand. `now` in minutes is enough: a tab that says the same is not drawn again. */
export function homeView(facts: HomeFacts, now: number): HomeView {
  const { view, run, history, backups, approvals, mayAct } = facts;
  // A plan block is for messages only: here its plain form stands.
  const checklist = checklistMessage(view, now, { buttons: mayAct });
  const unshown = approvals.length - MOST_APPROVALS;
  const waiting = approvals
    .slice(0, MOST_APPROVALS)
    .map(
      (approval) =>
        `• ${approval.action} requested by ${mention(approval.requestedBy)}${approval.link === undefined ? '' : ` · <${approval.link}|decide in the channel>`}`,
    );
  const more = unshown > 0 ? [`… and ${counted(unshown, 'request')} more, in the channel.`] : [];
  const blocks: KnownBlock[] = [
    header('Rescan'),
    ...prefixed('checklist', plainly(checklist)),
    ...(facts.autopilot?.state === 'running' ? autopilotBlocks(facts.autopilot, mayAct) : []),
    ...(waiting.length === 0
      ? []
      : [divider, section(`*Waiting for an approval*\n${[...waiting, ...more].join('\n')}`)]),
    divider,
    ...(run
      ? prefixed('run', plainly(runMessage(run, { buttons: mayAct })))
      : [section('No run was ever started here.')]),
    divider,
    section(
      backups === 'unread'
        ? '*Backups*\n:warning: They cannot be read at the moment: `/rescan backups` says why.'
        : backups.length === 0
          ? '*Backups*\nThere is none yet.'
          : `*Backups* (newest first)\n${backups
              .slice(0, MOST_BACKUPS)
              .map((record) => `• ${backupLine(record)}`)
              .join('\n')}`,
    ),
    section(
      history.length === 0
        ? '*Past rescans*\nThere was none yet.'
        : `*Past rescans*\n${history
            .slice(0, MOST_HISTORY)
            .map((record) => `• ${historyLine(record, now)}`)
            .join('\n')}`,
    ),
  ];
  return { type: 'home', blocks };
}

/** Blocks that are for messages only stand here in their plain form. */
const plainly = ({ plain, blocks }: Message): readonly MessageBlock[] => plain ?? blocks;

function autopilotBlocks({ id, blocker }: AutopilotRecord, mayAct: boolean): KnownBlock[] {
  const fact =
    blocker === undefined
      ? ':robot_face: The autopilot is under way.'
      : ':robot_face: The autopilot waits for a person.';
  const stop = button(ACTION.autopilotStop, 'Stop the autopilot', id, { style: 'danger' });
  return [
    section(fact),
    ...(mayAct ? [{ type: 'actions' as const, block_id: 'autopilot_stop', elements: [stop] }] : []),
  ];
}

/** The blocks of a message under ids of their own: a view wants each id once. */
const prefixed = (name: string, blocks: readonly MessageBlock[]): KnownBlock[] =>
  blocks.flatMap((block, index) =>
    // Charts are for messages only.
    block.type === 'data_visualization' ? [] : [{ ...block, block_id: `${name}_${index}` }],
  );
