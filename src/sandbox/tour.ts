import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { buttonOf, createPeople, wholeText } from './people.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { type Narrator, narrate } from './tour-narrator.ts';
import { createWorld } from './world.ts';

/** One step of the tour, and what was checked in it. */
interface StepResult {
  readonly step: string;
  readonly ok: boolean;
  readonly checked: readonly string[];
  readonly seconds: number;
  /** Why it did not hold. */
  readonly because?: string;
}

const IMAGES = 60;
const CALM = {
  latencyMs: { min: 20, max: 80 },
  failures: [],
  quotas: { novaLiteCrossRegionRequestsPerMinute: 6_000, novaLiteCrossRegionTokensPerMinute: 40_000_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};
const WITHIN_MS = 40_000;

const invocationsSchema = z.looseObject({ byKey: z.record(z.string(), z.number()) });

/** Plays the whole checklist as `operator` and `approver`, in the order in which a team would meet it. */
async function play(sandbox: Sandbox, narrator: Narrator): Promise<readonly StepResult[]> {
  const { slack, aws } = sandbox;
  if (!slack || !aws) throw new Error('The tour needs both halves of the sandbox.');
  const people = narrator.hearing(createPeople(slack.url));
  const world = createWorld(aws.url);
  const results: StepResult[] = [];
  const sees = (what: RegExp) => people.sees(what, { withinMs: WITHIN_MS });

  async function step(
    name: string,
    work: (check: (fact: string, holds?: boolean) => void) => Promise<void>,
  ): Promise<void> {
    narrator.heading(name);
    const checked: string[] = [];
    const began = performance.now();
    const done = (ok: boolean, because?: string) =>
      results.push({
        step: name,
        ok,
        checked,
        seconds: Math.round((performance.now() - began) / 100) / 10,
        ...(because === undefined ? {} : { because }),
      });
    // What depends on a step that did not hold would only fail in other words.
    if (results.some(({ ok }) => !ok)) return void done(false, 'not tried, as a step before it did not hold');
    try {
      await work((fact, holds = true) => {
        if (!holds) throw new Error(`This did not hold: ${fact}`);
        checked.push(fact);
      });
      done(true);
    } catch (error) {
      done(false, error instanceof Error ? error.message : String(error));
    }
  }
  const approve = async (what: RegExp) => {
    const asked = await sees(what);
    await people.click('approver', asked.ts, buttonOf(asked, /approve/));
  };

  await world.set(CALM);
  await putByHand(aws.url);

  await step('The autopilot: backup, quotas, failure logging, flush with a second person', async (check) => {
    await people.command('operator', '/rescan autopilot');
    const plan = await sees(/The autopilot would do the whole rescan/);
    check('nothing begins before somebody says so');
    await people.click('operator', plan.ts, buttonOf(plan, /autopilot_start/));
    const asked = await sees(/Approval needed: flush/);
    const own = await people.click('operator', asked.ts, buttonOf(asked, /approve/));
    check('who asked may not approve', own.ok !== undefined && !(await hasText(people, /The flush is done/)));
    await sees(/is made and verified/);
    check('the backup was read back from S3 and verified before the flush');
    await world.set({ failures: [{ rate: 0.07, kind: 'textract', match: '5' }] });
    await people.click('approver', asked.ts, buttonOf(asked, /approve/));
    await sees(/The flush is done: .* the count is zero/);
    check('the flush ended at zero, counted');
  });

  await step('kill -9 in mid-run, and the run goes on by itself', async (check) => {
    await sees(/Rescan r-0001 is running: [1-9]\d* of 60/);
    await people.bot('kill');
    await people.bot('start');
    await sees(/goes on by itself after the bot went down/);
    await sees(/Rescan r-0001 is complete: 60 of 60/);
    const { byKey } = invocationsSchema.parse(await world.invocations());
    check('every image has an outcome');
    check(
      'at most the images in flight ran twice',
      Object.values(byKey).every((times) => times <= 3),
    );
    const receipt = await sees(/The autopilot is through/);
    check('the receipt holds forecast against actual', /forecast/.test(wholeText(receipt)));
    const validation = await sees(/Validation of r-0001/);
    check('the validation accounts for every image', !/without an outcome/.test(wholeText(validation)));
  });

  await step('A trip, its diagnosis, the CSV, and on again', async (check) => {
    await world.set({ failures: [{ rate: 1, kind: 'textract' }] });
    await people.command('operator', '/rescan start keep pace=600');
    const preview = await sees(/Rescan r-0002 would invoke/);
    await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
    await sees(/Rescan r-0002 stopped itself: 10 images failed in a row/);
    check('the breaker tripped after 10 failures in a row');
    await sees(/Diagnosis of Rescan r-0002: one cause is behind/);
    check('the diagnosis names the one cause');
    const csv = await people.file(/failed-images\.csv/, WITHIN_MS);
    check(
      'the failed images came as CSV',
      csv.split('\r\n').filter((line) => line.includes('TEXTRACT_ERROR')).length >= 10,
    );
    await world.set({ failures: [] });
    const trip = await sees(/Rescan r-0002 stopped itself/);
    await people.command('operator', '/rescan resume');
    await sees(/Rescan r-0002 is complete: 60 of 60/);
    check('resumed, the run came to its end', trip.ts !== '');
    await people.command('operator', '/rescan retry');
    const retry = await sees(/Rescan r-0003 would invoke/);
    await people.click('operator', retry.ts, buttonOf(retry, /plan_start/));
    await sees(/Rescan r-0003 is complete/);
    await people.command('viewer', '/rescan failures');
    await sees(/No image is failed any more|No image has failed/);
    check('a retry of the failed images clears them');
  });

  await step('The diff, and a hand-made correction put back', async (check) => {
    await people.command('viewer', '/rescan diff');
    const diff = await sees(/made by hand, so no rescan brings/);
    check('the correction that the flush cost is listed first', /BY_HAND/.test(wholeText(diff)));
    await people.click('operator', diff.ts, buttonOf(diff, /diff_put_back/));
    const form = await people.openView('operator', /put_back/, WITHIN_MS);
    const csv = await people.file(/^diff\.csv/, WITHIN_MS);
    const [, id] = /removed,([0-9a-f]{16}),entry,Nik_Coultas,2025-07-07#BY_HAND/.exec(csv) ?? [];
    await people.submit('operator', form, { entries: [id] });
    await approve(/put 1 single record of backup/);
    await sees(/1 record of the backup is back in the table/);
    check('it is back, read back and equal');
  });

  await step('The backup restored, proven by digest', async (check) => {
    await people.command('operator', '/rescan restore');
    const choose = await people.openView('operator', /choose_restore/, WITHIN_MS);
    const first = /"value":"(\d{14}-[0-9a-f]+)"/g;
    const state = JSON.stringify(await (await fetch(`${slack.url}/sandbox/state`)).json());
    const [backup] = [...state.matchAll(first)].map((match) => match[1]).slice(-1);
    await people.submit('operator', choose, { backup, mode: 'replace' });
    const confirm = await people.openView('operator', /"callback_id":"confirm_act"/, WITHIN_MS);
    await people.submit('operator', confirm, { table_name: 'TimesheetOCR-dev' });
    await approve(/asks to make `TimesheetOCR-dev` equal to backup/);
    await sees(/the digest of the table equals the backup’s/);
    check('the digest of the table equals the backup’s');
  });

  await step('The audit', async (check) => {
    await people.command('viewer', '/rescan audit verify');
    await sees(/The audit is whole/);
    check('every entry is chained to the one before');
  });
  await narrator.settle();
  return results;
}

async function hasText(people: ReturnType<typeof createPeople>, what: RegExp): Promise<boolean> {
  return (await people.messages()).some((message) => what.test(wholeText(message)));
}

/** A correction made by hand before the rescan: no image brings it back. */
async function putByHand(endpoint: string): Promise<void> {
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });
  const Item = {
    ResourceName: { S: 'Nik_Coultas' },
    DateProjectCode: { S: '2025-07-07#BY_HAND' },
    Hours: { N: '7.5' },
  };
  await client.send(new PutItemCommand({ TableName: 'TimesheetOCR-dev', Item }));
  client.destroy();
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const folder = mkdtempSync(join(tmpdir(), 'rescan-tour-'));
  const began = performance.now();
  const sandbox = await startSandbox({
    slack: true,
    aws: true,
    images: IMAGES,
    port: 0,
    seedTable: 'full',
    environment: {
      ...process.env,
      STOP_FILE: join(folder, 'STOP_RESCAN'),
      LEASE_SECONDS: '2',
      MESSAGE_EDIT_SECONDS: '1',
      MAX_IN_FLIGHT: '20',
      PACE: '300',
    },
    logPath: join(folder, 'bot.log'),
  });
  const narrator = narrate(values.json ? () => {} : (line) => console.log(line));
  let results: readonly StepResult[];
  try {
    results = await play(sandbox, narrator);
  } finally {
    narrator.close();
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  const ok = results.every((result) => result.ok);
  if (values.json) console.log(JSON.stringify({ ok, seconds, steps: results }, null, 2));
  else {
    console.log('');
    for (const { step, ok: held, checked, because, seconds: took } of results) {
      console.log(`${held ? '✔' : '✘'} ${step} (${took} s)`);
      for (const fact of checked) console.log(`    ✔ ${fact}`);
      if (because !== undefined) console.log(`    ✘ ${because}`);
    }
    console.log(`\n${ok ? 'Every step held' : 'A step did not hold'}, in ${seconds} s.`);
  }
  process.exitCode = ok ? 0 : 1;
}

await main();
