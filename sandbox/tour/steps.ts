import { isDeepStrictEqual } from 'node:util';
import { buttonOf, createPeople, type People, wholeText } from '../people.ts';
import { createWorld } from '../world.ts';
import { csvRows, difference, invokedTwiceWithoutReason } from './checks.ts';
import type { Narrator } from './narrator.ts';
import { BY_HAND, createProof, type Proof } from './proof.ts';

/** One step of the tour, and what was checked in it. */
export interface StepResult {
  readonly step: string;
  readonly ok: boolean;
  readonly checked: readonly string[];
  readonly seconds: number;
  /** Why it did not hold. */
  readonly because?: string;
}

/** States a fact and whether it holds; what does not hold ends the step. */
type Check = (fact: string, holds: boolean) => void;

interface Cast {
  readonly people: People;
  readonly world: ReturnType<typeof createWorld>;
  readonly proof: Proof;
  sees(what: RegExp): ReturnType<People['sees']>;
  /** The approver says yes to the request that matches. */
  approve(what: RegExp): Promise<void>;
  /** Lets the audience know of a dial that is turned. */
  turn(dials: Record<string, unknown>, why: string): Promise<void>;
  /** Looks again and again until it holds. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** What one step leaves for those after it. */
  readonly kept: { backupId: string; imagesOf: number };
}

export const IMAGES = 60;
const CALM = {
  latencyMs: { min: 20, max: 80 },
  failures: [],
  quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};
/** Slow enough that the kill meets images in flight. */
const SLOW = { latencyMs: { min: 1_500, max: 2_500 } };
/** An outcome is written before its image counts as done: one whose write was under way may run again. */
const WRITE_MS = 1_500;
const WITHIN_MS = 120_000;

const STEPS: readonly (readonly [name: string, play: (cast: Cast, check: Check) => Promise<void>])[] = [
  ['The autopilot: backup, quotas, failure logging, flush with a second person', autopilot],
  ['kill -9 in mid-run, and the run goes on by itself', killed],
  ['A trip, its diagnosis, the CSV, and on again', trip],
  ['The diff, and a hand-made correction put back', putBack],
  ['The backup restored, proven record by record', restored],
  ['The audit', audited],
];

async function autopilot({ people, world, proof, sees, turn, kept }: Cast, check: Check): Promise<void> {
  await proof.putByHand();
  const before = await proof.countTable();
  await people.command('operator', '/rescan autopilot');
  const plan = await sees(/The autopilot would do the whole rescan/);
  const idle = (await world.invocations()).total === 0 && (await proof.countBackupObjects()) === 0;
  check('nothing begins before somebody says so: no image invoked, no backup made', idle);
  await people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
  const asked = await sees(/Approval needed: flush/);
  await people.click('operator', asked.ts, buttonOf(asked, /approve/));
  await sees(/a second person must approve it. Nothing was done/);
  const stillAsked = await sees(/Approval needed: flush/);
  check('who asked may not approve: the request still waits', buttonOf(stillAsked, /approve/) !== '');
  const verified = await sees(/is done and verified/);
  // The message of the backup shows its short id, the request the whole one as well.
  kept.backupId = /^backup: `([^`]+)`/m.exec(wholeText(asked))?.[1] ?? '';
  check('the request relies on that backup', wholeText(verified).includes(kept.backupId.split('-').at(-1) ?? ' '));
  check(
    `the backup in S3 holds the ${before} records that were in the table`,
    (await proof.countBackup(kept.backupId)) === before,
  );
  check('nothing was deleted before the approval', (await proof.countTable()) >= before);
  kept.imagesOf = Date.now();
  await turn(
    { ...SLOW, failures: [{ rate: 0.07, kind: 'textract', match: '5' }] },
    'the function is slow now, and fails now and then',
  );
  await people.click('approver', asked.ts, buttonOf(asked, /approve/));
  await sees(/The flush is done: .* The table is empty/);
  check(
    'the flush counted zero at its end, and what no image brings back is gone',
    (await proof.byHand()) === undefined,
  );
}

async function killed({ people, world, proof, sees, turn, until, kept }: Cast, check: Check): Promise<void> {
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await sees(new RegExp(`Rescan r-0001 is running: [1-9]\\d* of ${IMAGES}`));
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await people.bot('kill');
  const at = Date.now();
  await turn({ latencyMs: CALM.latencyMs }, 'the function is quick again');
  await people.bot('start');
  await sees(/The bot resumed Rescan r-0001 by itself/);
  await sees(new RegExp(`Rescan r-0001 is complete: ${IMAGES} of ${IMAGES}`));
  const seen = (await world.invocations()).last.filter(({ startedAt }) => startedAt >= kept.imagesOf);
  const strays = invokedTwiceWithoutReason(seen, { at, writeMs: WRITE_MS });
  const twice = seen.length - new Set(seen.map(({ key }) => key)).size;
  const inFlight = seen.filter(({ startedAt, endedAt }) => startedAt <= at && endedAt >= at - WRITE_MS).length;
  check(
    strays.length === 0
      ? `${inFlight} images were in flight at the kill, or their outcome was being written; ${twice} ran again, all of them of these`
      : `images that ran again were in flight at the kill, but for ${strays.join(', ')}`,
    inFlight > 0 && strays.length === 0,
  );
  const keys = await proof.imageKeys();
  await people.command('operator', '/rescan export run');
  const rows = csvRows(await people.file(/^r-0001.*\.csv$/, WITHIN_MS));
  check(
    `each of the ${IMAGES} images in the bucket has one outcome in the run’s CSV`,
    rows.length === IMAGES &&
      difference(keys, new Set(rows.map((row) => row.ImageKey ?? ''))).length === 0 &&
      rows.every((row) => ['processed', 'rejected', 'failed'].includes(row.Outcome ?? '')),
  );
  const receipt = wholeText(await sees(/The autopilot has finished: Rescan r-0001/));
  check(
    'the receipt holds time, failures and images against the forecast',
    (receipt.match(/forecast/g) ?? []).length >= 3,
  );
  const validation = wholeText(await sees(/Validation of r-0001/));
  check(
    'the validation accounts for every image',
    validation.includes(`${IMAGES} images in the run`) && !/without an outcome/.test(validation),
  );
}

async function trip({ people, world, sees, turn, until }: Cast, check: Check): Promise<void> {
  await turn({ failures: [{ rate: 1, kind: 'textract' }] }, 'Textract is out: every image fails now');
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
  check('the diagnosis names the one cause', diagnosis.includes('Textract could not read the document'));
  // The run before had such a file too: the one of this trip comes a moment later.
  await until('the failed images of the trip as CSV, each with its key, type and error', async () => {
    const rows = csvRows(await people.file(/failed-images\.csv/, WITHIN_MS));
    return rows.filter(isToldWhole).length >= 10;
  });
  check('the failed images came as CSV: each with its key, type and error', true);
  const now = await world.invocations();
  check('the breaker stopped the run at 10 failures in a row, and nothing was invoked after it', now.total === atTrip);
  await turn({ failures: [] }, 'Textract is back');
  await people.command('operator', '/rescan resume');
  await sees(new RegExp(`Rescan r-0002 is complete: ${IMAGES} of ${IMAGES}`));
  const keys = (await world.invocations()).last.filter(({ startedAt }) => startedAt >= begun).map(({ key }) => key);
  check(
    'resumed, the run came to its end, and no image was invoked twice',
    keys.length === IMAGES && new Set(keys).size === IMAGES,
  );
  await people.command('operator', '/rescan retry');
  const retry = await sees(/Rescan r-0003 would invoke/);
  await people.click('operator', retry.ts, buttonOf(retry, /plan_start/));
  await sees(/Rescan r-0003 is complete/);
  await people.command('viewer', '/rescan failures');
  const none = await sees(/No failed images/);
  check('a retry of the failed images clears them', none.ts > retry.ts);
}

const isToldWhole = ({ FailureType, ImageKey, ErrorMessage }: Readonly<Record<string, string>>) =>
  FailureType === 'TEXTRACT_ERROR' && ImageKey !== '' && ErrorMessage !== '';

async function putBack({ people, proof, sees, approve }: Cast, check: Check): Promise<void> {
  await people.command('viewer', '/rescan diff');
  const diff = await sees(/made by hand, so a rescan cannot bring/);
  const [first] = csvRows(await people.file(/^diff.*\.csv/, WITHIN_MS)).filter(
    ({ Item = '' }) => !Item.includes('SourceImage'),
  );
  check(
    'the diff shows the correction that the flush cost, as removed and made by hand',
    first?.Change === 'removed' &&
      first.DateProjectCode === BY_HAND.DateProjectCode.S &&
      wholeText(diff).includes('BY_HAND'),
  );
  await people.click('operator', diff.ts, buttonOf(diff, /diff_put_back/));
  const form = await people.openView('operator', /restore_rows/, WITHIN_MS);
  await people.submit('operator', form, { entries: [first?.Id] });
  await approve(/restore 1 single record of backup/);
  await sees(/1 record of the backup is back in the table/);
  check('it is back, exactly as it was', isDeepStrictEqual(await proof.byHand(), BY_HAND));
}

async function restored({ people, proof, sees, approve, kept }: Cast, check: Check): Promise<void> {
  await people.command('operator', '/rescan restore');
  const choose = await people.openView('operator', /choose_restore/, WITHIN_MS);
  check('before, the table is not what the backup holds', !(await proof.tableEquals(kept.backupId)));
  await people.submit('operator', choose, { backup: kept.backupId, mode: 'replace' });
  const confirm = await people.openView('operator', /"callback_id":"confirm_action"/, WITHIN_MS);
  await people.submit('operator', confirm, { table_name: 'TimesheetOCR-dev' });
  await approve(/asks to make `TimesheetOCR-dev` equal to backup/);
  await sees(/the whole table was read, and its checksum .* matches the backup/);
  check('the bot says that the digests are equal; record by record, they are', await proof.tableEquals(kept.backupId));
}

async function audited({ people, sees }: Cast, check: Check): Promise<void> {
  await people.command('viewer', '/rescan audit verify');
  const whole = wholeText(await sees(/The audit is intact/));
  check('every entry is chained to the one before', Number(/intact: (\d+) entr/.exec(whole)?.[1] ?? 0) > 10);
  await people.command('viewer', '/rescan audit export');
  const rows = csvRows(await people.file(/^audit.*\.csv/, WITHIN_MS));
  const text = JSON.stringify(rows);
  check(
    'it holds who flushed, who approved, and the restore',
    ['U0OPERATOR', 'U0APPROVER', 'flush', 'restore'].every((word) => text.includes(word)),
  );
}

/**
 * Plays the whole checklist as `operator` and `approver`, in the order in which a team would meet it. A step that does not hold ends
 * the play: those after it are told as not tried. `withinMs`: how long what is waited for may take.
 */
export async function playTour(
  sandbox: { readonly slackUrl: string; readonly awsUrl: string },
  narrator: Narrator,
  options: { readonly interrupted: AbortSignal; readonly withinMs?: number },
): Promise<readonly StepResult[]> {
  const people = narrator.hearing(createPeople(sandbox.slackUrl, { awaitBotMs: options.withinMs ?? WITHIN_MS }));
  const world = createWorld(sandbox.awsUrl);
  const proof = createProof(sandbox.awsUrl);
  const withinMs = options.withinMs ?? WITHIN_MS;
  const sees = (what: RegExp) => people.sees(what, { withinMs });
  const cast: Cast = {
    people,
    world,
    proof,
    sees,
    kept: { backupId: '', imagesOf: 0 },
    async approve(what) {
      const asked = await sees(what);
      await people.click('approver', asked.ts, buttonOf(asked, /approve/));
    },
    async turn(dials, why) {
      await narrator.settle();
      await world.set(dials);
      narrator.aside(why);
    },
    async until(what, holds) {
      const end = Date.now() + withinMs;
      while (!(await holds())) {
        if (Date.now() > end) throw new Error(`There was no moment with ${what}.`);
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
        // What depends on a step that did not hold would only fail in other words.
        over(false, 'not tried, as a step before it did not hold');
        continue;
      }
      narrator.heading(step);
      try {
        await play(cast, (fact, holds) => {
          if (!holds) throw new Error(`this did not hold: ${fact}`);
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
    proof.close();
  }
  return results;
}
