import type { Button } from '@slack/types';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { count, counted, dollars, duration, progressBar, rate } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import {
  describeCurrentPace,
  describeState,
  describeWarning,
  doneOf,
  faultLines,
  formatDone,
  formatFailed,
  formatRecords,
  runName,
} from './describe-run.ts';

/** A run as its one message in the channel shows it: edited in place from start to end. */
export function runMessage(run: RunSnapshot, options: { buttons: boolean } = { buttons: true }): Message {
  return compose({
    fact: `${runName(run.runId)} ${describeState(run)}.`,
    lines: [...barLine(run), ...causeLines(run)],
    numbers: numbers(run),
    notes: warningsThatMatter(run).map((warning) => `:warning: ${describeWarning(warning)}`),
    ...(options.buttons ? { buttons: runButtons(run) } : {}),
  });
}

// What warned once is of no use to a run that is over; of one that stopped itself it is part of the story.
const warningsThatMatter = ({ state, warnings }: RunSnapshot) =>
  state.kind === 'running' || state.kind === 'tripped' ? warnings : [];

const barLine = (run: RunSnapshot): readonly string[] => [
  `\`${progressBar(doneOf(run), run.total)}\`${run.state.kind === 'tripped' ? ` ${formatDone(run)}` : ''}`,
];

function causeLines(run: RunSnapshot): readonly string[] {
  const { state, lastFailure } = run;
  if (state.kind === 'paused' && state.because.kind === 'fault') return faultLines(state.because.fault);
  if (state.kind === 'tripped' && lastFailure && state.trippedBy.kind !== 'no-growth')
    return [`Last error: ${code(`${lastFailure.failureType} · ${lastFailure.message}`)}`];
  return [];
}

function numbers(run: RunSnapshot): readonly (readonly [string, string])[] {
  const isRunning = run.state.kind === 'running';
  const waiting = run.waiting > 0 ? `, ${count(run.waiting)} waiting for another try` : '';
  const { costUsd } = run.totals;
  return [
    ['Processed', count(run.totals.processed)],
    ['Rejected', count(run.totals.rejected)],
    ['Failed', formatFailed(run)],
    ['Entries in the table', formatRecords(run)],
    ...(isRunning ? [['Speed', `${speedText(run)}, ${count(run.inFlight)} in flight${waiting}`] as const] : []),
    ...(run.state.kind === 'completed' || run.state.kind === 'abandoned'
      ? []
      : [['Pace', `${describeCurrentPace(run)} (ceiling ${rate(run.ceilingPerMinute)})`] as const]),
    isRunning ? ['Time left', etaText(run)] : ['Time taken', duration(run.activeMs)],
    ...(costUsd > 0 ? [['Cost so far', dollars(costUsd)] as const] : []),
    ['Started by', mention(run.startedBy)],
  ];
}

const speedText = (run: RunSnapshot) =>
  run.imagesPerMinute === undefined ? 'not known yet' : `${rate(run.imagesPerMinute)} images a minute`;

const etaText = (run: RunSnapshot) =>
  run.etaMs === undefined || run.draining ? 'not known' : `about ${duration(run.etaMs)}`;

/** What can be done with a run in its state, and nothing that cannot. Stop is always one click. */
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
    case 'stopped':
    case 'tripped':
    case 'interrupted':
      return [resume];
    case 'planned':
    case 'completed':
    case 'abandoned':
      return [];
  }
}

/** The post that goes into the run's thread from time to time. */
export const progressPost = (run: RunSnapshot): Message =>
  compose({
    fact: `${formatDone(run)}, ${speedText(run)}.`,
    lines: [
      `Processed ${count(run.totals.processed)}, rejected ${count(run.totals.rejected)}, failed ${formatFailed(run)}.`,
      `Entries: ${formatRecords(run)}. Time left: ${etaText(run)}. ${counted(run.inFlight, 'image')} in flight.`,
    ],
  });
