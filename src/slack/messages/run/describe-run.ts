import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import type { ImageSelection, PaceSetting, RunSnapshot, StopSource, Trip, Warning } from '../../../run/model/types.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted, duration, percent, rate } from '../kit/format.ts';

/** How a run is spoken of: the pieces that its message, its alerts and the answers share. All mrkdwn, escaped. */

export const doneOf = ({ totals }: Pick<RunSnapshot, 'totals'>): number =>
  totals.processed + totals.rejected + totals.failed;

/** `412 of 1,398 done (29 %)` */
export const formatDone = (run: RunSnapshot): string =>
  `${count(doneOf(run))} of ${count(run.total)} done (${percent(doneOf(run), run.total)})`;

/** `380 processed, 8 rejected, 24 failed` */
export const formatOutcomes = ({ totals }: RunSnapshot): string =>
  `${count(totals.processed)} processed, ${count(totals.rejected)} rejected, ${count(totals.failed)} failed`;

/** Why a run stopped itself, as the second half of `Rescan r-0142 stopped itself: …`. */
export function describeTrip(trip: Trip): string {
  switch (trip.kind) {
    case 'consecutive-failures':
      return `${counted(trip.failures, 'image')} failed in a row`;
    case 'failure-rate':
      return `${count(trip.failed)} of the last ${counted(trip.window, 'image')} failed`;
    case 'no-growth':
      return `the table has not grown for ${duration(trip.minutes * 60_000)}`;
    case 'canary':
      return `${count(trip.failed)} of the first ${counted(trip.images, 'image')} failed (limit ${rate(trip.percent)} %)`;
  }
}

export function describeStopSource(by: StopSource): string {
  switch (by.kind) {
    case 'person':
      return `by ${mention(by.by)}`;
    case 'stop-file':
      return `by the stop file ${code(by.path, 200)}`;
    case 'control-table':
      return 'by hand, in the control table';
  }
}

/** What cannot be done, as a whole clause. Fits behind `Rescan r-0142 is paused: `. */
export function describeFault({ reason }: Fault): string {
  switch (reason) {
    case 'credentials':
      return 'AWS does not accept the bot’s credentials';
    case 'access-denied':
      return 'AWS denies the bot a permission';
    case 'function-missing':
      return 'the OCR function cannot be found';
    case 'bucket-missing':
      return 'the image bucket cannot be found';
    case 'table-missing':
      return 'the table cannot be found';
    case 'network':
      return 'AWS cannot be reached';
    case 'configuration':
      return 'a setting does not fit the pipeline';
    case 'manifest':
      return 'the list of images cannot be read';
    case 'control-table':
      return 'the control table cannot be used';
  }
}

/** What AWS said, and where to look. */
export const faultLines = (fault: Fault): readonly string[] => [code(fault.message, 500), sentence(fault.fix)];

/** `60 images a minute` or `auto, now 31 images a minute` */
export const describeCurrentPace = (run: RunSnapshot): string =>
  run.paceSetting.kind === 'fixed'
    ? `${describePace(run.paceSetting)}${slowedText(run)}`
    : `auto, now ${rate(run.pacePerMinute)} a minute`;

// Pushback lowers the pace below what was asked for: said, so that nobody wonders.
const slowedText = (run: RunSnapshot) =>
  run.paceSetting.kind === 'fixed' && run.pacePerMinute < run.paceSetting.perMinute * 0.95
    ? `, now ${rate(run.pacePerMinute)}`
    : '';

export const describePace = (setting: PaceSetting): string =>
  setting.kind === 'auto' ? 'auto' : `${rate(setting.perMinute)} a minute`;

export function formatRecords({ growth, state }: RunSnapshot): string {
  const growing =
    growth.perMinute === undefined || state.kind !== 'running' ? [] : [`${signed(growth.perMinute)} a minute`];
  const since =
    growth.entries !== undefined && growth.entriesAtStart !== undefined
      ? [`${signed(growth.entries - growth.entriesAtStart)} since the start`]
      : [];
  const still =
    growth.minutesWithoutGrowth !== undefined && growth.minutesWithoutGrowth >= 1
      ? [`no growth for ${duration(growth.minutesWithoutGrowth * 60_000)}`]
      : [];
  const more = [...since, ...growing, ...still];
  if (growth.entries !== undefined) {
    // A count is of its own time: images that came after it are not in it.
    const later = state.kind === 'running' && growth.imagesSinceCount ? growth.imagesSinceCount : 0;
    const seen = `${count(growth.entries)}${later === 0 ? '' : `, counted ${counted(later, 'image')} ago`}`;
    return more.length === 0 ? seen : `${seen} (${more.join(', ')})`;
  }
  if (growth.kind === 'probed')
    return ['not counted: the rows of the last processed image are looked at', ...still].join(', ');
  return 'not counted yet';
}

const signed = (n: number) => (n < 0 ? `−${rate(-n)}` : `+${rate(n)}`);

/** The last sentence of what ended: nothing is running, and what the table holds. */
export const restingLine = ({ growth }: RunSnapshot): string =>
  growth.entries === undefined
    ? 'Nothing is running now.'
    : `Nothing is running now. The table holds ${counted(growth.entries, 'entry', 'entries')}.`;

/** `24, most of them TEXTRACT_ERROR (20)`, and an example of it. */
export function formatFailed({ totals, topFailure }: RunSnapshot): string {
  if (totals.failed === 0 || !topFailure) return count(totals.failed);
  const { failureType, message } = topFailure;
  const ofType = totals.failedByType[failureType] ?? topFailure.count;
  const share = ofType >= totals.failed ? 'all' : `${count(ofType)} of them`;
  return `${count(totals.failed)} (${percent(totals.failed, doneOf({ totals }))}), ${share} ${code(`${failureType} · ${message}`, 160)}`;
}

/** A warning while it holds. */
export function describeWarning({ kind, value, limit }: Warning): string {
  switch (kind) {
    case 'slow':
      return `Slow: ${rate(value)} images a minute (limit ${rate(limit)}).`;
    case 'failures':
      return `Failures: ${Math.round(value)} % of the last images failed (limit ${rate(limit)} %).`;
    case 'no-growth':
      return `No growth: the table has not grown for ${duration(value * 60_000)} (limit ${duration(limit * 60_000)}).`;
    case 'throttling':
      return `Throttling: ${Math.round(value)} % of the calls were throttled (limit ${rate(limit)} %).`;
  }
}

/** The same warning once it is over. */
export function describeEndedWarning({ kind }: Warning, run: RunSnapshot): string {
  switch (kind) {
    case 'slow':
      return `No longer slow${run.imagesPerMinute === undefined ? '' : `: ${rate(run.imagesPerMinute)} images a minute`}.`;
    case 'failures':
      return 'Fewer failures again.';
    case 'no-growth':
      return 'The table grows again.';
    case 'throttling':
      return 'Hardly any throttling any more.';
  }
}

/** `under timesheets/2025/, a sample of 20 drawn with seed 7`; undefined where all images were asked for. */
export function describeSelection({ prefix, limit, sample, seed, retry }: ImageSelection): string | undefined {
  const words = [
    ...(retry === undefined
      ? []
      : [`attempt ${retry.attempt} at failed images of ${code(retry.of, 60)} (${sentence(retry.what, 200)})`]),
    ...(prefix === undefined ? [] : [`under ${code(prefix, 200)}`]),
    ...(sample === undefined
      ? []
      : [`a random sample of ${count(sample)}${seed === undefined ? '' : ` drawn with seed ${seed}`}`]),
    ...(limit === undefined ? [] : [`at most ${count(limit)}`]),
  ];
  return words.length === 0 ? undefined : words.join(', ');
}

/** The state of a run in one clause, behind its name: `is running: 412 of 1,398 done (29 %)`. */
export function describeState(run: RunSnapshot): string {
  const { state } = run;
  switch (state.kind) {
    case 'planned':
      return `is planned: ${counted(run.total, 'image')}`;
    case 'running':
      return run.draining
        ? `starts nothing new and waits for ${counted(run.inFlight, 'image')} in flight: ${formatDone(run)}`
        : `is running: ${formatDone(run)}`;
    case 'paused':
      return state.because.kind === 'person'
        ? `was paused by ${mention(state.because.by)}: ${formatDone(run)}`
        : `is paused, as ${describeFault(state.because.fault)}: ${formatDone(run)}`;
    case 'stopped':
      return `was stopped ${describeStopSource(state.by)}: ${formatDone(run)}`;
    case 'tripped':
      return `stopped itself: ${describeTrip(state.trippedBy)}`;
    case 'interrupted':
      return `was interrupted, as the bot went down: ${formatDone(run)}`;
    case 'completed':
      return `is complete: ${formatDone(run)}`;
    case 'abandoned':
      return `was abandoned by ${mention(state.by)}: ${formatDone(run)}`;
  }
}

/** `Rescan r-0142` */
export const runName = (runId: string): string => `Rescan ${/^[\w-]{1,40}$/.test(runId) ? runId : code(runId, 60)}`;
