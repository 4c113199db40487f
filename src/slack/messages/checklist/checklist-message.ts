import type { Button } from '@slack/types';
import type { ChecklistOutcome, ChecklistRecord } from '../../../checklist/model/checklist-record.ts';
import type { ChecklistView } from '../../../checklist/model/checklist-view.ts';
import type { StepName } from '../../../checklist/model/step.ts';
import type { HistoryEntry, PastRun } from '../../../checklist/steps/history.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { mention } from '../kit/escape.ts';
import { counted, duration } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { describeSelection, faultLines, runName } from '../run/describe-run.ts';
import { checklistFact, STEP_TITLES } from './describe-step.ts';
import { planFigure } from './plan-figure.ts';
import { scopeCounts, scopeText } from './scope-message.ts';

/** The label of the button that starts each step. */
const NEXT: Readonly<Partial<Record<StepName, string>>> = {
  backup: 'Back up now',
  quotas: 'Check quotas',
  deploy: 'Deploy…',
  'test-logging': 'Test failure logging',
  sample: 'Run a sample',
  flush: 'Flush…',
  rescan: 'Plan the rescan',
  validate: 'Validate',
};

/** Every step with its state, what it found, who did it and when, and the button of the next step. */
export function checklistMessage(view: ChecklistView, now: number, options: { buttons: boolean }): Message {
  const { next } = view;
  const label = next === undefined ? undefined : NEXT[next];
  const buttons: Button[] =
    options.buttons && next !== undefined && label !== undefined
      ? [button(ACTION.nextStep, label, next, { style: 'primary' })]
      : [];
  return compose({
    fact: checklistFact(view),
    lines: [
      ...(view.scope ? [`It covers ${scopeText(view.scope)}: ${scopeCounts(view.scope)}.`] : []),
      ...(view.outcome && next !== 'validate'
        ? ['Start the next rescan with `/rescan backup` or `/rescan autopilot`.']
        : []),
      ...(next === undefined || (view.outcome && next !== 'validate') ? [] : [`Next: ${STEP_TITLES[next]}.`]),
      ...view.unread.flatMap((fault) => [`:warning: Some steps could not be checked: ${faultLines(fault).join(' ')}`]),
    ],
    figures: [planFigure(view, now)],
    buttons,
  });
}

/** Past rescans, newest first: checklists, and runs outside of them. */
export function historyMessage(entries: readonly HistoryEntry[], now: number): Message {
  if (entries.length === 0)
    return say(
      'There was no rescan yet.',
      '`/rescan checklist` shows the steps; `/rescan autopilot` does all of them.',
    );
  return compose({
    fact: entries.length === 1 ? '1 rescan so far.' : `The last ${entries.length} rescans, newest first.`,
    lines: entries.map((entry) => `• ${historyLine(entry, now)}`),
  });
}

export const historyLine = (entry: HistoryEntry, now: number): string =>
  entry.kind === 'run' ? pastRunLine(entry.run, now) : pastChecklistLine(entry, now);

function pastChecklistLine({ record, validation }: Extract<HistoryEntry, { kind: 'checklist' }>, now: number): string {
  const { id, openedBy, openedAt, closedAt, outcome, runIds } = record;
  const runs = runIds.filter((runId) => outcome?.kind !== 'completed' || runId !== outcome.runId);
  const isInvalid = validation?.state === 'failed' && !isFailedBy(record, 'validate');
  return [
    `\`${id}\` ${endOf(outcome)}${record.scope ? ` (${scopeText(record.scope)})` : ''}`,
    ...(isInvalid ? [':warning: its validation failed'] : []),
    `opened by ${mention(openedBy)} ${duration(now - openedAt)} ago`,
    ...(closedAt === undefined ? [] : [`took ${duration(closedAt - openedAt)}`]),
    ...(record.kept ? ['without a flush'] : []),
    ...(runs.length === 0 ? [] : [`runs ${runs.map((runId) => `\`${runId}\``).join(', ')}`]),
  ].join(' · ');
}

const isFailedBy = ({ outcome }: ChecklistRecord, step: StepName): boolean =>
  outcome?.kind === 'completed' && outcome.failed?.includes(step) === true;

function endOf(outcome: ChecklistOutcome | undefined): string {
  if (outcome === undefined) return 'is open';
  if (outcome.kind === 'closed') return `was closed by ${mention(outcome.by)}`;
  const { runId, failed } = outcome;
  if (failed === undefined) return `was completed by ${runName(runId)}`;
  return `failed with ${runName(runId)} (${failed.map((step) => STEP_TITLES[step]).join(', ')})`;
}

function pastRunLine({ runId, state, selection, images, startedBy, startedAt, endedAt }: PastRun, now: number): string {
  return [
    `\`${runId}\` ${PAST_STATES[state.kind]}: ${counted(images, 'image')}, ${describeSelection(selection) ?? 'all'}`,
    `started ${startedBy === undefined ? '' : `by ${mention(startedBy)} `}${duration(now - startedAt)} ago`,
    ...(endedAt === undefined ? [] : [`took ${duration(endedAt - startedAt)}`]),
  ].join(' · ');
}

const PAST_STATES: Readonly<Record<PastRun['state']['kind'], string>> = {
  planned: 'is planned',
  running: 'is running',
  paused: 'is paused',
  stopped: 'was stopped',
  tripped: 'stopped itself',
  interrupted: 'was interrupted',
  completed: 'ended',
  abandoned: 'was abandoned',
};
