import type { Button } from '@slack/types';
import type { RunPlan } from '../../../run/model/run-control.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { bytes, count, counted, dollars, duration, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { describePace, describeSelection, describeState, formatDone, runName } from './describe-run.ts';

/** What a run would be, before anyone says yes. */
export function previewMessage(plan: RunPlan, options: { buttons: boolean } = { buttons: true }): Message {
  const { openRun } = plan;
  const chosen = describeSelection(plan.selection);
  return compose({
    fact: `${runName(plan.runId)} would invoke the function for ${counted(plan.total, 'image')} (${bytes(plan.totalBytes)}).`,
    lines: [
      'Nothing has been invoked yet. The list is fixed: starting takes exactly these images.',
      ...(plan.keep && !plan.selection.retry
        ? ['The table was not flushed: what it holds stays, and is overwritten where images come again.']
        : []),
      ...(openRun
        ? [
            `:warning: ${runName(openRun.runId)} ${describeState(openRun)}. It can be resumed; starting this one abandons it for good.`,
          ]
        : []),
    ],
    numbers: [
      [
        'Images',
        plan.selection.retry
          ? (chosen ?? '')
          : `${chosen ?? 'all of the bucket'}; ${counted(plan.leftOut, 'other object')} left out`,
      ],
      ...(plan.canary
        ? [
            [
              'Canary',
              `the first ${counted(plan.canary.images, 'image')} go alone; over ${rate(plan.canary.percent)} % failures stop it`,
            ] as const,
          ]
        : []),
      ['Pace', `${describePace(plan.paceSetting)} (ceiling ${rate(plan.ceilingPerMinute)})`],
      ['Expected', `about ${duration(plan.expectedMs)} at ${rate(plan.expectedPerMinute)} images a minute`],
      [
        'Expected cost',
        plan.expectedCostUsd === undefined ? 'not known yet' : `about ${dollars(plan.expectedCostUsd)}`,
      ],
      ['Entries in the table now', entries(plan)],
      ['Planned by', mention(plan.plannedBy)],
    ],
    notes: [
      ...(plan.paceBecause.length === 0 ? [] : [`Pace: ${plan.paceBecause.map((line) => sentence(line)).join(' · ')}`]),
      ...(plan.forecastRestsOn.length === 0
        ? []
        : [`Expectation rests on: ${plan.forecastRestsOn.map((line) => sentence(line)).join(' · ')}`]),
    ],
    buttons: options.buttons ? previewButtons(plan) : [],
  });
}

function entries(plan: RunPlan): string {
  if (plan.entries !== undefined) return count(plan.entries);
  if (plan.entriesApproximate === undefined) return 'not known';
  return `about ${count(plan.entriesApproximate)} (AWS’s own figure, up to six hours old)`;
}

function previewButtons({ runId, openRun, total, selection }: RunPlan): readonly Button[] {
  // The images of a retry were chosen one by one: there is no filter to change.
  const change = selection.retry ? [] : [button(ACTION.change, 'Change…', runId)];
  const cancel = button(ACTION.cancel, 'Cancel', runId);
  if (!openRun) return [button(ACTION.start, 'Start', runId, { style: 'primary' }), ...change, cancel];
  return [
    button(ACTION.resumeOpen, `Resume ${openRun.runId}`, runId, { style: 'primary' }),
    button(ACTION.abandonAndStart, `Abandon ${openRun.runId} and start`, runId, {
      style: 'danger',
      confirm: {
        title: `Abandon ${openRun.runId}?`,
        text: `${openRun.runId} has ${formatDone(openRun)} and cannot be resumed afterwards. What it wrote stays in the table. ${runId} starts with ${counted(total, 'image')}.`,
        yes: 'Abandon and start',
        no: 'Keep it',
      },
    }),
    ...change,
    cancel,
  ];
}

/** What the preview becomes when its plan is not to be started. */
export const cancelledMessage = (runId: string, by: string): Message =>
  compose({
    fact: `${runName(runId)} was cancelled by ${mention(by)} before it started.`,
    lines: ['Nothing was invoked. `/rescan start` makes a new plan.'],
  });

export const resumedInsteadMessage = (runId: string, resumedId: string, by: string): Message =>
  compose({
    fact: `${runName(runId)} was not started: ${mention(by)} resumed ${code(resumedId, 60)} instead.`,
    lines: ['Nothing of this plan was invoked.'],
  });
