import type { Button } from '@slack/types';
import type { RunEvent, RunSnapshot } from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import type { Notice } from '../../notifications/targets.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { afterHaltText, drainingText, leftLine, repeatedLine, unsavedLines } from './alert-lines.ts';
import {
  describeCurrentPace,
  describeEndedWarning,
  describeEngine,
  describeFault,
  describePace,
  describeStopSource,
  describeTrip,
  describeWarning,
  faultLines,
  formatCost,
  formatDone,
  formatFailed,
  formatOutcomes,
  formatRecords,
  formatRunningTime,
  isWithoutGrowth,
  RECORDS_LABEL,
  restingLine,
  reviewLines,
  runName,
  storedLine,
  withoutRowsLine,
} from './describe-run.ts';
import { runButtons } from './run-message.ts';

/** What people must hear about a run, and where: in the run's thread only, or also in the channel. */
export interface Alert {
  readonly to: 'thread' | 'channel';
  readonly message: Message;
  /** The state that its buttons belong to: they are removed when it ends. */
  readonly during?: string;
  /** The event that people may be notified of. */
  readonly notify?: Notice;
  /** Images are still in progress: it is edited to the end of the run (see `endOfEarlyAlert`). */
  readonly isEarly?: boolean;
  /** Of all alerts about the same thing with this name Slack shows one: two processes may report the same event. */
  readonly once?: string;
}

/**
 * The alert about an event of a run. The channel hears only of start, trip, fault and end (design, "Slack"); undefined for what the
 * run's live message shows anyway. `resumesByItself`: whether the bot resumes an interrupted run without a person.
 */
export function alertOf(event: RunEvent, options: { resumesByItself: boolean }): Alert | undefined {
  const { snapshot } = event;
  const name = runName(snapshot.runId);
  switch (event.kind) {
    case 'progress':
      return;
    case 'started':
      return channel({
        fact: `${name} started${snapshot.engine === undefined ? '' : ` on ${describeEngine(snapshot.engine)}`}: ${counted(snapshot.total, 'image')}, pace ${describeCurrentPace(snapshot)}.`,
        lines: [
          `Started by ${mention(snapshot.startedBy)}.${event.hasLiveMessage ? ' Live progress is in the message above, details in its thread.' : ''}`,
        ],
      });
    case 'resumed':
      if (event.by === undefined && snapshot.engine !== undefined) return followedAgain(snapshot);
      return thread({
        fact:
          event.by === undefined
            ? `The bot resumed ${name} by itself: ${formatDone(snapshot)}.`
            : `${name} was resumed by ${mention(event.by)}: ${formatDone(snapshot)}.`,
        lines: [
          ...(event.by === undefined ? ['The bot restarted (or lost its lock), so the run was picked up again.'] : []),
          ...(event.rerunning === 0
            ? []
            : [
                `${counted(event.rerunning, 'image')} processed since the table last grew ${event.rerunning === 1 ? 'is' : 'are'} invoked again, because nothing proves that ${event.rerunning === 1 ? 'its' : 'their'} rows were stored.`,
              ]),
          ...(event.rerunning > 0 && event.repeating === 0
            ? []
            : [
                repeatedLine(
                  event.repeating,
                  event.from !== 'interrupted' && snapshot.engine === undefined,
                  snapshot.engine,
                ),
              ]),
        ],
      });
    case 'pace-changed':
      return thread({
        fact: `${mention(event.by)} changed the pace from ${describePace(event.from)} to ${describePace(event.to)}.`,
      });
    case 'canary-passed':
      return canaryAlert(event);
    case 'warning-began':
      return (event.warning.kind === 'control-table' ? channel : thread)({
        fact: `:warning: ${describeWarning(event.warning, snapshot.engine)}`,
        lines: [`${formatDone(snapshot)}.`],
      });
    case 'warning-ended':
      return thread({ fact: `:white_check_mark: ${describeEndedWarning(event.warning, snapshot)}` });
    case 'first-failure':
      return thread({
        fact: `First ${event.failureType} of this run.`,
        lines: [
          `${code(event.key, 200)}: ${code(event.message, 500)}`,
          ...(event.requestId === undefined ? [] : [`Request id in the function’s log: ${code(event.requestId, 80)}`]),
        ],
      });
    case 'connection-broken':
      return thread({
        fact:
          event.next === 'outcome'
            ? 'The connection broke for the third time for this image; it is not tried again automatically.'
            : event.next === 'fault'
              ? 'The connection broke, as it did for other images. The run pauses, and a resume invokes the image again.'
              : `The connection broke; the image is invoked again (attempt ${event.attempt + 1}).`,
        lines: [
          `${code(event.key, 200)}: ${code(event.message)}. The function may already have processed it.`,
          ...(event.others > 0
            ? [`${counted(event.others, 'more connection')} broke since the last message about one.`]
            : []),
        ],
      });
    case 'draining':
      return drainAlert(event);
    case 'left':
      return leftAlert(event);
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
    case 'completed':
    case 'abandoned':
      return once(
        // A process may report an end again when it cannot note that people know it.
        `end ${event.drive} ${event.kind}`,
        inThread(
          event.isKnown ?? false,
          endAlert(snapshot, event.leftInFlight, { ...options, unwritten: event.unwritten ?? false }),
        ),
      );
  }
}

/** The run goes on at Step Functions without the bot. */
function leftAlert({ snapshot, why }: Extract<RunEvent, { kind: 'left' }>): Alert {
  const { runId, rows } = snapshot;
  const name = runName(runId);
  if (why === 'shutdown' && rows?.checkingAll)
    return thread({
      fact: `The bot is shutting down: ${formatDone(snapshot)} of ${name}.`,
      lines: ['Nothing is in progress on AWS. The bot checks the rows of all images again after its restart.'],
    });
  const lines = [
    `Until then only AWS stops it, when more images fail than the state machine tolerates, and its pace stays as it is.`,
    `To stop it without the bot, set the attribute ${code('stop')} to true in the control table (pk ${code(`run#${runId}`, 60)}, sk ${code('run')}).`,
  ];
  return why === 'shutdown'
    ? thread({
        fact: `The bot is shutting down, and ${name} continues on AWS Step Functions: ${formatDone(snapshot)}.`,
        lines: ['The bot follows it again after its restart.', ...lines],
      })
    : channel({
        fact: `The bot cannot read its control table and does not follow ${name} any more. ${formatDone(snapshot)}.`,
        lines: [
          'The run continues on AWS Step Functions while its images can read that table. The bot follows it again as soon as it can.',
          ...lines,
        ],
      });
}

const followedAgain = (snapshot: RunSnapshot): Alert =>
  thread({
    fact: `The bot follows ${runName(snapshot.runId)} again: ${formatDone(snapshot)} when it was last read.`,
    lines: ['The run continued on AWS Step Functions without the bot. What ended meanwhile is counted now.'],
  });

/**
 * A trip and a fault are heard in the channel when they happen. Where nothing is in progress the end of the run follows at
 * once and is the alert.
 */
function drainAlert({ snapshot, next, why, by }: Extract<RunEvent, { kind: 'draining' }>): Alert {
  const then = afterHaltText(snapshot);
  const isAlarm = (why === 'trip' || why === 'fault') && snapshot.inFlight > 0;
  if (!isAlarm) return thread({ fact: `${drainingText(why, by)} ${then}` });
  const run = { ...snapshot, state: next };
  const early = channel({
    fact: `${runName(run.runId)} ${describeHalt(run)}.`,
    lines: [
      then,
      ...(next.kind === 'tripped' ? tripLines(run) : []),
      ...(next.kind === 'paused' && next.because.kind === 'fault' ? faultLines(next.because.fault) : []),
      'The thread says when they have ended.',
    ],
    buttons: [
      ...(why === 'trip' ? [button(ACTION.diagnose, 'Diagnose', run.runId, { style: 'primary' })] : []),
      button(ACTION.status, 'Status', run.runId),
    ],
  });
  return { ...early, isEarly: true };
}

/**
 * What the early alert of a run says once it has ended: the final numbers, without buttons, which are below the message of the
 * end. Undefined for an event that is no end.
 */
export function endOfEarlyAlert(event: RunEvent, options: { resumesByItself: boolean }): Message | undefined {
  if (event.kind !== 'tripped' && event.kind !== 'paused' && event.kind !== 'stopped') return;
  const unwritten = event.unwritten ?? false;
  const message = endAlert(event.snapshot, event.leftInFlight, { ...options, unwritten })?.message;
  return message && { ...message, blocks: message.blocks.filter(({ type }) => type !== 'actions') };
}

const describeHalt = ({ state }: RunSnapshot): string =>
  state.kind === 'tripped'
    ? `stopped itself: ${describeTrip(state.trippedBy)}`
    : state.kind === 'paused' && state.because.kind === 'fault'
      ? `is pausing: ${describeFault(state.because.fault)}`
      : 'is stopping';

const once = (name: string, alert: Alert | undefined): Alert | undefined => alert && { ...alert, once: name };

/** The channel has heard of this end while images were in progress: what came of them goes into the thread. */
const inThread = (isKnown: boolean, alert: Alert | undefined): Alert | undefined => {
  const isAlarm = alert?.to === 'channel' && isKnown;
  return isAlarm ? { ...alert, to: 'thread' } : alert;
};

function canaryAlert({ snapshot, images, failed }: Extract<RunEvent, { kind: 'canary-passed' }>): Alert {
  const stalled = snapshot.warnings.some(({ kind }) => kind === 'no-growth') || isWithoutGrowth(snapshot);
  const failures = failed === 0 ? 'No failures' : counted(failed, 'failure');
  return stalled
    ? thread({
        fact: `:warning: ${failures} in the first ${counted(images, 'image')}, but nothing reached the table yet.`,
        lines: [
          storedLine(snapshot),
          'The other images follow now. The run stops itself if the table does not grow. To stop it now: `/rescan stop`.',
        ],
      })
    : thread({
        fact: `${failures} in the first ${counted(images, 'image')}, and no missing rows. The other images follow now.`,
      });
}

function endAlert(
  run: RunSnapshot,
  leftInFlight: number,
  { resumesByItself, unwritten }: { resumesByItself: boolean; unwritten: boolean },
): Alert | undefined {
  const { state } = run;
  const name = runName(run.runId);
  const starter = `Started by ${mention(run.startedBy)}.`;
  const status = button(ACTION.status, 'Status', run.runId);
  const buttons = [...runButtons(run), status];
  switch (state.kind) {
    case 'tripped':
      return channel({
        fact: `${name} stopped itself: ${describeTrip(state.trippedBy)}.`,
        lines: [
          ...tripLines(run),
          restingLine(run),
          ...(unwritten ? unsavedLines('stop', run) : []),
          ...leftLine(leftInFlight, run.engine),
          starter,
        ],
        buttons: tripButtons(run, status),
      });
    case 'paused':
      return state.because.kind === 'fault'
        ? channel({
            fact: `${name} is paused: ${describeFault(state.because.fault)}.`,
            lines: [
              ...faultLines(state.because.fault),
              `${formatDone(run)}. No image was counted as failed because of this. Fix the cause, then press Resume.`,
              ...(unwritten ? unsavedLines('pause', run) : []),
              ...leftLine(leftInFlight, run.engine),
              starter,
            ],
            buttons,
          })
        : thread({
            fact: `${name} was paused by ${mention(state.because.by)}: ${formatDone(run)}.`,
            lines: [
              restingLine(run),
              ...(unwritten ? unsavedLines('pause', run) : []),
              ...leftLine(leftInFlight, run.engine),
            ],
            buttons,
          });
    case 'stopped':
      return channel({
        fact: `${name} was stopped ${describeStopSource(state.by)}: ${formatDone(run)}.`,
        lines: [
          `${formatOutcomes(run)}. ${restingLine(run)}`,
          ...(unwritten ? unsavedLines('stop', run) : []),
          ...leftLine(leftInFlight, run.engine),
          starter,
        ],
        buttons,
      });
    case 'interrupted':
      if (unwritten)
        return channel({
          fact: `${name} is interrupted: the bot cannot reach its control table. ${formatDone(run)}.`,
          lines: [
            'Nothing is running now. The bot resumes the run by itself as soon as it can reach the table.',
            ...leftLine(leftInFlight, run.engine),
            starter,
          ],
        });
      return resumesByItself
        ? thread({
            fact: `${name} is interrupted because the bot is shutting down: ${formatDone(run)}.`,
            lines: ['The bot resumes it by itself after its restart.', ...leftLine(leftInFlight, run.engine)],
          })
        : channel({
            fact: `${name} was interrupted by a restart of the bot: ${formatDone(run)}.`,
            lines: ['It continues only when somebody presses Resume.', ...leftLine(leftInFlight, run.engine), starter],
            buttons,
          });
    case 'completed':
      return channel({
        fact:
          numbersOf(run).withoutRows === 0
            ? `${name} is complete: ${formatDone(run)} in ${formatRunningTime(run)}.`
            : `${name} lost rows: ${counted(numbersOf(run).withoutRows, 'image has', 'images have')} no rows in the table. ${formatDone(run)} in ${formatRunningTime(run)}.`,
        lines: [
          `${formatOutcomes(run)}.`,
          ...(numbersOf(run).failed > 0 ? [`Failed: ${formatFailed(run)}`] : []),
          ...reviewLines(run),
          storedLine(run),
          `${RECORDS_LABEL}: ${formatRecords(run)}.${numbersOf(run).costUsd === undefined ? '' : ` Cost: ${formatCost(run)}.`}`,
          `${starter} The report follows in the thread.`,
        ],
        buttons:
          numbersOf(run).toRetry === 0
            ? []
            : [
                button(ACTION.showFailures, 'Show failures', 'failures'),
                button(ACTION.retry, 'Retry the failed', `all@${run.runId}`),
              ],
      });
    case 'abandoned':
      return thread({
        fact: `${name} was abandoned by ${mention(state.by)}: ${formatDone(run)}.`,
        lines: ['It cannot be resumed any more. The records that it wrote stay in the table.'],
      });
    case 'planned':
    case 'running':
      return;
  }
}

function tripButtons(run: RunSnapshot, status: Button): readonly Button[] {
  return [
    ...runButtons(run),
    button(ACTION.showFailures, 'Show failures', 'failures'),
    status,
    button(ACTION.restore, 'Restore backup…', 'restore'),
  ];
}

/** What failed, and what is left. */
function tripLines(run: RunSnapshot): readonly string[] {
  const { state, lastFailure, totals } = run;
  const { left, failed } = numbersOf(run);
  const lost = withoutRowsLine(run);
  const rest = `${formatDone(run)}, ${count(failed)} failed, ${counted(left, 'image')} left.`;
  if (state.kind === 'tripped' && state.trippedBy.kind === 'no-growth') {
    const { images } = state.trippedBy;
    const hung =
      images === 0 ? ['No invocation has ended in this time, so the function seems to hang.'] : [storedLine(run)];
    return [...hung, rest];
  }
  if (lost !== undefined) return [lost, storedLine(run), rest];
  if (!lastFailure) return [rest];
  const { failureType, message } = lastFailure;
  const error = code(`${failureType} · ${message}`, 500);
  const alike = totals.failedByType[failureType] ?? 0;
  if (alike < failed)
    return [`Last error (${count(alike)} of ${count(failed)} failures are ${failureType}): ${error}`, rest];
  return [failed > 1 ? `All ${count(failed)} failed with ${error}` : `Error: ${error}`, rest];
}

const thread = (content: Parameters<typeof compose>[0]): Alert => ({ to: 'thread', message: compose(content) });
const channel = (content: Parameters<typeof compose>[0]): Alert => ({ to: 'channel', message: compose(content) });
