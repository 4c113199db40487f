import type { Button, HomeView, KnownBlock } from '@slack/types';
import type { Approval } from '../../approvals/approval.ts';
import type { CatalogueEntry } from '../../backup/format/export-record.ts';
import type { DeployView } from '../../checklist/contracts/step-control.ts';
import type { TableJob } from '../../checklist/contracts/table-control.ts';
import type { AutopilotRecord } from '../../checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { HistoryEntry } from '../../checklist/steps/history.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { checklistMessage, historyLine } from '../messages/checklist/checklist-message.ts';
import { requestName } from '../messages/checklist/deploy-approval-message.ts';
import { deployLine } from '../messages/checklist/deploy-message.ts';
import {
  isButton,
  isOccupied,
  permittedButtons,
  type Rights,
  turnLine,
  unreadMessage,
} from '../messages/checklist/status-message.ts';
import { ACTION, button } from '../messages/kit/buttons.ts';
import { mention } from '../messages/kit/escape.ts';
import { clockTime, counted } from '../messages/kit/format.ts';
import type { Message, MessageBlock } from '../messages/kit/message.ts';
import { describeFault, faultLines } from '../messages/run/describe-run.ts';
import { runMessage } from '../messages/run/run-message.ts';
import { nextFiringLine, type ShownFiring } from '../messages/schedules/schedule-messages.ts';
import { backupLine, jobName, workName } from '../messages/table/describe-table.ts';

/** The facts that the Home tab shows. */
export interface HomeFacts {
  readonly view: ChecklistView;
  readonly run?: RunSnapshot;
  readonly job?: TableJob;
  readonly deploy?: DeployView;
  readonly autopilot?: AutopilotRecord;
  readonly nextFiring?: ShownFiring;
  readonly history: readonly HistoryEntry[];
  readonly backups: readonly CatalogueEntry[] | 'unread';
  readonly approvals: readonly (Approval & { readonly link?: string })[];
  /** Set where the facts cannot be read now: since when, when these were read, and why. Times in epoch ms. */
  readonly outdated?: { readonly since: number; readonly readAt: number; readonly fault?: Fault };
  /** Which buttons this person gets. */
  readonly rights: Rights;
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

/** The Home tab where nothing could be read since the bot was started: why, what was known last, and no buttons. */
export const unreadHomeView = (fault: Fault | undefined, known: Parameters<typeof unreadMessage>[1]): HomeView => ({
  type: 'home',
  blocks: [header('Rescan'), ...prefixed('unread', plainly(unreadMessage(fault, known)))],
});

/** The Home tab of somebody, as things stand. `now` in minutes is enough: a tab that says the same is not drawn again. */
export function homeView(facts: HomeFacts, now: number): HomeView {
  const { view, run, history, backups, approvals, outdated } = facts;
  // Buttons must not act on a state that may have changed.
  const rights = outdated ? 'read' : facts.rights;
  const checklist = checklistMessage(view, now, { buttons: rights === 'act' });
  const unshown = approvals.length - MOST_APPROVALS;
  const waiting = approvals
    .slice(0, MOST_APPROVALS)
    .map(
      (approval) =>
        `• ${requestName(approval)} requested by ${mention(approval.requestedBy)}${approval.state.kind === 'approved' ? ', approved, starts now' : ''}${approval.link === undefined ? '' : ` · <${approval.link}|decide in the channel>`}`,
    );
  const more = unshown > 0 ? [`… and ${counted(unshown, 'more request')} in the channel.`] : [];
  const blocks: KnownBlock[] = [
    header('Rescan'),
    ...(outdated ? [section(outdatedText(outdated))] : []),
    ...prefixed('checklist', plainly(checklist)),
    section(turnLine(facts)),
    ...(facts.nextFiring === undefined ? [] : [section(nextFiringLine(facts.nextFiring))]),
    ...(facts.job ? jobBlocks(facts.job, rights) : []),
    ...(facts.deploy
      ? [section(`:hourglass_flowing_sand: ${deployLine(facts.deploy, { isWaiting: isOccupied(facts) })}`)]
      : []),
    ...(facts.autopilot ? autopilotBlocks(facts.autopilot, rights) : []),
    ...(waiting.length === 0 ? [] : [divider, section(`*Waiting for approval*\n${[...waiting, ...more].join('\n')}`)]),
    divider,
    ...(run ? prefixed('run', permitted(plainly(runMessage(run)), rights)) : [section('No run was ever started.')]),
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
            .map((entry) => `• ${historyLine(entry, now)}`)
            .join('\n')}`,
    ),
  ];
  return { type: 'home', blocks };
}

const outdatedText = ({ since, readAt, fault }: NonNullable<HomeFacts['outdated']>): string =>
  `:warning: *Could not refresh since ${clockTime(since)}*${fault ? ` (${describeFault(fault)})` : ''}. Shown: the state at ${clockTime(readAt)}, without buttons. \`/rescan stop\` works.${fault ? `\n${faultLines(fault).join('\n')}` : ''}`;

/** The blocks of a message for a view: plan and table blocks are for messages only. */
const plainly = ({ plain, blocks }: Message): readonly MessageBlock[] => plain ?? blocks;

/** The blocks with those buttons that the person may press. */
const permitted = (blocks: readonly MessageBlock[], rights: Rights): readonly MessageBlock[] =>
  blocks.flatMap((block): readonly MessageBlock[] => {
    if (block.type !== 'actions') return [block];
    const elements = permittedButtons(block.elements.filter(isButton), rights);
    return elements.length === 0 ? [] : [{ ...block, elements: [...elements] }];
  });

function jobBlocks(job: TableJob, rights: Rights): KnownBlock[] {
  const fact = `:hourglass_flowing_sand: ${jobName(job)} is in progress, started at ${clockTime(job.startedAt)} by ${mention(job.by)}.`;
  const stop = button(ACTION.stopJob, `Stop the ${workName(job)}`, job.id, { style: 'danger' });
  return [section(fact), ...actions('job_stop', permittedButtons([stop], rights))];
}

const actions = (blockId: string, elements: readonly Button[]): KnownBlock[] =>
  elements.length === 0 ? [] : [{ type: 'actions', block_id: blockId, elements: [...elements] }];

function autopilotBlocks({ id, blocker }: AutopilotRecord, rights: Rights): KnownBlock[] {
  const fact =
    blocker === undefined
      ? ':robot_face: The autopilot is running.'
      : ':robot_face: The autopilot is waiting for a person.';
  const stop = button(ACTION.autopilotStop, 'Stop the autopilot', id, { style: 'danger' });
  return [section(fact), ...actions('autopilot_stop', permittedButtons([stop], rights))];
}

/** The blocks of a message with ids that are unique in the view. */
const prefixed = (name: string, blocks: readonly MessageBlock[]): KnownBlock[] =>
  blocks.flatMap((block, index) =>
    // Charts are for messages only.
    block.type === 'data_visualization' ? [] : [{ ...block, block_id: `${name}_${index}` }],
  );
