import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect } from 'vitest';

import { buttonOf, wholeText } from '../../sandbox/people.ts';
import type { Invoked } from '../../sandbox/tour/checks.ts';
import type { StoredItem } from '../../sandbox/tour/pipeline-reader.ts';
import { failedIn } from './claims.ts';
import { InProgressError, type Round, type Span, type Work } from './round.ts';

const TABLE = 'TimesheetOCR-dev';
const FORM_MS = 30_000;
/** An image whose outcome was not on record yet at the kill counts as in flight. */
const WRITE_MS = 1_500;

/** Types a command, and again where Slack says that it could not deliver it. */
export async function ask(round: Round, command: string, user = 'operator'): Promise<void> {
  await round.beginAsking();
  const failures = async () =>
    (await round.here.people.ephemerals()).filter(({ text }) => text.includes('dispatch_failed')).length;
  for (let tries = 0; tries < 60; tries += 1) {
    const before = await failures();
    await round.here.people.command(user, `/rescan ${command}`);
    if ((await failures()) === before) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Opens a form by a command and submits it. */
async function submit(round: Round, command: string, form: RegExp, values: Record<string, unknown>): Promise<void> {
  await ask(round, command);
  const view = await round.here.people.openView('operator', form, FORM_MS);
  await round.here.people.submit('operator', view, values);
}

/** Presses the start button of the preview of a run. A run that is open and halted is abandoned. */
export async function start(round: Round, command: string): Promise<void> {
  await ask(round, command);
  const preview = await round.answer(/would invoke/);
  await round.here.people.click('operator', preview.ts, buttonOf(preview, /plan_(?:start|abandon_and_start)/));
}

export const connectionOf = (round: Round) => ({
  endpoint: round.here.sandbox.aws?.url ?? '',
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

export const backup: Work = {
  name: 'backup',
  ask: (round) => ask(round, 'backup'),
  spanMs: 1_500,
  done: /is done and verified/,
  nothingDone: /[Bb]ackup.* was (?:interrupted|stopped)/,
  async check(round) {
    const [, short = 'none'] = /`b-([0-9a-f]{8})`/.exec(wholeText(await round.sees(/is done and verified/))) ?? [];
    const id = (await round.pipeline.backupIds()).find((one) => one.endsWith(short)) ?? '';
    expect(await round.pipeline.tableEquals(id), `backup ${id} of b-${short}`).toBe(true);
    round.shared.backupId = id;
  },
};

/** Asks for the approval of a flush of everything. */
export async function requestFlush(round: Round): Promise<void> {
  await ask(round, 'override test-logging because it is not what is tried here', 'approver');
  await round.answer(/is skipped in this rescan|Nothing to skip/);
  await submit(round, 'flush', /to confirm/, { table_name: TABLE, keep: 'delete' });
  await round.answer(/Approval needed: flush/);
}

export const flush: Work = {
  name: 'flush',
  async ask(round) {
    await requestFlush(round);
    await round.approve(/Approval needed: flush/);
  },
  spanMs: 2_500,
  done: /The flush is done/,
  nothingDone: /restarted before it started|does not continue without a new approval/,
  async check(round) {
    expect(await round.pipeline.countTable()).toBe(0);
  },
};

export const restore: Work = {
  name: 'restore',
  async ask(round) {
    await submit(round, 'restore', /choose_restore/, { backup: round.shared.backupId, mode: 'replace' });
    const confirm = await round.here.people.openView('operator', /"callback_id":"confirm_action"/, FORM_MS);
    await round.here.people.submit('operator', confirm, { table_name: TABLE });
    await round.approve(/Approval needed: restore/);
  },
  spanMs: 2_500,
  done: /matches the backup/,
  nothingDone: /restarted before it started|does not continue without a new approval/,
  async check(round) {
    expect(await round.pipeline.tableEquals(round.shared.backupId)).toBe(true);
  },
};

/** The images that ran again although they were neither in flight during the disturbance nor just before it. */
function repeatedWithoutReason(invocations: readonly Invoked[], { from, to }: Span): readonly string[] {
  const byKey = Map.groupBy(invocations, ({ key }) => key);
  return [...byKey].flatMap(([key, times]) => {
    const earlier = times.toSorted((a, b) => a.startedAt - b.startedAt).slice(0, -1);
    const isExplained = earlier.every(({ startedAt, endedAt }) => startedAt <= to && endedAt >= from - WRITE_MS);
    return isExplained ? [] : [key];
  });
}

/** Not the answer to a resume, which may name an earlier run. */
const COMPLETE = /(?<!There is no run to resume: )Rescan r-\d+\S* is complete/;

/** A run that a fault paused is resumed by a person; one that did not start is asked for again. */
const resumeOr = (askFor: (round: Round) => Promise<void>) => async (round: Round) => {
  await ask(round, 'resume');
  const answer = await round.answer(/There is no run|resumed|is running|is complete/);
  if (!/There is no run/.test(wholeText(answer))) return;
  // It may have ended meanwhile, and its message comes after the answer.
  if (!(await comes(round, COMPLETE, 5_000))) await askFor(round);
};

/** Whether the message comes within `ms`. */
async function comes(round: Round, what: RegExp, ms: number): Promise<boolean> {
  for (const until = Date.now() + ms; Date.now() < until; ) {
    if (await round.hasSeen(what)) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** The keys with which the test of failure logging invokes the function. */
const OF_LOGGING_TEST = /^(?:INVALID_IMAGE-.*)?$/;

/** Each of these images was invoked, or the run says that it failed: AWS may refuse every request for an image. */
async function checkImages(round: Round, invoked: ReadonlySet<string>, images: ReadonlySet<string>) {
  const never = [...images].filter((key) => !invoked.has(key));
  if (never.length > failedIn(wholeText(await round.sees(COMPLETE)))) expect(invoked).toEqual(images);
  expect([...invoked].filter((key) => !images.has(key) && !OF_LOGGING_TEST.test(key))).toEqual([]);
}

/** The invocations since this work was asked for. */
async function invocationsOf(round: Round) {
  const { last, total } = await round.here.world.invocations();
  return last.slice(-(total - round.shared.invokedBefore));
}

const startAll = (round: Round) => start(round, 'start keep pace=1200');

export const run: Work = {
  name: 'run',
  ask: startAll,
  askAgain: resumeOr(startAll),
  spanMs: 2_500,
  done: COMPLETE,
  nothingDone: /Nothing was (?:changed|started)|Rescan r-\d+\S* (?:is|was) paused/,
  async check(round, disturbed) {
    const mine = await invocationsOf(round);
    const invoked = new Set(mine.map(({ key }) => key));
    await checkImages(round, invoked, await round.pipeline.imageKeys());
    expect(repeatedWithoutReason(mine, disturbed)).toEqual([]);
  },
};

const startOnMachine = (round: Round) => start(round, 'start keep pace=1200 engine=step-functions');

/** A run on AWS Step Functions, which goes on while the bot is dead. */
export const machineRun: Work = {
  name: 'run on Step Functions',
  async ask(round) {
    if (!round.shared.machineInstalled) {
      await round.here.world.set({ stepFunctions: { speed: 50 } });
      await ask(round, 'engine install');
      const offer = await round.answer(/The state machine \S+ is not installed/);
      await round.here.people.click('operator', offer.ts, buttonOf(offer, /engine_install/));
      await round.answer(/The state machine \S+ was created/);
      round.shared.machineInstalled = true;
    }
    await startOnMachine(round);
  },
  askAgain: resumeOr(startOnMachine),
  spanMs: 4_000,
  done: run.done,
  nothingDone: run.nothingDone,
  check: run.check,
};

/** A rescan of the images of two people. */
export const scopedRun: Work = {
  name: 'scoped run',
  async ask(round) {
    const people = await twoPeople(round);
    await start(round, `start keep pace=600 people="${people.join(', ').replaceAll('_', ' ')}"`);
  },
  spanMs: 2_000,
  done: COMPLETE,
  nothingDone: /Nothing was (?:changed|started)/,
  async check(round, disturbed) {
    const people = await twoPeople(round);
    const mine = await invocationsOf(round);
    const records = await round.pipeline.records();
    const ofPeople = records.filter(({ ResourceName }) => people.includes(String(ResourceName?.S)));
    const images = new Set(ofPeople.flatMap(({ SourceImage }) => (SourceImage?.S ? [String(SourceImage.S)] : [])));
    await checkImages(round, new Set(mine.map(({ key }) => key)), images);
    expect(repeatedWithoutReason(mine, disturbed)).toEqual([]);
    await ask(round, 'scope clear');
  },
};

async function twoPeople(round: Round): Promise<readonly string[]> {
  const names = (await round.pipeline.records())
    .filter(({ SourceImage, ProjectCode }) => SourceImage && ProjectCode)
    .map(({ ResourceName }) => String(ResourceName?.S));
  return [...new Set(names)].sort().slice(0, 2);
}

/** Three records are deleted by somebody else, and put back from the backup. */
export const restoreRows: Work = {
  name: 'restore of rows',
  async ask(round) {
    const entries = (await round.pipeline.records()).filter(({ ProjectCode, Date: day }) => ProjectCode && day);
    await deleteRecords(round, entries.slice(0, 3));
    await ask(round, `diff ${round.shared.backupId}`);
    const diff = await round.answer(/diff_put_back/);
    await round.here.people.click('operator', diff.ts, buttonOf(diff, /diff_put_back/));
    const form = await round.here.people.openView('operator', /restore_rows/, FORM_MS);
    const list = (await round.here.people.view(form))?.blocks.find(({ block_id }) => block_id === 'entries');
    const ids = [...JSON.stringify(list).matchAll(/"value":("(?:[^"\\]|\\.)*")/g)].map(([, id = '""']) =>
      JSON.parse(id),
    );
    await round.here.people.submit('operator', form, { entries: ids });
    await round.approve(/restore \d+ records? of backup/);
  },
  spanMs: 1_500,
  done: /records? of the backup (?:is|are) back in the table/,
  nothingDone: /restarted before it started|does not continue without a new approval/,
  async check(round) {
    expect(await round.pipeline.tableEquals(round.shared.backupId)).toBe(true);
  },
};

async function deleteRecords(round: Round, items: readonly StoredItem[]): Promise<void> {
  const dynamodb = new DynamoDBClient(connectionOf(round));
  for (const { ResourceName, DateProjectCode } of items) {
    const Key = { ResourceName: { S: String(ResourceName?.S) }, DateProjectCode: { S: String(DateProjectCode?.S) } };
    await dynamodb.send(new DeleteItemCommand({ TableName: TABLE, Key }));
  }
  dynamodb.destroy();
}

/** The whole checklist by itself, with the approval of its flush. */
export const autopilot: Work = {
  name: 'autopilot',
  async ask(round) {
    await ask(round, 'autopilot');
    const plan = await round.answer(/The autopilot would do the whole rescan/);
    await round.here.people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
  },
  async afterwards(round) {
    // The press of the button may have been lost with the process: then the person asks again.
    if (await comes(round, /Approval needed: flush/, 100_000)) await round.approve(/Approval needed: flush/);
  },
  async askAgain(round) {
    await autopilot.ask(round);
    await round.approve(/Approval needed: flush/);
  },
  spanMs: 5_000,
  patienceMs: 120_000,
  done: /The autopilot has finished/,
  neverSaid: /The autopilot is waiting for a person: the step/,
  nothingDone: /Nothing was (?:changed|started)/,
  async check(round, disturbed) {
    const mine = await invocationsOf(round);
    expect(repeatedWithoutReason(mine, disturbed)).toEqual([]);
    const invoked = new Set(mine.map(({ key }) => key));
    await checkImages(round, invoked, await round.pipeline.imageKeys());
  },
};

export const deploy: Work = {
  name: 'deploy',
  ask: (round) => submit(round, 'deploy', /Environment added/, {}),
  spanMs: 2_000,
  done: /Failure logging is deployed/,
  nothingDone: /Nothing was (?:changed|started)/,
  async check(round) {
    expect(await round.pipeline.handler()).toBe('rescan_failure_logging.handler');
  },
};

export const rollback: Work = {
  name: 'rollback',
  async ask(round) {
    await ask(round, 'deploy rollback');
    const view = await round.here.people.openView('operator', /exactly the code from before|Last rollback:/, FORM_MS);
    const form = await round.here.people.view(view);
    // It was the form of an earlier request, and closed at this moment.
    if (!form) return rollback.ask(round);
    const shown = JSON.stringify(form);
    if (shown.includes('Last rollback:')) throw new InProgressError(shown);
    await round.here.people.submit('operator', view, {});
  },
  spanMs: 2_000,
  done: /Rolled back: the function/,
  nothingDone: /Nothing was (?:changed|started)/,
  async check(round) {
    expect(await round.pipeline.handler()).not.toBe('rescan_failure_logging.handler');
  },
};
