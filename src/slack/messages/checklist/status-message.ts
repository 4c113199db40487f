import type { Button } from '@slack/types';
import type { Approval } from '../../../approvals/approval.ts';
import type { DeployView } from '../../../checklist/contracts/step-control.ts';
import type { TableJob } from '../../../checklist/contracts/table-control.ts';
import type { AutopilotRecord } from '../../../checklist/model/autopilot-record.ts';
import type { ChecklistView, StepView } from '../../../checklist/model/checklist-view.ts';
import type { StepName } from '../../../checklist/model/step.ts';
import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import { isOpen } from '../../../run/model/run.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { clockWarning } from '../kit/clock-warning.ts';
import { link, mention } from '../kit/escape.ts';
import { clockTime } from '../kit/format.ts';
import { compose, type Message, refuseWith, say } from '../kit/message.ts';
import { describeFault, describeState, faultLines, runName } from '../run/describe-run.ts';
import { runMessage } from '../run/run-message.ts';
import { nextFiringLine, type ShownFiring } from '../schedules/schedule-messages.ts';
import { jobName, workName } from '../table/describe-table.ts';
import { requestName } from './deploy-approval-message.ts';
import { deployGoesOnLine, deployLine } from './deploy-message.ts';
import { STEP_TITLES } from './describe-step.ts';

/** What a person may do with what is shown: everything, only stop it, or nothing. */
export type Rights = 'act' | 'stop' | 'read';

/** What is going on in the pipeline, and where it is shown. */
export interface ShownState {
  readonly run?: RunSnapshot;
  readonly job?: TableJob;
  /** The deploy or rollback that has not ended. */
  readonly deploy?: DeployView;
  readonly autopilot?: AutopilotRecord;
  readonly approvals: readonly Approval[];
  readonly view: ChecklistView;
  readonly machineAheadMs?: number;
  readonly nextFiring?: ShownFiring;
  /** The addresses of messages, by the id of what they show. */
  readonly links: ReadonlyMap<string, string>;
}

const STOPS: ReadonlySet<string> = new Set([
  ACTION.pause,
  ACTION.stop,
  ACTION.stopNow,
  ACTION.stopJob,
  ACTION.autopilotStop,
]);

/** Those of the buttons that a person may press: of a person who may only stop, the ones that halt something. */
export const permittedButtons = (buttons: readonly Button[], rights: Rights): readonly Button[] =>
  rights === 'act' ? buttons : buttons.filter(({ action_id }) => rights === 'stop' && STOPS.has(action_id ?? ''));

/** Everything that is going on: run, table job, steps, autopilot, open requests, and whose turn it is. */
export function statusMessage(state: ShownState, rights: Rights): Message {
  const { run, job } = state;
  if (run && isMain(run, state)) return withRun(run, state, rights);
  const also = lines(state, { withoutJob: job !== undefined });
  return compose({
    fact: job ? `${jobName(job)} is in progress.` : idleFact(state),
    lines: [
      ...(job ? [startedLine(job, state)] : []),
      ...(run ? [`Last run: ${runName(run.runId)} ${describeState(run)}.${shown(state, run.runId)}`] : []),
      ...also,
      turnLine(state),
    ],
    buttons: permittedButtons([...jobButtons(state), ...autopilotButtons(state)], rights),
  });
}

/** A job changes the table now; a run that is at rest does not, and a run that ended matters only where nothing else happens. */
const isMain = (run: RunSnapshot, { job, deploy, approvals, autopilot, view }: ShownState): boolean =>
  run.state.kind === 'running' ||
  (!job && (isOpen(run.state) || (approvals.length === 0 && !deploy && !autopilot && busySteps(view).length === 0)));

/** The run as its live message shows it, then everything else. */
function withRun(run: RunSnapshot, state: ShownState, rights: Rights): Message {
  const { text, blocks, plain = blocks } = runMessage(run);
  const where = shown(state, run.runId, 'Its message and thread').trim();
  const more = say(...lines(state, { withoutJob: false }), turnLine(state), ...(where === '' ? [] : [where]));
  const own = blocks.flatMap((block) => (block.type === 'actions' ? block.elements : []));
  const others = compose({
    fact: '',
    buttons: permittedButtons([...own.filter(isButton), ...jobButtons(state), ...autopilotButtons(state)], rights),
  }).blocks.filter(({ type }) => type === 'actions');
  const around = (inner: Message['blocks']) => [
    ...inner.filter(({ type }) => type !== 'actions'),
    ...more.blocks,
    ...others,
  ];
  return { text: `${text}\n${more.text}`, blocks: around(blocks), plain: around(plain) };
}

export const isButton = (element: { readonly type: string }): element is Button => element.type === 'button';

function idleFact({ run, deploy, approvals, autopilot, view }: ShownState): string {
  if (deploy) return `No rescan is running. A ${deploy.kind} is in progress.`;
  if (busySteps(view).length > 0) return 'No rescan is running. A step of the checklist is in progress.';
  if (approvals.some(({ state }) => state.kind === 'approved'))
    return 'No rescan is running. What was approved starts.';
  if (approvals.length > 0) return 'No rescan is running. A request waits for approval.';
  if (autopilot) return 'No rescan is running. The autopilot is between two steps.';
  return run ? 'No rescan is running.' : 'No rescan is running, and none was ever started.';
}

/** Everything besides the run: one line each. */
function lines(state: ShownState, { withoutJob }: { withoutJob: boolean }): readonly string[] {
  const { job, deploy, view, autopilot, approvals, nextFiring, machineAheadMs = 0 } = state;
  const steps = busySteps(view).filter(({ step }) => !deploy || step !== 'deploy');
  const differs = clockWarning(machineAheadMs);
  return [
    ...(job && !withoutJob ? [`${jobName(job)} is in progress. ${startedLine(job, state)}`] : []),
    ...(deploy ? [`${deployLine(deploy, { isWaiting: isOccupied(state) })}${shown(state, deploy.id)}`] : []),
    ...steps.map(stepLine),
    ...(autopilot ? [autopilotLine(autopilot, state)] : []),
    ...approvals.map((approval) => approvalLine(approval, state)),
    ...view.unread.map((fault) => `:warning: A part could not be read: ${describeFault(fault)}.`),
    ...(nextFiring === undefined ? [] : [nextFiringLine(nextFiring)]),
    ...(differs === undefined ? [] : [`:warning: ${differs}`]),
  ];
}

/** Something else holds the pipeline. */
export const isOccupied = ({ run, job }: Pick<ShownState, 'run' | 'job'>): boolean =>
  job !== undefined || run?.state.kind === 'running';

/** Steps that somebody carries out now. A flush and a rescan are shown as job and run, and a request is not in progress. */
const busySteps = (view: ChecklistView): readonly StepView[] =>
  view.steps.filter(({ step, state }) => state === 'running' && step !== 'flush' && step !== 'rescan');

const stepLine = ({ step, by, at }: StepView): string =>
  `The step “${STEP_TITLES[step]}” is in progress${at === undefined ? '' : ` (${clockTime(at)})`}${by === undefined ? '' : `, by ${mention(by)}`}.`;

const startedLine = (job: TableJob, state: ShownState): string =>
  `Started at ${clockTime(job.startedAt)} by ${mention(job.by)}.${shown(state, job.id, 'Show its progress')}`;

const autopilotLine = (autopilot: AutopilotRecord, state: ShownState): string =>
  `${autopilot.blocker === undefined ? 'The autopilot is running' : 'The autopilot is waiting for a person'}, started by ${mention(autopilot.by)}.${shown(state, autopilot.id, 'Show its message')}`;

function approvalLine(approval: Approval, state: ShownState): string {
  const { id, requestedBy, expiresAt } = approval;
  const where = shown(state, id, 'Show the request');
  return approval.state.kind === 'approved'
    ? `The ${requestName(approval)} requested by ${mention(requestedBy)} is approved by ${mention(approval.state.by)} and starts.${where}`
    : `A ${requestName(approval)} requested by ${mention(requestedBy)} waits for approval until ${clockTime(expiresAt)}.${where}`;
}

const shown = ({ links }: ShownState, id: string, label = 'Show it'): string => {
  const url = links.get(id);
  return url === undefined ? '' : ` ${link(url, label)}`;
};

const jobButtons = ({ job }: ShownState): readonly Button[] =>
  job ? [button(ACTION.stopJob, `Stop the ${workName(job)}`, job.id, { style: 'danger' })] : [];

const autopilotButtons = ({ autopilot }: ShownState): readonly Button[] =>
  autopilot ? [button(ACTION.autopilotStop, 'Stop the autopilot', autopilot.id, { style: 'danger' })] : [];

/** The command of each step, for the person whose turn it is. */
const COMMANDS: Readonly<Record<StepName, string>> = {
  backup: 'backup',
  quotas: 'quotas',
  deploy: 'deploy',
  'test-logging': 'test-logging',
  sample: 'sample',
  flush: 'flush',
  rescan: 'start',
  validate: 'validate',
};

/** Who has to act now, and how. */
export function turnLine({ run, job, deploy, autopilot, approvals, view }: Omit<ShownState, 'links'>): string {
  const pending = approvals.find(({ state }) => state.kind === 'pending');
  if (job || deploy || run?.state.kind === 'running' || busySteps(view).length > 0)
    return pending ? approverTurn(pending) : '*Whose turn:* nobody has to act now.';
  if (pending) return approverTurn(pending);
  if (approvals.length > 0) return '*Whose turn:* nobody has to act now.';
  if (autopilot)
    return autopilot.blocker === undefined
      ? '*Whose turn:* nobody has to act now; the autopilot continues by itself.'
      : '*Whose turn:* an operator. The message of the autopilot says what to do; `/rescan autopilot go` continues.';
  if (run && isOpen(run.state))
    return '*Whose turn:* an operator. `/rescan resume` continues the run, `/rescan start` plans a new one.';
  return view.next === undefined
    ? '*Whose turn:* nobody’s. No step is left.'
    : `*Whose turn:* an operator. Next step: ${STEP_TITLES[view.next]} (\`/rescan ${COMMANDS[view.next]}\`).`;
}

const approverTurn = (approval: Approval): string =>
  `*Whose turn:* an approver decides about the ${requestName(approval)} requested by ${mention(approval.requestedBy)}, by ${clockTime(approval.expiresAt)}.`;

/** The last known state as one line, with its time; nothing where none is known. */
export function lastKnownLines(
  known: { readonly at: number; readonly run?: RunSnapshot; readonly job?: TableJob } | undefined,
): readonly string[] {
  if (!known) return ['The bot has not read the state since it was started.'];
  const { run, job, at } = known;
  const facts = [
    ...(job ? [`${jobName(job)} was in progress`] : []),
    run ? `${runName(run.runId)} ${describeState(run)}` : 'no run was ever started',
  ];
  return [`Last known state, at ${clockTime(at)}: ${facts.join('; ')}.`];
}

/** Nothing can be read now: which service refuses, what to do, and what was known last. Without buttons. */
export const unreadMessage = (fault: Fault | undefined, known: Parameters<typeof lastKnownLines>[0]): Message =>
  say(
    `The state cannot be read${fault ? `: ${describeFault(fault)}` : ''}.`,
    ...(fault ? faultLines(fault) : []),
    ...lastKnownLines(known),
    '`/rescan stop` works all the same.',
  );

/** The question after `halt`, `abort` or `cancel`. `ids`: what a stop would stop; null where nothing can be read. */
export function stopQuestion(state: Omit<ShownState, 'links'> | undefined, ids: readonly string[] | null): Message {
  const goesOn = state?.deploy && !isOccupied(state) ? [deployGoesOnLine(state.deploy)] : [];
  if (ids !== null && ids.length === 0)
    return refuseWith(
      'Nothing is in progress that could be stopped, so nothing was done.',
      ...goesOn,
      'To decide about a plan or a request for approval, use the buttons in its message.',
    );
  const what = state === undefined ? 'whatever is in progress' : stoppedNames(state);
  return compose({
    fact: `Stop ${what}?`,
    lines: ['Nothing was stopped yet. `/rescan stop` stops it without asking.', ...goesOn],
    buttons: [button(ACTION.stopAsked, `Stop ${what}`, ids === null ? ANYTHING : ids.join(','), { style: 'danger' })],
  });
}

/** What the question was about is over; nothing else is stopped by its button. */
export const notInProgressMessage = (state: Omit<ShownState, 'links'>): Message =>
  refuseWith(
    'Nothing was stopped: the work that this button belongs to is not in progress any more.',
    `Now: ${statusMessage({ ...state, links: new Map() }, 'read').text.split('\n')[0] ?? ''} \`/rescan stop\` stops what is in progress now.`,
  );

/** The value of the button where it was not known what is in progress. */
export const ANYTHING = 'anything';

function stoppedNames({ run, job, autopilot, approvals }: Omit<ShownState, 'links'>): string {
  if (job) return `the ${workName(job)}`;
  if (run && run.state.kind !== 'stopped' && isOpen(run.state))
    return autopilot && run.state.kind !== 'running' ? `${run.runId} and the autopilot` : run.runId;
  if (autopilot) return 'the autopilot';
  const approved = approvals.find(({ state }) => state.kind === 'approved');
  return approved ? `the approved ${requestName(approved)}` : 'what is in progress';
}
