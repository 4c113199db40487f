import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import type {
  EngineKind,
  ImageSelection,
  PaceSetting,
  RunSnapshot,
  StopSource,
  Trip,
  Warning,
} from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import { repeatCostUsd } from '../../../run/rules/totals.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted, dollars, duration, percent, rate } from '../kit/format.ts';

/** The phrases about a run that its message, its alerts and the answers share. All are escaped mrkdwn. */

/** `412 of 1,398 done (29 %)` */
export function formatDone(run: RunSnapshot): string {
  const { done, images } = numbersOf(run);
  return `${count(done)} of ${count(images)} done (${percent(done, images)})`;
}

/** `380 processed, 8 rejected, 24 failed`, and where images left no rows `…, 5 without rows in the table` */
export function formatOutcomes(run: RunSnapshot): string {
  const { processed, rejected, failed, withoutRows, gone } = numbersOf(run);
  return [
    `${count(processed)} processed, ${count(rejected)} rejected, ${count(failed)} failed`,
    ...(withoutRows === 0 ? [] : [`${count(withoutRows)} without rows in the table`]),
    ...(gone === 0 ? [] : [`${count(gone)} no longer in the bucket`]),
  ].join(', ');
}

/** Images that people should look at although they did not fail; empty where there are none. */
export function reviewLines(run: RunSnapshot): readonly string[] {
  const { gone, needsReview } = numbersOf(run);
  return [
    ...(gone === 0
      ? []
      : [
          `${counted(gone, 'image was', 'images were')} deleted from the bucket after the run was planned. A retry leaves ${gone === 1 ? 'it' : 'them'} out.`,
        ]),
    ...(needsReview === 0
      ? []
      : [
          `${counted(needsReview, 'image needs', 'images need')} a review: the rows are stored, but the function’s own validation found errors. \`/rescan retry review\` processes ${needsReview === 1 ? 'it' : 'them'} again.`,
        ]),
  ];
}

/** `$1.24`; what a run costs is known only by what the function reports. */
export const formatCost = (run: RunSnapshot): string => {
  const { costUsd } = numbersOf(run);
  return costUsd === undefined ? 'not reported by the function' : dollars(costUsd);
};

/** What is lost, for the beginning of a message; undefined where every image that claims rows has them. */
export function withoutRowsLine(run: RunSnapshot): string | undefined {
  const { withoutRows } = numbersOf(run);
  return withoutRows === 0
    ? undefined
    : `:warning: *${counted(withoutRows, 'image has', 'images have')} no rows in the table*, although the function reported stored entries for ${withoutRows === 1 ? 'it' : 'them'}.`;
}

/** Why a run stopped itself, as the second half of `Rescan r-0142 stopped itself: …`. */
export function describeTrip(trip: Trip): string {
  switch (trip.kind) {
    case 'consecutive-failures':
      return `${counted(trip.failures, 'image')} failed in a row`;
    case 'failure-rate':
      return `${count(trip.failed)} of the last ${counted(trip.window, 'image')} ${failedOrLost(trip)}`;
    case 'no-growth':
      return trip.images === 0
        ? `no image has ended for ${duration(trip.minutes * 60_000)}`
        : `the table has not grown for ${duration(trip.minutes * 60_000)}`;
    case 'canary':
      return `${count(trip.failed)} of the first ${counted(trip.images, 'image')} ${failedOrLost(trip)} (limit ${rate(trip.percent)} %)`;
  }
}

const failedOrLost = ({
  withoutRows = 0,
  failed,
}: {
  readonly withoutRows?: number;
  readonly failed: number;
}): string =>
  withoutRows === 0
    ? 'failed'
    : withoutRows >= failed
      ? 'left no rows in the table'
      : 'failed or left no rows in the table';

export function describeStopSource(by: StopSource): string {
  switch (by.kind) {
    case 'person':
      return `by ${mention(by.by)}`;
    case 'stop-file':
      return `by the stop file ${code(by.path, 200)}`;
    case 'control-table':
      return 'by an edit of the control table';
  }
}

/** What is broken, as a whole clause. Fits behind `Rescan r-0142 is paused: `. */
export function describeFault({ reason }: Fault): string {
  switch (reason) {
    case 'credentials':
      return 'AWS rejects the bot’s credentials';
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
      return 'a setting does not match the pipeline';
    case 'manifest':
      return 'the list of images cannot be read';
    case 'control-table':
      return 'the control table cannot be used';
    case 'function-broken':
      return 'Lambda cannot load the OCR function';
    case 'function-denied':
      return 'AWS denies the OCR function a permission';
    case 'daily-quota':
      return 'a quota of the day is used up';
    case 'encryption-key':
      return 'the OCR function cannot use an encryption key';
    case 'model-missing':
      return 'Bedrock does not have the model of the OCR function';
    case 'state-machine':
      return 'the state machine in AWS Step Functions cannot be used';
  }
}

/** What AWS said, and what to do. */
export const faultLines = (fault: Fault): readonly string[] => [code(fault.message, 500), sentence(fault.fix)];

/** Where the function is invoked from; undefined for the bot itself. */
export const describeEngine = (engine: EngineKind | undefined): string | undefined =>
  engine === 'step-functions' ? 'AWS Step Functions' : undefined;

/** `60 images a minute`, `60 images a minute, now 31`, or `auto, now 31 images a minute` */
export function describeCurrentPace({ paceSetting, pacePerMinute }: RunSnapshot): string {
  if (paceSetting.kind === 'auto') return `auto, now ${rate(pacePerMinute)} images a minute`;
  // Throttling lowers the pace below what was set.
  const isSlowed = pacePerMinute < paceSetting.perMinute * 0.95;
  return `${describePace(paceSetting)}${isSlowed ? `, now ${rate(pacePerMinute)}` : ''}`;
}

export const describePace = (setting: PaceSetting): string =>
  setting.kind === 'auto' ? 'auto' : `${rate(setting.perMinute)} images a minute`;

/** The count of the records that images left. Records of failed images are not in it: they are no sign of growth. */
export const RECORDS_LABEL = 'Records in the table (failures not counted)';

/** `1,236 (+1,140 since the start, +92 a minute)`: a count, and how old it is. */
export function formatRecords(run: RunSnapshot): string {
  const { growth, state } = run;
  const { grownBy, recordsAtStart } = numbersOf(run);
  const isRunning = state.kind === 'running';
  const still =
    growth.minutesWithoutGrowth !== undefined && growth.minutesWithoutGrowth >= 1
      ? [`no growth for ${duration(growth.minutesWithoutGrowth * 60_000)}`]
      : [];
  const later = isRunning ? (growth.imagesSinceCount ?? 0) : 0;
  const isUncounted = recordsAtStart !== undefined && grownBy === undefined;
  if (growth.entries !== undefined && !(isRunning && isUncounted)) {
    // A count from before the last images says nothing about them.
    if (later > 0 && grownBy === 0)
      return [`not counted in the last ${counted(later, 'image')} (${count(growth.entries)} before)`, ...still].join(
        ', ',
      );
    const more = [
      ...(later === 0 ? [] : [`counted ${counted(later, 'image')} ago`]),
      ...(grownBy === undefined ? [] : [`${signed(grownBy)} since the start`]),
      ...(growth.perMinute === undefined || !isRunning ? [] : [`${signed(growth.perMinute)} a minute`]),
      ...still,
    ];
    return more.length === 0 ? count(growth.entries) : `${count(growth.entries)} (${more.join(', ')})`;
  }
  if (growth.kind === 'probed' && growth.entries === undefined)
    return ['not counted (the table is large); the rows of the last processed image are checked', ...still].join(', ');
  const next = growth.imagesToNextCount ?? 0;
  const due = isRunning && next > 0 ? ` (next count in about ${counted(next, 'image')})` : '';
  // Before the first count only the number at the start is known.
  const before = growth.entries === undefined ? '' : `; ${count(growth.entries)} at the start`;
  return [`not counted yet${due}${before}`, ...still].join(', ');
}

const signed = (n: number) => (n < 0 ? `−${rate(-n)}` : `+${rate(n)}`);

/**
 * Whether the function says that it stored something and nothing arrived. Certain only where the run began with an empty table: else
 * rows may have been overwritten, which does not raise the count.
 */
export function isWithoutGrowth(run: RunSnapshot): boolean {
  const { grownBy, entriesReported } = numbersOf(run);
  return run.growth.kind === 'counted' && grownBy !== undefined && grownBy <= 0 && entriesReported > 0;
}

/** What the function reported against what arrived in the table. */
export function storedLine(run: RunSnapshot): string {
  const { entriesReported, grownBy: grown } = numbersOf(run);
  const stored = `The function reported ${counted(entriesReported, 'entry', 'entries')}`;
  if (grown === undefined) return `${stored}; the table was not counted since then.`;
  const change = grown === 0 ? 'did not grow' : grown < 0 ? `shrank by ${count(-grown)}` : `grew by ${count(grown)}`;
  const overwritten = run.growth.kind === 'probed' ? ' (existing records are overwritten, not added)' : '';
  return `${stored}; the table ${change}${overwritten}.`;
}

/** The last sentence about a run that ended: nothing is running, and how many records the table has. */
export const restingLine = ({ growth, gateAfterHalt }: RunSnapshot): string => {
  const fact = gateAfterHalt === undefined ? 'Nothing is running now.' : 'Images may still be in progress.';
  return growth.entries === undefined
    ? fact
    : `${fact} The table has ${counted(growth.entries, 'record')} (failures not counted).`;
};

/** `24 (5 %), 20 of them TEXTRACT_ERROR · …` */
export function formatFailed(run: RunSnapshot): string {
  const { failed, done } = numbersOf(run);
  const { topFailure, totals } = run;
  // Missing rows have a number of their own.
  if (failed === 0 || !topFailure || topFailure.failureType === 'NO_ROWS') return count(failed);
  const { failureType, message } = topFailure;
  const ofType = totals.failedByType[failureType] ?? topFailure.count;
  const share = ofType >= failed ? 'all' : `${count(ofType)} of them`;
  return `${count(failed)} (${percent(failed, done)}), ${share} ${code(`${failureType} · ${message}`, 160)}`;
}

/**
 * `3 invocations, because an outcome was lost (about $0.01, not part of the cost)`. Of a stopped execution at Step Functions only
 * the children that were in progress are known, and not whether each had invoked its image.
 */
export function formatRepeats({ totals, engine }: Pick<RunSnapshot, 'totals' | 'engine'>): string {
  const costUsd = repeatCostUsd(totals);
  const cost = costUsd === undefined ? '' : ` (about ${dollars(costUsd)}, not part of the cost)`;
  const most = engine === 'step-functions' ? 'up to ' : '';
  return `${most}${counted(totals.repeats ?? 0, 'invocation')}, because an outcome was lost${cost}`;
}

/** A warning while it holds. */
export function describeWarning({ kind, value, limit }: Warning, engine?: EngineKind): string {
  switch (kind) {
    case 'slow':
      return `Slow: ${rate(value)} images a minute (limit ${rate(limit)}).`;
    case 'failures':
      return `Failures: ${Math.round(value)} % of the last images failed (limit ${rate(limit)} %).`;
    case 'no-growth':
      return `No growth: the table has not grown for ${duration(value * 60_000)} (limit ${duration(limit * 60_000)}).`;
    case 'throttling':
      return `Throttling: ${Math.round(value)} % of the calls were throttled (limit ${rate(limit)} %).`;
    case 'control-table':
      return engine === 'step-functions'
        ? `The control table could not be written for ${duration(value * 1_000)}: the bot neither steers nor stops the run until it can.`
        : `The control table could not be written for ${duration(value * 1_000)}: no images start until it can. Images in progress continue.`;
  }
}

/** The same warning once it no longer holds. */
export function describeEndedWarning({ kind }: Warning, run: RunSnapshot): string {
  switch (kind) {
    case 'slow':
      return `No longer slow${run.imagesPerMinute === undefined ? '' : `: ${rate(run.imagesPerMinute)} images a minute`}.`;
    case 'failures':
      return 'Fewer images fail now.';
    case 'no-growth':
      return 'The table is growing again.';
    case 'throttling':
      return 'Almost no calls are throttled now.';
    case 'control-table':
      return 'The control table answers again, and images start again.';
  }
}

/** `under scans/2025/, a random sample of 20 (seed 7)`; undefined where all images were asked for. */
export function describeSelection({ prefix, limit, sample, seed, retry, scope }: ImageSelection): string | undefined {
  const parts = [
    ...(retry === undefined
      ? []
      : [`attempt ${retry.attempt} at images of ${code(retry.of, 60)} (${sentence(retry.what, 200)})`]),
    ...(scope === undefined ? [] : [`the scope ${code(scope.what, 400)}`]),
    ...(prefix === undefined ? [] : [`under ${code(prefix, 200)}`]),
    ...(sample === undefined
      ? []
      : [`a random sample of ${count(sample)}${seed === undefined ? '' : ` (seed ${seed})`}`]),
    ...(limit === undefined ? [] : [`at most ${count(limit)}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** The state of a run in one clause, behind its name: `is running: 412 of 1,398 done (29 %)`. */
export function describeState(run: RunSnapshot): string {
  const { state } = run;
  switch (state.kind) {
    case 'planned':
      return `is planned: ${counted(run.total, 'image')}`;
    case 'running':
      if (run.rows?.checkingAll && !run.draining)
        return `is checking the rows of all images in the table: ${formatDone(run)}`;
      if (run.rows?.canaryWaits && !run.draining)
        return `waits until the rows of the first images are in the table: ${formatDone(run)}`;
      if (run.gateAfterHalt === 'running')
        return `was halted, but AWS Step Functions may start more images until the control table can be written: ${formatDone(run)}`;
      return run.draining
        ? `starts no more images and waits for ${counted(run.inFlight, 'image')} in progress: ${formatDone(run)}`
        : `is running: ${formatDone(run)}`;
    case 'paused':
      return state.because.kind === 'person'
        ? `was paused by ${mention(state.because.by)}: ${formatDone(run)}`
        : `is paused because ${describeFault(state.because.fault)}: ${formatDone(run)}`;
    case 'stopped':
      return `was stopped ${describeStopSource(state.by)}: ${formatDone(run)}`;
    case 'tripped':
      return `stopped itself: ${describeTrip(state.trippedBy)}`;
    case 'interrupted':
      return `was interrupted by a restart of the bot: ${formatDone(run)}`;
    case 'completed': {
      const { withoutRows } = numbersOf(run);
      return withoutRows === 0
        ? `is complete: ${formatDone(run)}`
        : `ended with ${counted(withoutRows, 'image')} without rows in the table: ${formatDone(run)}`;
    }
    case 'abandoned':
      return `was abandoned by ${mention(state.by)}: ${formatDone(run)}`;
  }
}

/** `13 min`, and where pauses made the run longer `13 min (20 min with pauses and restarts)`. */
export function formatRunningTime({ activeMs, startedAt, endedAt }: RunSnapshot): string {
  const wholeMs = startedAt === undefined || endedAt === undefined ? activeMs : endedAt - startedAt;
  const isLonger = wholeMs - activeMs >= 5_000 && duration(wholeMs) !== duration(activeMs);
  return isLonger ? `${duration(activeMs)} (${duration(wholeMs)} with pauses and restarts)` : duration(activeMs);
}

/** `Rescan r-0142` */
export const runName = (runId: string): string => `Rescan ${/^[\w-]{1,40}$/.test(runId) ? runId : code(runId, 60)}`;
