import type { CauseTotals } from '../../rescan/failure-totals.ts';
import type { NotedImage, RunReport } from '../../rescan/run-report.ts';
import type { RunSnapshot } from '../../rescan/types.ts';
import { ACTION, button } from './buttons.ts';
import { code } from './escape.ts';
import { causeWords } from './failures-message.ts';
import { bytes, count, counted, dollars, duration, percent, shortDuration } from './format.ts';
import { compose, type Message } from './message.ts';
import { runCharts } from './run-chart.ts';
import { doneOf, runName } from './run-words.ts';

const MOST_CAUSES = 4;

/** The last word on a run: verdict, totals, forecast against actual, what stood out, failures by cause, pictures. */
export function reportMessage(
  run: RunSnapshot,
  report: RunReport,
  about: {
    /** Of its plan, before it began. */
    readonly expected: { readonly ms: number; readonly costUsd?: number };
    readonly causes: readonly CauseTotals[];
  },
): Message {
  const { totals, total } = run;
  const { expected, causes } = about;
  return compose({
    fact: `${totals.failed === 0 ? ':white_check_mark:' : ':warning:'} Report of ${runName(run.runId)}: ${verdict(run)}.`,
    lines: [
      `${count(totals.processed)} processed, ${count(totals.rejected)} rejected, ${count(totals.failed)} failed (${percent(totals.failed, total)}); ${counted(totals.entriesStored, 'entry', 'entries')} stored, ${counted(totals.pushbacks, 'time')} the pipeline asked for less.`,
      ...causes.slice(0, MOST_CAUSES).map((cause) => `• ${count(cause.images)} × ${causeWords(cause)}`),
    ],
    figures: runCharts(report.stretches),
    numbers: [
      ['Time', `${duration(run.activeMs)} (forecast ${duration(expected.ms)})`],
      [
        'Cost',
        `${totals.costUsd > 0 ? dollars(totals.costUsd) : 'not told by the function'}${expected.costUsd === undefined ? '' : ` (forecast ${dollars(expected.costUsd)})`}`,
      ],
      ...noted('Slowest', report.slowest, ({ durationMs = 0 }) => shortDuration(durationMs)),
      ...noted('Largest', report.largest, ({ bytes: size = 0 }) => bytes(size)),
    ],
    notes: [
      totals.failed > 0
        ? 'The failed images stand below as CSV. `/rescan validate` holds the table against manifest and backup, `/rescan diff` shows every change.'
        : '`/rescan validate` holds the table against manifest and backup, `/rescan diff` shows every change.',
    ],
    buttons: [
      ...(totals.failed > 0
        ? [button(ACTION.showFailures, 'Show failures', 'failures'), button(ACTION.retry, 'Retry the failed', 'all')]
        : []),
    ],
  });
}

function verdict(run: RunSnapshot): string {
  const { failed } = run.totals;
  if (doneOf(run) < run.total)
    return `${counted(run.total - doneOf(run), 'image')} of ${count(run.total)} without an outcome`;
  return failed === 0
    ? `all ${counted(run.total, 'image')} went through`
    : `${counted(run.total, 'image')} are through, ${count(failed)} of them failed`;
}

const noted = (
  name: string,
  images: readonly NotedImage[],
  what: (image: NotedImage) => string,
): readonly (readonly [string, string])[] =>
  images.length === 0 ? [] : [[name, images.map((image) => `${code(image.key, 80)} ${what(image)}`).join('\n')]];

/** The pictures alone: how the run went so far. */
export function chartMessage(runId: string, report: RunReport): Message {
  const charts = runCharts(report.stretches);
  return compose({
    fact:
      charts.length === 0
        ? `${runName(runId)} has no outcome yet, so there is nothing to draw.`
        : `How ${runName(runId)} went.`,
    figures: charts,
  });
}
