import type { FailureTotals } from '../../../results/failures/failure-totals.ts';
import type { NotedImage, RunReport } from '../../../results/report/run-report.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code } from '../kit/escape.ts';
import { bytes, count, counted, dollars, duration, percent, shortDuration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import {
  describeEngine,
  describeStopSource,
  describeTrip,
  formatCost,
  formatRepeats,
  formatRunningTime,
  isWithoutGrowth,
  runName,
  storedLine,
} from '../run/describe-run.ts';
import { runCharts } from '../run/run-chart.ts';
import { formatCause } from './failures-message.ts';

const MOST_CAUSES = 4;

/** The report on a run that ended, or stopped on the way: verdict, totals, forecast against actual, failures by cause, charts. */
export function reportMessage(
  run: RunSnapshot,
  report: RunReport,
  about: {
    /** What its plan estimated. */
    readonly expected: { readonly ms: number; readonly costUsd?: number };
    /** Why its images failed. */
    readonly causes: FailureTotals['causesInRun'];
  },
): Message {
  const { expected } = about;
  const { totals, state } = run;
  const engine = describeEngine(run.engine);
  const isComplete = state.kind === 'completed';
  const forecastOf = isComplete ? 'forecast' : 'forecast for all';
  const { toRetry, left, withoutRows, entriesReported } = numbersOf(run);
  const isGood = isComplete && toRetry === 0 && left === 0 && !isWithoutGrowth(run);
  return compose({
    fact: `${withoutRows > 0 ? ':x:' : isGood ? ':white_check_mark:' : ':warning:'} Report of ${runName(run.runId)}: ${verdict(run)}.`,
    lines: [
      `${outcomesText(run)}.${entriesReported === 0 ? '' : ` ${storedLine(run)}`}${totals.throttles === 0 ? '' : ` Throttled ${counted(totals.throttles, 'time')}.`}`,
      ...causeLines(about.causes),
      ...(isComplete ? [] : ['`/rescan resume` continues the run. A new report is posted when it ends.']),
    ],
    figures: runCharts(report.intervals),
    numbers: [
      ['Running time', `${formatRunningTime(run)}; ${forecastOf} ${duration(expected.ms)}`],
      [
        'Cost',
        `${formatCost(run)}${expected.costUsd === undefined ? '' : `; ${forecastOf} ${dollars(expected.costUsd)}`}`,
      ],
      ...(engine === undefined ? [] : [['Engine', engine] as const]),
      ...(totals.repeats ? [['Repeated', formatRepeats(run)] as const] : []),
      ...noted('Slowest', report.slowest, ({ durationMs = 0 }) => shortDuration(durationMs)),
      ...noted('Largest', report.largest, ({ bytes: size = 0 }) => bytes(size)),
    ],
    notes: [
      `${toRetry > 0 ? 'A CSV of the failed images follows. ' : ''}Next: \`/rescan validate\` checks every image; \`/rescan diff\` lists every change.`,
    ],
    buttons:
      toRetry === 0
        ? []
        : [
            button(ACTION.showFailures, 'Show failures', 'failures'),
            // While the run can be resumed, a retry would abandon it.
            ...(isComplete ? [button(ACTION.retry, 'Retry the failed', `all@${run.runId}`)] : []),
          ],
  });
}

/** `380 processed, 8 rejected, 24 failed (5 %)` */
function outcomesText(run: RunSnapshot): string {
  const { processed, rejected, failed, withoutRows, done, gone } = numbersOf(run);
  return [
    `${count(processed)} processed, ${count(rejected)} rejected`,
    `${count(failed)} failed${failed === 0 ? '' : ` (${percent(failed, done)})`}`,
    ...(withoutRows === 0 ? [] : [`${count(withoutRows)} without rows in the table`]),
    ...(gone === 0 ? [] : [`${count(gone)} no longer in the bucket`]),
  ].join(', ');
}

/** The images without rows first: nothing else is as bad. */
function verdict(run: RunSnapshot): string {
  const { withoutRows } = numbersOf(run);
  return withoutRows === 0
    ? stateVerdict(run)
    : `${counted(withoutRows, 'image has', 'images have')} no rows in the table, although the function reported stored entries; ${stateVerdict(run)}`;
}

function stateVerdict(run: RunSnapshot): string {
  const { state } = run;
  const { images: total, done, failed } = numbersOf(run);
  const soFar = `${count(done)} of ${counted(total, 'image')} are done, ${count(failed)} of them failed`;
  if (state.kind === 'tripped') return `it stopped itself because ${describeTrip(state.trippedBy)}; ${soFar}`;
  if (state.kind === 'stopped') return `it was stopped ${describeStopSource(state.by)}; ${soFar}`;
  if (done < total)
    return `${count(total - done)} of ${counted(total, 'image')} ${total - done === 1 ? 'has' : 'have'} no outcome`;
  if (isWithoutGrowth(run))
    return `all ${counted(total, 'image')} were answered, but the table did not grow. Run \`/rescan validate\``;
  return failed === 0
    ? `all ${counted(total, 'image')} are done, none failed`
    : `all ${counted(total, 'image')} are done, ${count(failed)} of them failed`;
}

function causeLines({ top, others }: FailureTotals['causesInRun']): readonly string[] {
  const shown = top.slice(0, MOST_CAUSES);
  const rest = top.slice(MOST_CAUSES).reduce((sum, { totals }) => sum + totals.images, others.totals.images);
  return [
    ...shown.map(({ totals: cause }) => `• ${count(cause.images)} × ${formatCause(cause)}`),
    ...(rest > 0 ? [`• ${count(rest)} with other causes: \`/rescan failures\``] : []),
  ];
}

const noted = (
  name: string,
  images: readonly NotedImage[],
  what: (image: NotedImage) => string,
): readonly (readonly [string, string])[] =>
  images.length === 0 ? [] : [[name, images.map((image) => `${code(image.key, 80)} ${what(image)}`).join('\n')]];

/** The charts of a run, also of one that is still running. */
export function chartMessage(runId: string, report: RunReport): Message {
  const charts = runCharts(report.intervals);
  return compose({
    fact:
      charts.length === 0
        ? `${runName(runId)} has no outcomes yet, so there is no chart.`
        : `${runName(runId)} over time.`,
    figures: charts,
  });
}
