import { isDeepStrictEqual } from 'node:util';
import { buttonOf, createPeople, wholeText } from '../people.ts';
import { createWorld } from '../world.ts';
import { csvRows, difference, invokedTwiceWithoutReason } from './checks.ts';
import type { Narrator } from './narrator.ts';
import { onStepFunctions } from './on-step-functions.ts';
import { otherCommands } from './other-commands.ts';
import { BY_HAND, createPipelineReader } from './pipeline-reader.ts';
import { createRecorder, newestOf, type RecordedCommand } from './recorder.ts';
import { scopedRescan, stopWithoutCredentials } from './scoped-rescan.ts';
import type { Check, TourContext } from './tour-context.ts';

/** The result of one step of the tour, with the facts that were checked. */
export interface StepResult {
  readonly step: string;
  readonly ok: boolean;
  readonly checked: readonly string[];
  readonly seconds: number;
  /** Why the step failed. */
  readonly because?: string;
}

export const IMAGES = 60;
const CALM = {
  latencyMs: { min: 20, max: 80 },
  failures: [],
  quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};
/** Slow enough that images are in flight at the time of the kill. */
const SLOW = { latencyMs: { min: 1_500, max: 2_500 } };
/** An outcome is written before its image counts as done. An image whose outcome was being written may run again. */
const WRITE_MS = 1_500;
const WITHIN_MS = 300_000;

const STEPS: readonly (readonly [name: string, play: (context: TourContext, check: Check) => Promise<void>])[] = [
  ['The autopilot: backup, quotas, failure logging, flush with a second person', autopilot],
  ['kill -9 during the run, and the run continues by itself', killed],
  ['The breaker stops a run; diagnosis, CSV, resume and retry', trip],
  ['The diff, and a hand-made correction restored', restoredRow],
  ['The backup restored, and compared record by record', restored],
  ['A run whose last rows never arrive is reported as failed, and a retry repairs it', lostRows],
  ['A rescan of two people, with a correction that is kept', scopedRescan],
  ['Every other command: looks, quotas, a sample, a schedule, pause, resume and stop', otherCommands],
  ['A stop while the credentials have expired, and a restart', stopWithoutCredentials],
  [
    'A run on AWS Step Functions, which continues while the bot is dead',
    (context, check) => onStepFunctions(context, check, IMAGES),
  ],
  ['The audit', audited],
];

async function autopilot({ people, world, pipeline, sees, turn, shared }: TourContext, check: Check): Promise<void> {
  await pipeline.putByHand();
  const before = await pipeline.countTable();
  await people.command('operator', '/rescan autopilot');
  const plan = await sees(/The autopilot would do the whole rescan/);
  const idle = (await world.invocations()).total === 0 && (await pipeline.countBackupObjects()) === 0;
  check('nothing starts before somebody presses Start: no image invoked, no backup made', idle);
  await people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
  const asked = await sees(/Approval needed: flush/);
  await people.click('operator', asked.ts, buttonOf(asked, /approve/));
  await sees(/a second person must approve it. Nothing was done/);
  const stillAsked = await sees(/Approval needed: flush/);
  check('the requester cannot approve: the request is still open', buttonOf(stillAsked, /approve/) !== '');
  const verified = await sees(/is done and verified/);
  // The message of the backup shows only its short id; the request shows both.
  shared.backupId = /^backup: `([^`]+)`/m.exec(wholeText(asked))?.[1] ?? '';
  check('the request names that backup', wholeText(verified).includes(shared.backupId.split('-').at(-1) ?? ' '));
  check(
    `the backup in S3 has the ${before} records that were in the table`,
    (await pipeline.countBackup(shared.backupId)) === before,
  );
  check('nothing was deleted before the approval', (await pipeline.countTable()) >= before);
  shared.runStartedAt = Date.now();
  await turn(
    { ...SLOW, failures: [{ rate: 0.07, kind: 'textract', match: '5' }] },
    'the function is now slow, and some images fail',
  );
  await people.click('approver', asked.ts, buttonOf(asked, /approve/));
  await sees(/The flush is done: .* It left the table empty/);
  check(
    'the flush emptied the table, and the hand-made correction is no longer in it',
    (await pipeline.byHand()) === undefined,
  );
}

async function killed(
  { people, world, pipeline, sees, ask, turn, until, shared }: TourContext,
  check: Check,
): Promise<void> {
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await sees(new RegExp(`Rescan r-0001 is running: [1-9]\\d* of ${IMAGES}`));
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await people.bot('kill');
  const at = Date.now();
  await turn({ latencyMs: CALM.latencyMs }, 'the function is fast again');
  await people.bot('start');
  await sees(/The bot resumed Rescan r-0001 by itself/);
  await sees(new RegExp(`Rescan r-0001 is complete: ${IMAGES} of ${IMAGES}`));
  const seen = (await world.invocations()).last.filter(({ startedAt }) => startedAt >= shared.runStartedAt);
  const strays = invokedTwiceWithoutReason(seen, { at, writeMs: WRITE_MS });
  const twice = seen.length - new Set(seen.map(({ key }) => key)).size;
  const inFlight = seen.filter(({ startedAt, endedAt }) => startedAt <= at && endedAt >= at - WRITE_MS).length;
  check(
    strays.length === 0
      ? `${inFlight} images were in flight at the kill or had an outcome that was not yet written; ${twice} ran again, and no others`
      : `only images in flight at the kill ran again, except ${strays.join(', ')}`,
    inFlight > 0 && strays.length === 0,
  );
  const keys = await pipeline.imageKeys();
  await ask('operator', '/rescan export run', /The CSV is in/);
  const rows = csvRows(await people.file(/^r-0001.*\.csv$/, WITHIN_MS));
  check(
    `each of the ${IMAGES} images in the bucket has exactly one outcome in the run’s CSV`,
    rows.length === IMAGES &&
      difference(keys, new Set(rows.map((row) => row.ImageKey ?? ''))).length === 0 &&
      rows.every((row) => ['processed', 'rejected', 'failed'].includes(row.Outcome ?? '')),
  );
  const receipt = wholeText(await sees(/The autopilot has finished\. Rescan r-0001/));
  check(
    'the receipt compares time, failures and images with the forecast',
    (receipt.match(/forecast/g) ?? []).length >= 3,
  );
  const validation = wholeText(await sees(/Validation of r-0001/));
  check(
    'the validation accounts for every image',
    validation.includes(`${IMAGES} images in the run`) && !/without an outcome/.test(validation),
  );
}

async function trip({ people, world, sees, ask, turn, until }: TourContext, check: Check): Promise<void> {
  await turn({ failures: [{ rate: 1, kind: 'textract' }] }, 'Textract is down: every image now fails');
  await people.command('operator', '/rescan start keep pace=600');
  const preview = await sees(/Rescan r-0002 would invoke/);
  const begun = Date.now();
  await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
  await sees(/Rescan r-0002 stopped itself: 10 images failed in a row/);
  await until('nothing in flight', async () => (await world.invocations()).inFlight === 0);
  const atTrip = (await world.invocations()).total;
  const diagnosis = wholeText(
    await sees(/Diagnosis of Rescan r-0002: (?:all \d+ failures have one cause|the most frequent cause)/),
  );
  check('the diagnosis names the only cause', diagnosis.includes('Textract could not read the document'));
  // The previous run has such a file, too. The file of this trip arrives a moment later.
  await until('the CSV of the failed images, each with its key, type and error', async () => {
    const rows = csvRows(await people.file(/failed-images\.csv/, WITHIN_MS));
    return rows.filter(isComplete).length >= 10;
  });
  check('the failed images are in the CSV, each with its key, type and error', true);
  const now = await world.invocations();
  check('the breaker stopped the run at 10 failures in a row, and nothing was invoked after it', now.total === atTrip);
  await ask('viewer', '/rescan failures', /images failed: /);
  await ask('viewer', '/rescan diagnose', /Diagnosis of Rescan r-0002/);
  await turn({ failures: [] }, 'Textract works again');
  await ask('operator', '/rescan resume', /Rescan r-0002 is running/);
  await sees(new RegExp(`Rescan r-0002 is complete: ${IMAGES} of ${IMAGES}`));
  const keys = (await world.invocations()).last.filter(({ startedAt }) => startedAt >= begun).map(({ key }) => key);
  check(
    'the resumed run is complete, and no image was invoked twice',
    keys.length === IMAGES && new Set(keys).size === IMAGES,
  );
  await people.command('operator', '/rescan retry type=TEXTRACT_ERROR');
  const retry = await sees(/Rescan r-0003 would invoke/);
  await people.click('operator', retry.ts, buttonOf(retry, /plan_start/));
  await sees(/Rescan r-0003 is complete/);
  await people.command('viewer', '/rescan failures');
  const none = await sees(/No failed images/);
  check('the retry of the failed images succeeded', none.ts > retry.ts);
}

const isComplete = ({ FailureType, ImageKey, ErrorMessage }: Readonly<Record<string, string>>) =>
  FailureType === 'TEXTRACT_ERROR' && ImageKey !== '' && ErrorMessage !== '';

async function restoredRow({ people, pipeline, sees, approve }: TourContext, check: Check): Promise<void> {
  // Only the person who asked sees the answer and its buttons.
  await people.command('operator', '/rescan diff');
  const diff = await sees(/made by hand, so a rescan cannot bring/);
  const [first] = csvRows(await people.file(/^diff.*\.csv/, WITHIN_MS)).filter(
    ({ Item = '' }) => !Item.includes('SourceImage'),
  );
  check(
    'the diff lists the correction that the flush deleted, as removed and made by hand',
    first?.Change === 'removed' &&
      first.DateProjectCode === BY_HAND.DateProjectCode.S &&
      wholeText(diff).includes('BY_HAND'),
  );
  await people.click('operator', diff.ts, buttonOf(diff, /diff_put_back/));
  const form = await people.openView('operator', /restore_rows/, WITHIN_MS);
  await people.submit('operator', form, { entries: [first?.Id] });
  await approve(/restore 1 record of backup/);
  await sees(/1 record of the backup is back in the table/);
  check('the correction is in the table again, unchanged', isDeepStrictEqual(await pipeline.byHand(), BY_HAND));
}

async function restored({ people, pipeline, sees, approve, shared }: TourContext, check: Check): Promise<void> {
  await people.command('operator', '/rescan restore');
  const choose = await people.openView('operator', /choose_restore/, WITHIN_MS);
  check('before the restore, the table differs from the backup', !(await pipeline.tableEquals(shared.backupId)));
  await people.submit('operator', choose, { backup: shared.backupId, mode: 'replace' });
  const confirm = await people.openView('operator', /"callback_id":"confirm_action"/, WITHIN_MS);
  await people.submit('operator', confirm, { table_name: 'TimesheetOCR-dev' });
  await approve(/asks to make `TimesheetOCR-dev` equal to backup/);
  await sees(/the whole table was read, and its checksum .* matches the backup/);
  check(
    'the bot reports equal checksums, and a comparison record by record confirms it',
    await pipeline.tableEquals(shared.backupId),
  );
}

async function lostRows({ people, pipeline, sees, turn, until }: TourContext, check: Check): Promise<void> {
  // At most half of the breaker's window is without rows, so that the run reaches its end.
  const STORED_FIRST = IMAGES - 10;
  await turn(
    { writesNothing: true, writesFirst: STORED_FIRST },
    `the function stores the rows of ${STORED_FIRST} more images, and then only reports that it does`,
  );
  const begun = Date.now();
  await people.command('operator', '/rescan start keep pace=600');
  const preview = await sees(/Rescan r-0004 would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
  const lost = wholeText(await sees(/Rescan r-0004 lost rows: \d+ images have no rows in the table/));
  const reported = Number(/lost rows: (\d+) images/.exec(lost)?.[1] ?? 0);
  const stored = await pipeline.imagesStoredSince(begun);
  check(
    `the run is reported as failed: ${reported} images were processed, and have no rows in the table`,
    reported > 0 && stored.size <= STORED_FIRST,
  );
  const report = wholeText(await sees(/Report of Rescan r-0004/));
  check('its report begins with them', /^\S+ Report of Rescan r-0004: \*?\d+ images have no rows/.test(report));
  await until('the CSV of the images without rows', async () => {
    const rows = csvRows(await people.file(/failed-images\.csv/, WITHIN_MS));
    return rows.filter(({ FailureType }) => FailureType === 'NO_ROWS').length === reported;
  });
  const csv = csvRows(await people.file(/failed-images\.csv/, WITHIN_MS));
  check(
    'the CSV lists exactly these images, and none of them has rows',
    csv.every(({ FailureType, ImageKey = '' }) => FailureType !== 'NO_ROWS' || !stored.has(ImageKey)),
  );
  await people.command('viewer', '/rescan history');
  const history = wholeText(await sees(/(?:1 rescan so far|The last \d+ rescans)/));
  check('its checklist is closed as failed', history.includes('failed with Rescan r-0004'));
  await turn({ writesNothing: false }, 'the function stores rows again');
  await people.command('operator', '/rescan retry type=NO_ROWS');
  const retry = await sees(/Rescan r-0005 would invoke/);
  await people.click('operator', retry.ts, buttonOf(retry, /plan_start/));
  await sees(new RegExp(`Rescan r-0005 is complete: ${reported} of ${reported}`));
  const repaired = await pipeline.imagesStoredSince(begun);
  check('after the retry of exactly these images, each of them has its rows', repaired.size === stored.size + reported);
}

async function audited({ people, sees }: TourContext, check: Check): Promise<void> {
  await people.command('viewer', '/rescan audit verify');
  const whole = wholeText(await sees(/The audit is intact/));
  check('every entry contains the hash of the previous one', Number(/intact: (\d+) entr/.exec(whole)?.[1] ?? 0) > 10);
  await people.command('viewer', '/rescan audit export');
  const rows = csvRows(await people.file(/^audit.*\.csv/, WITHIN_MS));
  const text = JSON.stringify(rows);
  check(
    'the exported audit names who flushed, who approved, and the restore',
    ['U0OPERATOR', 'U0APPROVER', 'flush', 'restore'].every((word) => text.includes(word)),
  );
}

/**
 * Runs the whole checklist as `operator` and `approver`, in the order in which a team would. After a failed step the
 * remaining steps are reported as not tried. `withinMs`: limit for each wait. Also returns each command with its answer.
 */
export async function playTour(
  sandbox: { readonly slackUrl: string; readonly awsUrl: string },
  narrator: Narrator,
  options: { readonly interrupted: AbortSignal; readonly withinMs?: number },
): Promise<{ readonly results: readonly StepResult[]; readonly commands: readonly RecordedCommand[] }> {
  const recorder = createRecorder();
  const people = recorder.recorded(
    narrator.narrated(createPeople(sandbox.slackUrl, { awaitBotMs: options.withinMs ?? WITHIN_MS })),
  );
  const world = createWorld(sandbox.awsUrl);
  const pipeline = createPipelineReader(sandbox.awsUrl);
  const withinMs = options.withinMs ?? WITHIN_MS;
  const sees = (what: RegExp) => people.sees(what, { withinMs });
  const context: TourContext = {
    people,
    world,
    pipeline,
    sees,
    async ask(user, command, what) {
      const before = await newestOf(people);
      await people.command(user, command);
      let answer = await sees(what);
      await context.until(`the answer to ${command}`, async () => {
        answer = await sees(what);
        return answer.ts > before;
      });
      return answer;
    },
    shared: { backupId: '', runStartedAt: 0 },
    async approve(what) {
      const asked = await sees(what);
      await people.click('approver', asked.ts, buttonOf(asked, /approve/));
    },
    async turn(dials, why) {
      await narrator.settle();
      await world.set(dials);
      narrator.note(why);
    },
    async until(what, holds) {
      const end = Date.now() + withinMs;
      while (!(await holds())) {
        if (Date.now() > end) throw new Error(`Timed out while waiting for ${what}.`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
  const results: StepResult[] = [];
  try {
    await world.set(CALM);
    for (const [step, play] of STEPS) {
      const checked: string[] = [];
      const began = performance.now();
      const over = (ok: boolean, because?: string) =>
        results.push({
          step,
          ok,
          checked,
          seconds: Math.round((performance.now() - began) / 100) / 10,
          ...(because === undefined ? {} : { because }),
        });
      if (results.some(({ ok }) => !ok)) {
        // Later steps depend on the failed one; their errors would not be informative.
        over(false, 'not tried, because an earlier step failed');
        continue;
      }
      narrator.heading(step);
      try {
        await play(context, (fact, holds) => {
          if (!holds) throw new Error(`check failed: ${fact}`);
          checked.push(fact);
        });
        over(true);
      } catch (error) {
        if (options.interrupted.aborted) throw error;
        over(false, error instanceof Error ? error.message : String(error));
      }
      await narrator.settle();
    }
  } finally {
    pipeline.close();
  }
  return { results, commands: recorder.commands };
}
