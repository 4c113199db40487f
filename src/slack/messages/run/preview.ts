import type { Button } from '@slack/types';
import type { RunPlan, UnreadableImages } from '../../../run/model/run-control.ts';
import { PRICES_HOLD } from '../../../run/rules/engine-cost.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { aboutDuration, bytes, count, counted, dollars, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import {
  describeEngine,
  describePace,
  describeSelection,
  describeState,
  formatDone,
  RECORDS_LABEL,
  runName,
} from './describe-run.ts';

/** What a run would do, before anyone starts it. */
export function previewMessage(plan: RunPlan, options: { buttons: boolean } = { buttons: true }): Message {
  const { openRun } = plan;
  const engine = describeEngine(plan.engine);
  return compose({
    fact: `${runName(plan.runId)} would invoke the function for ${counted(plan.total, 'image')} (${bytes(plan.totalBytes)}).`,
    lines: [
      'Nothing is invoked yet. This list is final: Start processes exactly these images.',
      ...(plan.keep && !plan.selection.retry
        ? ['The table keeps its records; records of re-processed images are overwritten.']
        : []),
      ...unreadableLines(plan.archived, 'archived in S3 and cannot be read'),
      ...unreadableLines(plan.empty, 'empty (0 bytes)'),
      ...(openRun
        ? [
            `:warning: ${runName(openRun.runId)} ${describeState(openRun)}. It can still be resumed. Starting this run abandons it for good.`,
          ]
        : []),
    ],
    numbers: [
      ['Images', imagesText(plan)],
      ...(plan.canary
        ? [
            [
              'Canary',
              `the first ${counted(plan.canary.images, 'image')} run first; the run stops if more than ${rate(plan.canary.percent)} % of them fail`,
            ] as const,
          ]
        : []),
      ...(engine === undefined ? [] : [['Engine', engine] as const]),
      ['Pace', `${describePace(plan.paceSetting)} (ceiling ${rate(plan.ceilingPerMinute)})`],
      ['Estimated time', `${aboutDuration(plan.expectedMs)} at ${rate(plan.expectedPerMinute)} images a minute`],
      ['Estimated cost', plan.expectedCostUsd === undefined ? 'unknown' : `about ${dollars(plan.expectedCostUsd)}`],
      ...engineCostNumber(plan),
      recordsNumber(plan),
      ['Planned by', mention(plan.plannedBy)],
    ],
    notes: [
      ...(plan.paceBecause.length === 0
        ? []
        : [`Ceiling: ${plan.paceBecause.map((line) => sentence(line)).join(' · ')}`]),
      ...(plan.forecastRestsOn.length === 0
        ? []
        : [`Estimate: ${plan.forecastRestsOn.map((line) => sentence(line)).join(' · ')}`]),
      ...engineCostNotes(plan),
    ],
    buttons: options.buttons ? previewButtons(plan) : [],
  });
}

const costOf = ({ engine, usd }: NonNullable<RunPlan['engineCosts']>[number]): string =>
  `${describeEngine(engine) ?? 'the bot'} about ${dollars(usd)}`;

/** What the chosen engine costs itself, and the other one if it could run this plan. */
const engineCostNumber = ({ engineCosts = [] }: RunPlan): readonly (readonly [string, string])[] => {
  const [chosen, ...others] = engineCosts;
  if (!chosen) return [];
  const other = others.map((cost) => `${costOf(cost)} with ${code(`engine=${cost.engine}`)}`);
  return [['Cost of the engine', [costOf(chosen), ...other].join('; ')]];
};

const engineCostNotes = ({ engineCosts = [] }: RunPlan): readonly string[] =>
  engineCosts.length === 0
    ? []
    : [
        `Engine: ${engineCosts.map((cost) => `${describeEngine(cost.engine) ?? 'the bot'} ${cost.parts.map((part) => sentence(part, 80)).join(', ')}`).join(' · ')}. The work of the function is not in it. ${PRICES_HOLD}`,
      ];

/** Which images the run leaves out, and why. */
function unreadableLines(found: UnreadableImages | undefined, are: string): readonly string[] {
  if (!found) return [];
  const named = found.examples.map((key) => code(key, 120)).join(', ');
  const more = found.images > found.examples.length ? ', …' : '';
  return [
    `:warning: ${counted(found.images, 'image is', 'images are')} ${are}, so this run leaves ${found.images === 1 ? 'it' : 'them'} out: ${named}${more}.`,
  ];
}

function imagesText({ selection, leftOut }: RunPlan): string {
  const chosen = describeSelection(selection);
  if (selection.retry) return chosen ?? '';
  const skipped = leftOut === 0 ? '' : `; ${counted(leftOut, 'object')} skipped`;
  // A sample or a limit also leaves out images.
  const isFiltered = selection.sample !== undefined || selection.limit !== undefined;
  const why = leftOut > 0 && !isFiltered ? ' (not images, or under an excluded prefix)' : '';
  return `${chosen ?? 'whole bucket'}${skipped}${why}`;
}

function recordsNumber({ entries, entriesApproximate }: RunPlan): readonly [string, string] {
  if (entries !== undefined) return [RECORDS_LABEL, count(entries)];
  if (entriesApproximate === undefined) return [RECORDS_LABEL, 'unknown'];
  // DynamoDB counts every record.
  return [
    'Records in the table (failures counted)',
    `about ${count(entriesApproximate)} (reported by DynamoDB, up to six hours old)`,
  ];
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
        text: `${openRun.runId} has ${formatDone(openRun)} and cannot be resumed afterwards. The records that it wrote stay in the table. ${runId} starts with ${counted(total, 'image')}.`,
        yes: 'Abandon and start',
        no: 'Keep it',
      },
    }),
    ...change,
    cancel,
  ];
}

/** What the preview becomes when its plan is cancelled. */
export const cancelledMessage = (runId: string, by: string): Message =>
  compose({
    fact: `${runName(runId)} was cancelled by ${mention(by)} before it started.`,
    lines: ['Nothing was invoked. Make a new plan with `/rescan start`.'],
  });

export const resumedInsteadMessage = (runId: string, resumedId: string, by: string): Message =>
  compose({
    fact: `${runName(runId)} was not started: ${mention(by)} resumed ${code(resumedId, 60)} instead.`,
    lines: ['Nothing of this plan was invoked.'],
  });
