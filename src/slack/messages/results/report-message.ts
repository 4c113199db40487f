import type { FailureTotals } from '../../../results/failures/failure-totals.ts';
import type { NotedImage, RunReport } from '../../../results/report/run-report.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code } from '../kit/escape.ts';
import { bytes, count, counted, dollars, duration, percent, shortDuration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { describeStopSource, describeTrip, doneOf, runName } from '../run/describe-run.ts';
import { runCharts } from '../run/run-chart.ts';
import { formatCause } from './failures-message.ts';

const MOST_CAUSES = 4;

/** The last word on a run, or on what it came to so far: verdict, totals, forecast against actual, what stood out, failures by cause, pictures. */
export function reportMessage(
  run: RunSnapshot,
  report: RunReport,
  about: {
    /** By its plan, before it began. */
    readonly expected: { readonly ms: number; readonly costUsd?: number };
    /** What its images failed of. */
    readonly causes: FailureTotals['causesInRun'];
  },
): Message {
  const { expected } = about;
  const { totals, state } = run;
  const isThrough = state.kind === 'completed';
  const forecastOf = isThrough ? 'forecast' : 'forecast for all';
  const isGood = isThrough && totals.failed === 0 && doneOf(run) >= run.total;
  return compose({
    fact: `${isGood ? ':white_check_mark:' : ':warning:'} Report of ${runName(run.runId)}: ${verdict(run)}.`,
    lines: [
      `${count(totals.processed)} processed, ${count(totals.rejected)} rejected, ${count(totals.failed)} failed (${percent(totals.failed, doneOf(run))} of those done); ${counted(totals.entriesStored, 'entry', 'entries')} stored, ${counted(totals.throttles, 'time')} the pipeline asked for less.`,
      ...causeLines(about.causes),
      ...(isThrough ? [] : ['`/rescan resume` goes on where it was; the report comes again when it is through.']),
    ],
    figures: runCharts(report.intervals),
    numbers: [
      ['Time', `${duration(run.activeMs)} (${forecastOf} ${duration(expected.ms)})`],
      [
        'Cost',
        `${totals.costUsd > 0 ? dollars(totals.costUsd) : 'not told by the function'}${expected.costUsd === undefined ? '' : ` (${forecastOf} ${dollars(expected.costUsd)})`}`,
      ],
      ...noted('Slowest', report.slowest, ({ durationMs = 0 }) => shortDuration(durationMs)),
      ...noted('Largest', report.largest, ({ bytes: size = 0 }) => bytes(size)),
    ],
    notes: [
      `${totals.failed > 0 ? 'The failed images follow as CSV. ' : ''}\`/rescan validate\` holds the table against manifest and backup, \`/rescan diff\` shows every change.`,
    ],
    buttons:
      totals.failed === 0
        ? []
        : [
            button(ACTION.showFailures, 'Show failures', 'failures'),
            // While it can go on, a retry would abandon it.
            ...(isThrough ? [button(ACTION.retry, 'Retry the failed', 'all')] : []),
          ],
  });
}

function verdict(run: RunSnapshot): string {
  const { state, total, totals } = run;
  const done = doneOf(run);
  const through = `${count(done)} of ${counted(total, 'image')} are through, ${count(totals.failed)} of them failed`;
  if (state.kind === 'tripped') return `it stopped itself as ${describeTrip(state.trippedBy)}; ${through}`;
  if (state.kind === 'stopped') return `it was stopped ${describeStopSource(state.by)}; ${through}`;
  if (done < total) return `${counted(total - done, 'image')} of ${count(total)} without an outcome`;
  return totals.failed === 0
    ? `all ${counted(total, 'image')} went through`
    : `${counted(total, 'image')} are through, ${count(totals.failed)} of them failed`;
}

function causeLines({ top, others }: FailureTotals['causesInRun']): readonly string[] {
  const shown = top.slice(0, MOST_CAUSES);
  const rest = top.slice(MOST_CAUSES).reduce((sum, { totals }) => sum + totals.images, others.totals.images);
  return [
    ...shown.map(({ totals: cause }) => `• ${count(cause.images)} × ${formatCause(cause)}`),
    ...(rest > 0 ? [`• ${count(rest)} of other causes: \`/rescan failures\``] : []),
  ];
}

const noted = (
  name: string,
  images: readonly NotedImage[],
  what: (image: NotedImage) => string,
): readonly (readonly [string, string])[] =>
  images.length === 0 ? [] : [[name, images.map((image) => `${code(image.key, 80)} ${what(image)}`).join('\n')]];

/** The pictures alone: how the run went so far. */
export function chartMessage(runId: string, report: RunReport): Message {
  const charts = runCharts(report.intervals);
  return compose({
    fact:
      charts.length === 0
        ? `${runName(runId)} has no outcome yet, so there is nothing to draw.`
        : `How ${runName(runId)} went.`,
    figures: charts,
  });
}
