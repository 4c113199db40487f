import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { type Copy, LOCATION, type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

type Item = Record<string, AttributeValue>;
const TableName = 'rescan-bot-control';
const UNREADABLE =
  /The entry with pk "run#.*of the control table cannot be read: it has other contents than the bot writes/;
let rig: RunsRig;
let dynamodb: DynamoDBClient;
let driver: Copy;
let runId: string;
beforeEach(async () => {
  rig = await startRunsRig();
  driver = await rig.copy();
  ({ dynamodb } = createAwsClients());
  runId = await rig.start(driver, { pace: { kind: 'fixed', perMinute: 300 } });
  await rig.untilDone(driver, 5);
});
afterEach(() => rig.close());

const entries = async (): Promise<readonly Item[]> => (await dynamodb.send(new ScanCommand({ TableName }))).Items ?? [];
const isRecord = ({ sk }: Item) => sk?.S === 'run';
const put = (Item: Item) => dynamodb.send(new PutItemCommand({ TableName, Item }));

async function remove(which: (entry: Item) => boolean): Promise<void> {
  for (const { pk, sk } of (await entries()).filter(which))
    if (pk && sk) await dynamodb.send(new DeleteItemCommand({ TableName, Key: { pk, sk } }));
}
const doneOf = (run?: RunSnapshot) => (run ? run.totals.processed + run.totals.rejected + run.totals.failed : 0);
/** The table as a restore to an earlier time leaves it. */
async function restore(earlier: readonly Item[]): Promise<void> {
  await remove(() => true);
  for (const entry of earlier) await put(entry);
}

/** The driver goes on for some images, then its lease has another holder. */
async function loseLease(): Promise<void> {
  await rig.untilDone(driver, doneOf(await driver.runs.current()) + 5);
  const lease = (await entries()).find(({ sk }) => sk?.S === 'lease');
  await put({ ...lease, holder: { S: 'nonsense' } });
  await driver.listensTo('interrupted');
}

/** The run is paused because of the control table, and from then on no image is invoked by itself. */
async function pausesWith(message: RegExp): Promise<void> {
  const { snapshot } = await driver.listensTo('paused');
  expect(snapshot.state).toMatchObject({
    kind: 'paused',
    because: { kind: 'fault', fault: { reason: 'control-table', message: expect.stringMatching(message) } },
  });
  const { total } = await rig.invocations();
  driver.runs.standBy();
  await rig.pass(30_000);
  expect((await rig.invocations()).total).toBe(total);
  expect(total).toBeLessThan(60);
}

test.each<[string, (entry: Item) => boolean]>([
  ['the record of the run', isRecord],
  ['every entry', () => true],
])('a run pauses when %s is deleted from the control table, and nothing starts it again', async (_what, which) => {
  await remove(which);
  await pausesWith(/is not in the control table any more/);
});

test.each<[string, (record: Item) => Promise<unknown>]>([
  ['is put back to an earlier time', (record) => put({ ...record, fence: { N: '0' } })],
  ['is deleted', () => remove(isRecord)],
])(
  'a run gives its lease back when only its record %s: otherwise other work waits until a restart',
  async (_what, damage) => {
    const record = (await entries()).find(isRecord);
    if (!record) throw new Error('The run has no record.');
    await damage(record);
    await driver.listensTo('paused');
    await rig.pass(1_000);
    expect((await entries()).find(({ sk }) => sk?.S === 'lease')?.free).toEqual({ BOOL: true });
  },
);

test('a run pauses when the control table is restored to a time before it was resumed, and a person can resume it', async () => {
  const earlier = await entries();
  value(await rig.during(driver.runs.stop('U1', { now: false })));
  await driver.listensTo('stopped');
  value(await rig.during(driver.runs.resume('U1')));
  const before = (await rig.invocations()).total;
  await rig.until(async () => ((await rig.invocations()).total > before + 3 ? true : undefined));
  await restore(earlier);
  await pausesWith(/has an earlier state of r-/);
  expect((await driver.runs.current())?.state).toMatchObject({ kind: 'paused' });
  value(await rig.during(driver.runs.resume('U1')));
  await driver.listensTo('completed');
});

describe.each(['local', 'step-functions'] as const)(
  'the control table is restored to a time when a run was running (%s)',
  (engine) => {
    beforeEach(async () => {
      if (engine === 'local') return;
      await rig.close();
      rig = await startRunsRig({ engine });
      rig.aws.turn({ latencyMs: 100 });
      driver = await rig.copy();
      ({ dynamodb } = createAwsClients());
      runId = await rig.start(driver, { pace: { kind: 'fixed', perMinute: 300 } });
      await rig.untilDone(driver, 5);
    });

    test.each<[string, RegExp, (() => Promise<void>)?]>([
      ['completed', /the run completed after that, as s3:.*last-state\.json says/],
      [
        'stopped',
        /the run was stopped after that/,
        async () => void value(await rig.during(driver.runs.stop('U1', { now: false }))),
      ],
      ['been interrupted', /\d+ of its images had an outcome, and now \d+ have one, as s3:.*last-state\.json says/],
    ])(
      'a run that has %s since is not resumed by itself after a restart, and a person can resume it',
      async (end, message, ask) => {
        const earlier = await entries();
        // More than the copy has: the outcomes of many images may have come at once.
        await rig.untilDone(driver, doneOf(await driver.runs.current()) + 1);
        await ask?.();
        if (end !== 'been interrupted') await driver.listensTo(end === 'completed' ? 'completed' : 'stopped');
        // The clock stands still: it must not pass the 3 s that S3 has for the note.
        await driver.runs.shutDown();
        await restore(earlier);
        let { total } = await rig.invocations();
        driver = await rig.copy();
        driver.runs.standBy();
        const { snapshot } = await driver.listensTo('paused');
        expect(snapshot.state).toMatchObject({
          because: { kind: 'fault', fault: { reason: 'control-table', message: expect.stringMatching(message) } },
        });
        // An execution that is in progress ends its batch.
        if (engine === 'step-functions' && end === 'been interrupted') ({ total } = await rig.invocations());
        await rig.pass(30_000);
        expect((await rig.invocations()).total).toBe(total);
        const known = doneOf(await driver.runs.current());
        expect(known).toBeGreaterThan(0);
        value(await rig.during(driver.runs.resume('U1')));
        expect(doneOf((await driver.listensTo('completed')).snapshot)).toBe(60);
        // Step Functions may know the outcome of an image in progress.
        expect((await rig.invocations()).total).toBeLessThanOrEqual(total + 60 - known);
      },
    );
  },
);

test('a copy that lost its lease does not continue a run whose record is put back to an earlier state with the same fence', async () => {
  const earlier = await entries();
  await loseLease();
  await restore(earlier);
  driver.runs.standBy();
  await pausesWith(/has an earlier state of r-/);
  value(await rig.during(driver.runs.resume('U1')));
  await driver.listensTo('completed');
});

test('a run whose record is put back to an earlier state, after it was unreadable and gone, says so', async () => {
  const earlier = await entries();
  const record = earlier.find(isRecord);
  await put({ ...record, plan: { S: 'nonsense' } });
  const { snapshot } = await driver.listensTo('paused');
  await remove(isRecord);
  await rig.pass(2_000);
  await restore(earlier);
  driver.runs.standBy();
  await rig.until(async () => ((await driver.runs.current())?.state.kind === 'paused' ? true : undefined));
  const after = await driver.runs.current();
  expect(doneOf(after)).toBeLessThan(doneOf(snapshot));
  expect(after?.state).toMatchObject({
    because: { kind: 'fault', fault: { message: expect.stringMatching(/has an earlier state of r-/) } },
  });
});

test('a copy that finds a run set back does not pause it when another copy has taken it over meanwhile', async () => {
  const earlier = await entries();
  await loseLease();
  await restore(earlier.map((entry) => (entry.sk?.S === 'lease' ? { ...entry, free: { BOOL: true } } : entry)));
  const writes = driver.writes();
  rig.control.delayMs = 3_000;
  driver.runs.standBy();
  await rig.until(() => (driver.writes() > writes ? true : undefined));
  rig.control.delayMs = 0;
  const other = await rig.copy();
  other.runs.standBy();
  await other.listensTo('resumed');
  await rig.pass(4_000);
  expect((await entries()).find(isRecord)?.stateKind?.S).not.toBe('paused');
  await other.listensTo('completed');
  expect(driver.events.map(({ kind }) => kind)).not.toContain('paused');
});

test('a run whose checkpoint is damaged is paused by the copy that takes it over, says so, and can be seen and stopped', async () => {
  driver.kill();
  const record = (await entries()).find(isRecord);
  await put({ ...record, checkpoint: { S: '{"version":1}' } });
  const next = await rig.copy();
  next.runs.standBy();
  expect((await next.listensTo('paused')).snapshot.state).toMatchObject({
    because: { kind: 'fault', fault: { message: expect.stringMatching(/checkpoint cannot be read/) } },
  });
  // People can see it and stop it.
  expect((await next.runs.current())?.state.kind).toBe('paused');
  expect(value(await rig.during(next.runs.stop('U1', { now: false })))).toMatchObject({ state: { kind: 'stopped' } });
});

test('a run completes, and is not continued after a restore, also where the entry of the open run is damaged at its end', async () => {
  const earlier = await entries();
  const open = earlier.find(({ sk }) => sk?.S === 'open-run');
  await put({ ...open, stateFormat: { N: '99' } });
  await driver.listensTo('completed');
  await restore(earlier);
  driver.runs.standBy();
  const { snapshot } = await driver.listensTo('paused');
  expect(snapshot.state).toMatchObject({
    because: { kind: 'fault', fault: { message: expect.stringMatching(/has an earlier state of r-/) } },
  });
  expect((await rig.invocations()).total).toBe(60);
});

test('a run that a person resumed after a restore of the control table is resumed by itself after a crash', async () => {
  const earlier = await entries();
  await driver.listensTo('completed');
  await restore(earlier);
  driver.runs.standBy();
  await driver.listensTo('paused');
  value(await rig.during(driver.runs.resume('U1')));
  await rig.untilDone(driver, 10);
  driver.kill();
  const next = await rig.copy();
  next.runs.standBy();
  await next.listensTo('resumed');
  await next.listensTo('completed');
});

test('a run ends while the control bucket refuses its last state', async () => {
  rig.aws.turn({ accessDenied: ['s3:PutObject'] });
  await driver.listensTo('completed');
  await rig.until(async () => ((await driver.runs.current())?.state.kind === 'completed' ? true : undefined));
});

test('a plan whose run was started since is not started again after a restore of the control table', async () => {
  value(await rig.during(driver.runs.stop('U1', { now: false })));
  await driver.listensTo('stopped');
  const { runId: planned } = value(
    await driver.runs.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION }),
  );
  const earlier = await entries();
  value(await rig.during(driver.runs.start(planned, 'U1', { location: LOCATION, abandonOpen: true })));
  await driver.listensTo('completed');
  await restore(earlier);
  expect(await driver.runs.start(planned, 'U1', { location: LOCATION, abandonOpen: true })).toMatchObject({
    refusal: { reason: 'plan-gone', runId: planned, state: 'completed' },
  });
});

test('after a restore of the control table a plan gets a number that no run had, so an earlier button starts nothing', async () => {
  value(await rig.during(driver.runs.stop('U1', { now: false })));
  await driver.listensTo('stopped');
  const earlier = await entries();
  const planned = async () =>
    value(await driver.runs.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: LOCATION })).runId;
  const [second, third] = [await planned(), await planned()];
  await restore(earlier);
  const next = await planned();
  expect([second, third, next]).toEqual(['r-0002', 'r-0003', 'r-0004']);
  expect(await driver.runs.start(third, 'U1', { location: LOCATION })).toMatchObject({
    refusal: { reason: 'plan-gone', runId: third },
  });
});

test('a run pauses when its record has another plan than the bot writes, and every request says which entry it is', async () => {
  const [record] = (await entries()).filter(isRecord);
  await put({ ...record, plan: { S: 'nonsense' } });
  await pausesWith(UNREADABLE);
  await expect(driver.runs.current()).rejects.toMatchObject({
    fault: { reason: 'control-table', message: expect.stringMatching(UNREADABLE) },
  });
  await put({ ...record });
  await rig.pass(5_000);
  expect((await driver.runs.current())?.state.kind).toBe('paused');
});

test('a run whose state somebody overwrote pauses and writes its state, and a person can resume it', async () => {
  const [record] = (await entries()).filter(isRecord);
  await put({ ...record, state: { S: 'nonsense' } });
  await pausesWith(UNREADABLE);
  expect(await driver.runs.current()).toMatchObject({ runId, state: { kind: 'paused' } });
  value(await rig.during(driver.runs.resume('U1')));
  await driver.listensTo('completed');
});
