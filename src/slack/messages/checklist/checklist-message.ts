import type { Button } from '@slack/types';
import type { ChecklistRecord } from '../../../checklist/model/checklist-record.ts';
import type { ChecklistView } from '../../../checklist/model/checklist-view.ts';
import type { StepName } from '../../../checklist/model/step.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { mention } from '../kit/escape.ts';
import { duration } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { faultLines, runName } from '../run/describe-run.ts';
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

/** Past rescans, newest first. */
export function historyMessage(records: readonly ChecklistRecord[], now: number): Message {
  if (records.length === 0)
    return say(
      'There was no rescan yet.',
      '`/rescan checklist` shows the steps; `/rescan autopilot` does all of them.',
    );
  return compose({
    fact: records.length === 1 ? '1 rescan so far.' : `The last ${records.length} rescans, newest first.`,
    lines: records.map((record) => `• ${historyLine(record, now)}`),
  });
}

export function historyLine(record: ChecklistRecord, now: number): string {
  const { id, openedBy, openedAt, closedAt, outcome, runIds } = record;
  const ended =
    outcome === undefined
      ? 'is open'
      : outcome.kind === 'completed'
        ? `${outcome.failed === undefined ? 'was completed by' : 'failed with'} ${runName(outcome.runId)}${outcome.failed === undefined ? '' : ` (${outcome.failed.map((step) => STEP_TITLES[step]).join(', ')})`}`
        : `was closed by ${mention(outcome.by)}`;
  const runs = runIds.filter((runId) => outcome?.kind !== 'completed' || runId !== outcome.runId);
  return [
    `\`${id}\` ${ended}${record.scope ? ` (${scopeText(record.scope)})` : ''}`,
    `opened by ${mention(openedBy)} ${duration(now - openedAt)} ago`,
    ...(closedAt === undefined ? [] : [`took ${duration(closedAt - openedAt)}`]),
    ...(record.kept ? ['without a flush'] : []),
    ...(runs.length === 0 ? [] : [`runs ${runs.map((runId) => `\`${runId}\``).join(', ')}`]),
  ].join(' · ');
}
