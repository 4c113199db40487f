import type { PlanBlock, RichTextBlock, TaskCardBlock } from '@slack/types';
import type { ChecklistView, StepView } from '../../../checklist/model/checklist-view.ts';
import type { StepState } from '../../../checklist/model/step.ts';
import { unescapeMrkdwn } from '../kit/escape.ts';
import { STEP_TITLES, stepLabel, stepLine } from './describe-step.ts';

const STATUS: Readonly<Record<StepState, TaskCardBlock['status']>> = {
  'to-do': 'pending',
  running: 'in_progress',
  done: 'complete',
  stale: 'pending',
  failed: 'error',
  skipped: 'complete',
};

/** Signs for clients that do not accept a plan block. */
const SIGNS: Readonly<Record<StepState, string>> = {
  'to-do': ':white_circle:',
  running: ':hourglass_flowing_sand:',
  done: ':white_check_mark:',
  stale: ':warning:',
  failed: ':x:',
  skipped: ':heavy_minus_sign:',
};

/** The checklist as Slack's plan block, and as plain lines. */
export function planFigure(view: ChecklistView, now: number): { block: PlanBlock; plain: string[] } {
  return {
    block: {
      type: 'plan',
      title: view.id === undefined ? 'Rescan' : `Checklist ${view.id}`,
      tasks: view.steps.map((step) => taskOf(step, now)),
    },
    plain: view.steps.map((step) => {
      const line = stepLine(step, now);
      const skipped = step.overriddenBy !== undefined;
      const sign = skipped ? SIGNS.skipped : step.approvalUntil === undefined ? SIGNS[step.state] : ':raised_hand:';
      return `${sign} *${STEP_TITLES[step.step]}* (${stepLabel(step)})${line === '' ? '' : `: ${line}`}`;
    }),
  };
}

function taskOf(step: StepView, now: number): TaskCardBlock {
  const line = stepLine(step, now);
  const skipped = step.overriddenBy !== undefined;
  return {
    type: 'task_card',
    task_id: step.step,
    title: `${STEP_TITLES[step.step]}: ${stepLabel(step)}`,
    status: skipped ? 'complete' : step.approvalUntil === undefined ? STATUS[step.state] : 'pending',
    ...(line === '' ? {} : { output: richText(line) }),
  };
}

const FORMATTED = /<@([UW][A-Z0-9]+)>|`([^`]*)`|<!date\^[^|>]*\|([^>]*)>/g;

/** mrkdwn as rich text: mentions and code keep their format, a date becomes its fallback, the rest is text. */
function richText(line: string): RichTextBlock {
  const elements: Extract<RichTextBlock['elements'][number], { type: 'rich_text_section' }>['elements'] = [];
  let at = 0;
  const text = (end: number) => {
    if (end > at) elements.push({ type: 'text', text: unescaped(line.slice(at, end)) });
  };
  for (const match of line.matchAll(FORMATTED)) {
    text(match.index);
    const [whole, person, quoted, date] = match;
    if (person !== undefined) elements.push({ type: 'user', user_id: person });
    else if (date !== undefined) elements.push({ type: 'text', text: date });
    else elements.push({ type: 'text', text: unescaped(quoted ?? ''), style: { code: true } });
    at = match.index + whole.length;
  }
  text(line.length);
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}

const unescaped = (text: string): string => unescapeMrkdwn(text).replaceAll('*', '');
