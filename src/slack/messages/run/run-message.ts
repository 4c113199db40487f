import type { Button } from '@slack/types';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { aboutDuration, count, counted, dollars, progressBar, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import {
  describeCurrentPace,
  describeEngine,
  describeState,
  describeWarning,
  faultLines,
  formatDone,
  formatFailed,
  formatRecords,
  formatRepeats,
  formatRunningTime,
  isWithoutGrowth,
  RECORDS_LABEL,
  runName,
  storedLine,
  withoutRowsLine,
} from './describe-run.ts';

/** The live message of a run in the channel: edited in place from start to end. */
export function runMessage(run: RunSnapshot, options: { buttons: boolean } = { buttons: true }): Message {
  return compose({
    fact: `${runName(run.runId)} ${describeState(run)}.`,
    lines: [...barLine(run), ...causeLines(run)],
    numbers: numbers(run),
    notes: warningsThatMatter(run).map((warning) => `:warning: ${describeWarning(warning, run.engine)}`),
    ...(options.buttons ? { buttons: runButtons(run) } : {}),
  });
}

// An old warning does not help with a run that ended; for one that stopped itself it belongs to the cause.
const warningsThatMatter = ({ state, warnings }: RunSnapshot) =>
  state.kind === 'running' || state.kind === 'tripped' ? warnings : [];

const barLine = (run: RunSnapshot): readonly string[] => [
  `\`${progressBar(numbersOf(run).done, run.total)}\`${run.state.kind === 'tripped' ? ` ${formatDone(run)}` : ''}`,
];

function causeLines(run: RunSnapshot): readonly string[] {
  const lost = withoutRowsLine(run);
  return lost === undefined ? stateLines(run) : [lost, ...stateLines(run)];
}

function stateLines(run: RunSnapshot): readonly string[] {
  const { state, lastFailure } = run;
  if (state.kind === 'paused' && state.because.kind === 'fault') return faultLines(state.because.fault);
  if (state.kind === 'tripped' && lastFailure && state.trippedBy.kind !== 'no-growth')
    return [`Last error: ${code(`${lastFailure.failureType} · ${lastFailure.message}`)}`];
  if (state.kind === 'completed' && isWithoutGrowth(run)) return [`:warning: ${storedLine(run)}`];
  return [];
}

function numbers(run: RunSnapshot): readonly (readonly [string, string])[] {
  const isRunning = run.state.kind === 'running';
  const isClosed = run.state.kind === 'completed' || run.state.kind === 'abandoned';
  const waiting = run.waiting > 0 ? `, ${count(run.waiting)} waiting to be tried again` : '';
  const { costUsd, processed, rejected } = numbersOf(run);
  const engine = describeEngine(run.engine);
  return [
    ['Processed', count(processed)],
    ['Rejected', count(rejected)],
    ['Failed', formatFailed(run)],
    ...rowsNumber(run),
    ...(numbersOf(run).gone ? [['No longer in the bucket', count(numbersOf(run).gone)] as const] : []),
    ...(numbersOf(run).needsReview ? [['Needs review', count(numbersOf(run).needsReview)] as const] : []),
    [RECORDS_LABEL, formatRecords(run)],
    ...(isRunning ? [['Speed', `${speedText(run)}, ${count(run.inFlight)} in progress${waiting}`] as const] : []),
    ...(isClosed ? [] : [['Pace', `${describeCurrentPace(run)} (ceiling ${rate(run.ceilingPerMinute)})`] as const]),
    isRunning ? ['Time left', remainingTime(run)] : ['Running time', formatRunningTime(run)],
    ...(costUsd !== undefined ? [[isClosed ? 'Cost' : 'Cost so far', dollars(costUsd)] as const] : []),
    ...(run.totals.repeats ? [['Repeated', formatRepeats(run)] as const] : []),
    ...(engine === undefined ? [] : [['Engine', engine] as const]),
    ['Started by', mention(run.startedBy)],
  ];
}

/** Images without rows, and those whose rows are still looked for. */
function rowsNumber(run: RunSnapshot): readonly (readonly [string, string])[] {
  const { withoutRows } = numbersOf(run);
  const unproven = run.rows?.unproven ?? 0;
  const waiting = unproven === 0 ? [] : [`${count(unproven)} not in the table yet`];
  if (withoutRows === 0 && unproven === 0) return [];
  return [['Without rows in the table', [count(withoutRows), ...waiting].join(', ')]];
}

const speedText = (run: RunSnapshot) =>
  run.imagesPerMinute === undefined ? 'not measured yet' : `${rate(run.imagesPerMinute)} images a minute`;

const remainingTime = (run: RunSnapshot) =>
  run.etaMs === undefined || run.draining ? 'unknown' : aboutDuration(run.etaMs);

/** The buttons that apply to a run in its state. Stop is always one click. */
export function runButtons({ runId, state, draining }: RunSnapshot): readonly Button[] {
  const resume = button(ACTION.resume, 'Resume', runId, { style: 'primary' });
  const stop = button(ACTION.stop, 'Stop', runId, { style: 'danger' });
  switch (state.kind) {
    case 'running':
      return draining
        ? [button(ACTION.stopNow, 'Stop now, without waiting', runId, { style: 'danger' })]
        : [
            button(ACTION.pause, 'Pause', runId),
            button(ACTION.slower, 'Slower', runId),
            button(ACTION.faster, 'Faster', runId),
            stop,
          ];
    case 'paused':
      return [resume, stop];
    case 'tripped':
      // What was wrong probably still is: look before resuming.
      return [button(ACTION.diagnose, 'Diagnose', runId, { style: 'primary' }), button(ACTION.resume, 'Resume', runId)];
    case 'stopped':
    case 'interrupted':
      return [resume];
    case 'planned':
    case 'completed':
    case 'abandoned':
      return [];
  }
}

/** The post that goes into the run's thread from time to time. */
export function progressPost(run: RunSnapshot): Message {
  const { processed, rejected } = numbersOf(run);
  return compose({
    fact: `${formatDone(run)}, ${speedText(run)}.`,
    lines: [
      `Processed ${count(processed)}, rejected ${count(rejected)}, failed ${formatFailed(run)}.`,
      ...rowsNumber(run).map(([name, value]) => `${name}: ${value}.`),
      `${RECORDS_LABEL}: ${formatRecords(run)}.`,
      ...(run.totals.repeats ? [`Repeated: ${formatRepeats(run)}.`] : []),
      `Time left: ${remainingTime(run)}. ${counted(run.inFlight, 'image')} in progress.`,
    ],
  });
}
