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

/** The steps that a button can begin by itself; the others need words or a form of their own. */
const NEXT: Readonly<Partial<Record<StepName, string>>> = {
  backup: 'Back up now',
  quotas: 'Check quotas',
  deploy: 'Deploy…',
  'test-logging': 'Test failure logging',
  sample: 'Try a few images',
  flush: 'Flush…',
  rescan: 'Plan the rescan',
  validate: 'Validate',
};

/** Every step with its state, who and when, what it found, and the button of the next one. */
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
      ...(view.outcome && next !== 'validate' ? ['`/rescan backup` or `/rescan autopilot` begins the next one.'] : []),
      ...(next === undefined || (view.outcome && next !== 'validate') ? [] : [`Next: ${STEP_TITLES[next]}.`]),
      ...view.unread.flatMap((fault) => [`:warning: Something could not be read: ${faultLines(fault).join(' ')}`]),
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
      '`/rescan checklist` shows the steps of one, `/rescan autopilot` does them.',
    );
  return compose({
    fact: records.length === 1 ? 'One rescan so far.' : `The last ${records.length} rescans, newest first.`,
    lines: records.map((record) => `• ${historyLine(record, now)}`),
  });
}

export function historyLine(record: ChecklistRecord, now: number): string {
  const { id, openedBy, openedAt, closedAt, outcome, runIds } = record;
  const ended =
    outcome === undefined
      ? 'open'
      : outcome.kind === 'completed'
        ? `complete with ${runName(outcome.runId)}`
        : `closed by ${mention(outcome.by)}`;
  const runs = runIds.filter((runId) => outcome?.kind !== 'completed' || runId !== outcome.runId);
  return [
    `\`${id}\` ${ended}`,
    `opened by ${mention(openedBy)} ${duration(now - openedAt)} ago`,
    ...(closedAt === undefined ? [] : [`took ${duration(closedAt - openedAt)}`]),
    ...(record.kept ? ['the table was kept'] : []),
    ...(runs.length === 0 ? [] : [`runs ${runs.map((runId) => `\`${runId}\``).join(', ')}`]),
  ].join(' · ');
}
