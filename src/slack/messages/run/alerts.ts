import type { RunEvent, RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention } from '../kit/escape.ts';
import { counted, dollars, duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import {
  describeCurrentPace,
  describeEndedWarning,
  describeFault,
  describePace,
  describeStopSource,
  describeTrip,
  describeWarning,
  faultLines,
  formatDone,
  formatFailed,
  formatOutcomes,
  formatRecords,
  restingLine,
  runName,
} from './describe-run.ts';
import { runButtons } from './run-message.ts';

/** What people must be told, and where: in the run's thread only, or in the channel as well. */
export interface Alert {
  readonly to: 'thread' | 'channel';
  readonly message: Message;
}

/**
 * What an event of a run has to tell. The channel itself hears of start, trip, fault and end (design, "Slack");
 * undefined for what the run's own message shows anyway. `goesOnByItself`: an interrupted run needs nobody.
 */
export function alertOf(event: RunEvent, options: { goesOnByItself: boolean }): Alert | undefined {
  const { snapshot } = event;
  const name = runName(snapshot.runId);
  switch (event.kind) {
    case 'progress':
      return;
    case 'started':
      return channel({
        fact: `${name} started: ${counted(snapshot.total, 'image')}, pace ${describeCurrentPace(snapshot)}.`,
        lines: [
          `Started by ${mention(snapshot.startedBy)}. It shows itself in the message above and tells more in the thread.`,
        ],
      });
    case 'resumed':
      return thread({
        fact: `${name} ${event.by === undefined ? 'goes on by itself' : `was resumed by ${mention(event.by)}`}: ${formatDone(snapshot)}.`,
        lines: [
          ...(event.by === undefined
            ? ['The bot went down, or the copy that drove it did not renew its right to drive in time.']
            : []),
          repeatingText(event.repeating, event.from !== 'interrupted'),
        ],
      });
    case 'pace-changed':
      return thread({
        fact: `${mention(event.by)} changed the pace from ${describePace(event.from)} to ${describePace(event.to)}.`,
      });
    case 'canary-passed':
      return thread({
        fact: `The first ${counted(event.images, 'image')} are through, ${event.failed === 0 ? 'none' : event.failed} of them failed. The others follow.`,
      });
    case 'warning-began':
      return thread({ fact: `:warning: ${describeWarning(event.warning)}`, lines: [formatDone(snapshot)] });
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
          event.attempt > BROKEN_RETRIES
            ? 'A connection broke for the third time; the image is not tried again by itself.'
            : `A connection broke; the image is invoked again (attempt ${event.attempt + 1}).`,
        lines: [`${code(event.key, 200)}: ${code(event.message)}. The function may have run for it already.`],
      });
    case 'draining':
      return thread({
        fact: `${drainingText(event.why, event.by)} No image starts any more; ${snapshot.inFlight === 0 ? 'none is in flight' : `${counted(snapshot.inFlight, 'image')} in flight ${snapshot.inFlight === 1 ? 'is' : 'are'} waited for`}.`,
      });
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
    case 'completed':
    case 'abandoned':
      return endAlert(snapshot, event.leftInFlight, { ...options, unwritten: event.unwritten ?? false });
  }
}

function endAlert(
  run: RunSnapshot,
  leftInFlight: number,
  { goesOnByItself, unwritten }: { goesOnByItself: boolean; unwritten: boolean },
): Alert | undefined {
  const { state } = run;
  const name = runName(run.runId);
  const starter = `Started by ${mention(run.startedBy)}.`;
  const buttons = [...runButtons(run), button(ACTION.status, 'Status', run.runId)];
  switch (state.kind) {
    case 'tripped':
      return channel({
        fact: `${name} stopped itself: ${describeTrip(state.trippedBy)}.`,
        lines: [lastErrorLine(run), restingLine(run), ...leftLine(leftInFlight), starter],
        buttons: [
          button(ACTION.diagnose, 'Diagnose', 'diagnose'),
          button(ACTION.showFailures, 'Show failures', 'failures'),
          ...buttons,
          button(ACTION.restore, 'Restore backup…', 'restore'),
        ],
      });
    case 'paused':
      return state.because.kind === 'fault'
        ? channel({
            fact: `${name} is paused: ${describeFault(state.because.fault)}.`,
            lines: [
              ...faultLines(state.because.fault),
              `${formatDone(run)}; no image was marked failed for this. Mend it, then resume.`,
              ...(unwritten ? [UNWRITTEN] : []),
              ...leftLine(leftInFlight),
              starter,
            ],
            buttons,
          })
        : thread({
            fact: `${name} was paused by ${mention(state.because.by)}: ${formatDone(run)}.`,
            lines: [restingLine(run), ...leftLine(leftInFlight)],
            buttons,
          });
    case 'stopped':
      return channel({
        fact: `${name} was stopped ${describeStopSource(state.by)}: ${formatDone(run)}.`,
        lines: [`${formatOutcomes(run)}. ${restingLine(run)}`, ...leftLine(leftInFlight), starter],
        buttons,
      });
    case 'interrupted':
      if (unwritten)
        return channel({
          fact: `${name} is not driven any more: the bot lost touch with its control table. ${formatDone(run)}.`,
          lines: [
            'Nothing is running now. It goes on by itself, through this copy of the bot or another, as soon as the table can be reached.',
            ...leftLine(leftInFlight),
            starter,
          ],
        });
      return goesOnByItself
        ? thread({
            fact: `${name} was interrupted, as the bot is going down: ${formatDone(run)}.`,
            lines: ['It goes on by itself when the bot is back.', ...leftLine(leftInFlight)],
          })
        : channel({
            fact: `${name} was interrupted, as the bot went down: ${formatDone(run)}.`,
            lines: ['It waits for somebody to resume it.', ...leftLine(leftInFlight), starter],
            buttons,
          });
    case 'completed':
      return channel({
        fact: `${name} is complete: ${formatDone(run)} in ${duration(run.activeMs)}.`,
        lines: [
          `${formatOutcomes(run)}.`,
          ...(run.totals.failed > 0 ? [`Failed: ${formatFailed(run)}`] : []),
          `Entries in the table: ${formatRecords(run)}.${run.totals.costUsd > 0 ? ` Cost: ${dollars(run.totals.costUsd)}.` : ''}`,
          starter,
        ],
      });
    case 'abandoned':
      return thread({
        fact: `${name} was abandoned by ${mention(state.by)}: ${formatDone(run)}.`,
        lines: ['It cannot be resumed any more. What it wrote stays in the table.'],
      });
    case 'planned':
    case 'running':
      return;
  }
}

function lastErrorLine(run: RunSnapshot): string {
  const { state, lastFailure, totals } = run;
  const where = `${formatDone(run)}, ${totals.failed} failed.`;
  if (!lastFailure || (state.kind === 'tripped' && state.trippedBy.kind === 'no-growth'))
    return state.kind === 'tripped' && state.trippedBy.kind === 'no-growth'
      ? `The function says it wrote ${counted(totals.entriesStored, 'entry', 'entries')}. ${where}`
      : where;
  const alike = totals.failedByType[lastFailure.failureType] ?? 0;
  const share = totals.failed > 1 ? `, ${alike} of ${totals.failed} failures` : '';
  return `Last error${share}: ${code(`${lastFailure.failureType} · ${lastFailure.message}`, 500)} · ${where}`;
}

const leftLine = (left: number) =>
  left === 0
    ? []
    : [
        `${counted(left, 'image')} in flight ${left === 1 ? 'was' : 'were'} not waited for; a resume invokes ${left === 1 ? 'it' : 'them'} again.`,
      ];

/** How often a broken connection is followed by another try (see rescan/attempt.ts). */
const BROKEN_RETRIES = 2;
const UNWRITTEN =
  'The control table cannot be written, so it does not say so yet: should the bot be restarted before that, the run goes on by itself.';

/** After a crash it is not known for sure what was in flight; after a drain it is. */
const repeatingText = (repeating: number, isSure: boolean) =>
  repeating === 0
    ? isSure
      ? 'No image is invoked twice.'
      : 'Only an image that was in flight at that moment may be invoked again.'
    : `${counted(repeating, 'image')} that ${repeating === 1 ? 'was' : 'were'} in flight ${repeating === 1 ? 'is' : 'are'} invoked again.`;

function drainingText(why: 'pause' | 'stop' | 'trip' | 'fault' | 'shutdown', by?: string): string {
  const who = by === undefined ? '' : ` by ${mention(by)}`;
  switch (why) {
    case 'pause':
      return `Pausing${who}.`;
    case 'stop':
      return `Stopping${who}.`;
    case 'trip':
      return 'Stopping itself.';
    case 'fault':
      return 'Pausing, as the bot cannot work.';
    case 'shutdown':
      return 'The bot is going down.';
  }
}

const thread = (said: Parameters<typeof compose>[0]): Alert => ({ to: 'thread', message: compose(said) });
const channel = (said: Parameters<typeof compose>[0]): Alert => ({ to: 'channel', message: compose(said) });
