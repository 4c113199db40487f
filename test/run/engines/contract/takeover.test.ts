import { writeFileSync } from 'node:fs';
import { DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, test } from 'vitest';
import { LOCATION, type RunsRig, startRunsRig, value } from '../../../support/rigs/runs-rig.ts';

const ENGINES = ['local', 'step-functions'] as const;
const MACHINE = 'arn:aws:states:us-east-1:016164185850:stateMachine:rescan-bot';
const PACE = { kind: 'fixed', perMinute: 600 } as const;
/** The write to the control table with which a start names its first execution. */
const WRITE_OF_THE_NAME = 8;

let rig: RunsRig;
afterEach(() => rig.close());

describe.each(ENGINES)('the engine %s', (engine) => {
  test('goes on with a run whose bot was killed, and repeats only images that were in flight', async () => {
    rig = await startRunsRig({ images: 80, engine });
    const killed = await rig.copy();
    await rig.start(killed, { pace: PACE });
    await rig.untilDone(killed, 10);
    killed.kill();
    const next = await rig.copy();
    next.runs.standBy();
    const resumed = await next.listensTo('resumed');
    expect(resumed).toMatchObject({ from: 'interrupted' });
    const end = await next.listensTo('completed');
    expect(end.snapshot.totals).toMatchObject({ failed: 0, noRows: 0 });
    const { counts } = await rig.invocations();
    expect(counts).toHaveLength(80);
    // At Step Functions the images in flight go on without the bot.
    const repeated = counts.filter((times) => times > 1).length;
    expect(repeated).toBeLessThanOrEqual(engine === 'local' ? 20 : 0);
  });

  test('is stopped through a copy that does not drive it', async () => {
    rig = await startRunsRig({ images: 80, engine });
    const [driver, other] = [await rig.copy(), await rig.copy()];
    await rig.start(driver, { pace: PACE });
    await rig.untilDone(driver, 5);
    const stopped = value(await rig.during(other.runs.stop('U9', { now: false })));
    expect(stopped.state).toMatchObject({ kind: 'stopped', by: { by: 'U9' } });
    await driver.listensTo('stopped');
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(80);
    await rig.pass(10_000);
    expect((await rig.invocations()).total).toBe(total);
  });
});

describe('a run on Step Functions while no bot runs', () => {
  async function abandoned(settings: Record<string, string> = {}) {
    rig = await startRunsRig({ images: 80, engine: 'step-functions' });
    const bot = await rig.copy(settings);
    const runId = await rig.start(bot, { pace: PACE });
    await rig.untilDone(bot, 5);
    await rig.during(bot.runs.shutDown());
    return { bot, runId };
  }

  test('continues, and the bot says so; the next bot counts what ended meanwhile', async () => {
    const { bot } = await abandoned({ AUTO_RESUME: 'false' });
    expect(bot.events.at(-1)).toMatchObject({
      kind: 'left',
      why: 'shutdown',
      snapshot: { state: { kind: 'running' } },
    });
    const before = (await rig.invocations()).total;
    await rig.until(async () => ((await rig.invocations()).total > before + 20 ? true : undefined));
    const next = await rig.copy({ AUTO_RESUME: 'false' });
    next.runs.standBy();
    expect(await next.listensTo('resumed')).toMatchObject({ repeating: 0 });
    const { totals } = (await next.listensTo('completed')).snapshot;
    expect(totals).toMatchObject({ failed: 0, calls: 80 });
    expect((await rig.invocations()).counts).toEqual(Array(80).fill(1));
  });

  test('stops by the attribute that somebody sets by hand', async () => {
    const { runId } = await abandoned();
    await new DynamoDBClient({}).send(
      new UpdateItemCommand({
        TableName: 'rescan-bot-control',
        Key: { pk: { S: `run#${runId}` }, sk: { S: 'run' } },
        UpdateExpression: 'SET #stop = :yes',
        ExpressionAttributeNames: { '#stop': 'stop' },
        ExpressionAttributeValues: { ':yes': { BOOL: true } },
      }),
    );
    await rig.pass(10_000);
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(80);
    await rig.pass(20_000);
    expect((await rig.invocations()).total).toBe(total);
    const next = await rig.copy();
    next.runs.standBy();
    expect((await next.listensTo('stopped')).snapshot.state).toEqual({
      kind: 'stopped',
      by: { kind: 'control-table' },
    });
    value(await rig.during(next.runs.resume('U1')));
    await next.listensTo('completed');
    expect((await rig.invocations()).counts).toEqual(Array(80).fill(1));
  });

  test('does nothing more by an execution that its record does not name', async () => {
    const { runId } = await abandoned();
    await new DynamoDBClient({}).send(
      new UpdateItemCommand({
        TableName: 'rescan-bot-control',
        Key: { pk: { S: `run#${runId}` }, sk: { S: 'run' } },
        UpdateExpression: 'SET #execution = :other',
        ExpressionAttributeNames: { '#execution': 'execution' },
        ExpressionAttributeValues: { ':other': { S: 'another' } },
      }),
    );
    await rig.pass(10_000);
    const { total } = await rig.invocations();
    expect(total).toBeLessThan(80);
    await rig.pass(20_000);
    expect((await rig.invocations()).total).toBe(total);
    const next = await rig.copy();
    next.runs.standBy();
    await next.listensTo('completed');
    expect((await rig.invocations()).counts).toEqual(Array(80).fill(1));
  });

  test('whose bot died before it started the execution starts none where a stop file is there', async () => {
    rig = await startRunsRig({ images: 30, engine: 'step-functions' });
    const request = { selection: {}, paceSetting: PACE, by: 'U1', location: LOCATION };
    const { runId } = value(await (await rig.copy()).runs.plan(request));
    const dying = await rig.copy({}, { diesAtWrite: WRITE_OF_THE_NAME, isStored: true });
    void dying.runs.start(runId, 'U1', { location: LOCATION });
    await rig.pass(2_000);
    const { Item } = await new DynamoDBClient({}).send(
      new GetItemCommand({
        TableName: 'rescan-bot-control',
        Key: { pk: { S: `run#${runId}` }, sk: { S: 'run' } },
      }),
    );
    expect(Item?.executionFacts?.M?.isStarted).toEqual({ BOOL: false });
    writeFileSync(rig.stopFile, '');
    const next = await rig.copy();
    next.runs.standBy();
    expect((await next.listensTo('stopped')).snapshot.state).toMatchObject({ by: { kind: 'stop-file' } });
    const { executions = [] } = await new SFNClient({}).send(new ListExecutionsCommand({ stateMachineArn: MACHINE }));
    expect(executions).toEqual([]);
  });

  test('is stopped by the first bot that a person asks, and so is its execution', async () => {
    await abandoned();
    const next = await rig.copy();
    const answer = value(await rig.during(next.runs.stop('U9', { now: false })));
    expect(answer.state.kind === 'stopped' || answer.draining).toBe(true);
    const by = { kind: 'person', by: 'U9' };
    expect((await next.listensTo('stopped')).snapshot.state).toEqual({ kind: 'stopped', by });
    const { executions = [] } = await new SFNClient({}).send(new ListExecutionsCommand({ stateMachineArn: MACHINE }));
    expect(executions.map(({ status }) => status)).not.toContain('RUNNING');
  });
});

test('a start on Step Functions without the state machine is refused with the command that installs it', async () => {
  rig = await startRunsRig({ images: 5 });
  const bot = await rig.copy({ RUN_ENGINE: 'step-functions' });
  const answer = await bot.runs.plan({
    selection: {},
    paceSetting: PACE,
    by: 'U1',
    location: { channel: 'C1' },
  });
  expect(answer).toMatchObject({
    ok: false,
    refusal: {
      reason: 'fault',
      fault: { reason: 'state-machine', fix: expect.stringContaining('/rescan engine install') },
    },
  });
});
