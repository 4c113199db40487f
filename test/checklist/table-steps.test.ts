import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Approval } from '../../src/approvals/approval.ts';
import { createApprovalStore } from '../../src/approvals/approval-store.ts';
import type { BackupRecord } from '../../src/backup/format.ts';
import { assembleRescans } from '../../src/checklist/assemble.ts';
import type { Audit } from '../../src/checklist/assemble-audit.ts';
import type { Checklist } from '../../src/checklist/checklist.ts';
import { createJobRecord } from '../../src/checklist/job-record.ts';
import type { TableAnswer, TableEvent } from '../../src/checklist/table-control.ts';
import { actOf, type TableSteps } from '../../src/checklist/table-steps.ts';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/log.ts';
import { type AwsClients, createAwsClients } from '../../src/pipeline/aws.ts';
import { codeIdentity, describeFunction } from '../../src/pipeline/ocr-function.ts';
import type { RunSnapshot } from '../../src/rescan/types.ts';
import { type LocalAws, startLocalAws } from '../../src/sandbox/aws/server.ts';
import { type ControlTable, openControlTable } from '../../src/state/control-table.ts';
import { createScriptedRunControl, runSnapshot } from '../support/scripted-run-control.ts';

let aws: LocalAws;
let clients: AwsClients;
let folder: string;
let run: RunSnapshot | undefined;
const open: TableSteps[] = [];

beforeEach(async () => {
  aws = await startLocalAws({ port: 0, images: 12 });
  folder = await mkdtemp(join(tmpdir(), 'rescan-steps-'));
  run = undefined;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  });
  clients = createAwsClients();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((steps) => steps.shutDown()));
  await aws.close();
  await rm(folder, { recursive: true, force: true });
});

interface Steps {
  readonly steps: TableSteps;
  readonly checklist: Checklist;
  readonly audit: Audit;
  readonly table: ControlTable;
  readonly events: TableEvent[];
  hears<Kind extends TableEvent['kind']>(kind: Kind): Promise<Extract<TableEvent, { kind: Kind }>>;
}

async function startSteps(settings: Record<string, string> = {}): Promise<Steps> {
  const config = readConfig({
    SLACK_BOT_TOKEN: 'xoxb-1',
    SLACK_APP_TOKEN: 'xapp-1',
    SLACK_CHANNELS: 'C01',
    STOP_FILE: join(folder, 'STOP'),
    LEASE_SECONDS: '5',
    LOG_LEVEL: 'silent',
    SAMPLE_IMAGES: '0',
    ...settings,
  });
  const table = await openControlTable({
    dynamodb: clients.dynamodb,
    tableName: config.CONTROL_TABLE,
    clock: systemClock,
  });
  const {
    tables: steps,
    checklist,
    audit,
  } = assembleRescans({
    config,
    aws: clients,
    table,
    clock: systemClock,
    random: Math.random,
    logger: createLogger('silent'),
    holder: randomUUID(),
    runs: { ...createScriptedRunControl(), current: async () => run },
    pace: { kind: 'auto' },
  });
  // What the checklist asks for besides the backup is proven: these tests are about the table.
  const codeSha256 = codeIdentity(await describeFunction(clients.lambda, config.OCR_FUNCTION));
  await checklist.prove('logging', { by: 'U1', codeSha256 });
  open.push(steps);
  const events: TableEvent[] = [];
  steps.watch((event) => {
    // What these tests wait for is how a request ended, not that it was made.
    const isAsked = event.kind === 'approval-changed' && event.approval.state.kind === 'pending';
    if (!isAsked) events.push(event);
  });
  const isOf =
    <Kind extends TableEvent['kind']>(kind: Kind) =>
    (event: TableEvent): event is Extract<TableEvent, { kind: Kind }> =>
      // That a request was made is told as well: tests wait for what it comes to.
      event.kind === kind && !(event.kind === 'approval-changed' && event.approval.state.kind === 'pending');
  return {
    steps,
    checklist,
    audit,
    table,
    events,
    async hears(kind) {
      const until = Date.now() + 10_000;
      for (;;) {
        const found = events.find(isOf(kind));
        if (found) return found;
        if (Date.now() > until) throw new Error(`No ${kind}; heard ${JSON.stringify(events).slice(-1_500)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

function value<T>(answer: TableAnswer<T>): T {
  if (!answer.ok) throw new Error(`Refused: ${JSON.stringify(answer.refusal)}`);
  return answer.value;
}

async function backup({ steps, events }: Steps): Promise<BackupRecord> {
  value(await steps.backup({ by: 'U1', place: { channel: 'C01' } }));
  for (;;) {
    const end = events.findLast((event) => event.kind === 'finished' || event.kind === 'failed');
    if (end?.kind === 'finished' && end.result.kind === 'backup') {
      events.length = 0;
      return end.result.record;
    }
    if (end?.kind === 'failed') throw new Error(JSON.stringify(end.refusal));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function request({ steps }: Steps): Promise<Approval> {
  const plan = value(await steps.planFlush({ failedOnly: false, hold: false }));
  const approval = value(await steps.request({ act: plan.act, by: 'U1', channel: 'C01' }));
  await steps.setMessage(approval.id, '1.1');
  return approval;
}
const yes = { decision: 'approve', by: 'U2', channel: 'C01', ts: '1.1', standing: 'approver' } as const;

const put = (name: string) =>
  clients.dynamodb.send(
    new PutItemCommand({
      TableName: 'TimesheetOCR-dev',
      Item: { ResourceName: { S: name }, DateProjectCode: { S: '2026-01-01#P' } },
    }),
  );
const countSchema = z.object({ total: z.number() });
const inTable = async () => countSchema.parse(await (await fetch(`${aws.url}/sandbox/table`)).json()).total;

describe('what a flush is refused for, before anybody is asked', () => {
  test('no backup', async () => {
    const { steps } = await startSteps();
    expect(await steps.planFlush({ failedOnly: false, hold: false })).toEqual({
      ok: false,
      refusal: { reason: 'no-backup' },
    });
  });

  test('a backup that is too old', async () => {
    const bot = await startSteps({ BACKUP_MAX_AGE_HOURS: '0.01' });
    const record = await backup(bot);
    const old = { ...record, startedAt: record.startedAt - 60_000 };
    const Key = `backups/AWSDynamoDB/${record.id}/rescan-backup.json`;
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(old) }));
    expect(await bot.steps.planFlush({ failedOnly: false, hold: false })).toMatchObject({
      refusal: { reason: 'backup-too-old', backupId: record.id, mostMs: 36_000 },
    });
  });

  test('a backup of another table', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const other = { ...record, id: 'other', table: { ...record.table, arn: `${record.table.arn}-prod` } };
    const Key = 'backups/AWSDynamoDB/other/rescan-backup.json';
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(other) }));
    expect(await bot.steps.planFlush({ failedOnly: false, hold: false, backupId: 'other' })).toMatchObject({
      refusal: { reason: 'backup-of-another-table' },
    });
  });

  test('a table that differs by more than the setting allows', async () => {
    const bot = await startSteps({ FLUSH_MAX_DIFFERENCE: '1' });
    await backup(bot);
    await put('A');
    await put('B');
    expect(await bot.steps.planFlush({ failedOnly: false, hold: false })).toMatchObject({
      refusal: { reason: 'differs', difference: { added: 2, changed: 0, removed: 0 }, most: 1 },
    });
  });

  test('a run that is active', async () => {
    const bot = await startSteps();
    await backup(bot);
    run = runSnapshot();
    expect(await bot.steps.planFlush({ failedOnly: false, hold: false })).toMatchObject({
      refusal: { reason: 'run-active' },
    });
    expect(await bot.steps.planRestore({ backupId: 'x', mode: 'merge' })).toMatchObject({
      refusal: { reason: 'run-active' },
    });
  });

  test('a bucket that is not there', async () => {
    const bot = await startSteps({ CONTROL_BUCKET: 'no-such-bucket' });
    await bot.steps.backup({ by: 'U1', place: { channel: 'C01' } });
    expect((await bot.hears('failed')).refusal).toEqual({ reason: 'place', bucket: 'no-such-bucket', why: 'missing' });
  });
});

describe('an approval', () => {
  test('is carried out once, and the table is empty', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    const clicks = await Promise.all([1, 2, 3].map(() => bot.steps.click(approval.id, yes)));
    expect(clicks.filter((click) => click.ok)).toHaveLength(1);
    expect((await bot.hears('finished')).result).toMatchObject({ kind: 'flush', newRows: 0 });
    expect(await inTable()).toBe(0);
    expect(await bot.steps.click(approval.id, yes)).toMatchObject({
      refusal: { reason: 'click', refusal: { reason: 'decided' } },
    });
  });

  test('does not help a backup that was altered since: it is found before anything is deleted, and the object is named', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    const before = await inTable();
    const Key = record.files[0]?.key ?? '';
    const found = await clients.s3.send(new GetObjectCommand({ Bucket: 'rescan-bot-control', Key }));
    const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: bytes }));
    await bot.steps.click(approval.id, yes);
    expect((await bot.hears('failed')).refusal).toMatchObject({
      reason: 'backup-damaged',
      object: expect.stringContaining(Key),
    });
    expect(await inTable()).toBe(before);
  });

  test('is void when the backup is gone', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    const Key = `backups/AWSDynamoDB/${record.id}/rescan-backup.json`;
    await clients.s3.send(new DeleteObjectCommand({ Bucket: 'rescan-bot-control', Key }));
    expect(value(await bot.steps.click(approval.id, yes)).refused).toMatchObject({ reason: 'backup-not-found' });
    expect((await bot.steps.approval(approval.id))?.state.kind).toBe('void');
  });

  test('is void when a record came since, and says what changed', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    await put('Zed');
    const { refused } = value(await bot.steps.click(approval.id, yes));
    expect(refused).toMatchObject({
      reason: 'use',
      refusal: { reason: 'changed', changed: [{ name: 'records counted' }] },
    });
  });

  test('that is taken back while its act looks whether it may begin is not carried out: a stop is in time up to there', async () => {
    const bot = await startSteps({ LEASE_SECONDS: '10' });
    await backup(bot);
    for (const takeBack of [
      (id: string) => bot.steps.withdraw(id, 'U9'),
      async () => (await bot.steps.withdrawApproved('U9')).length === 1,
    ]) {
      const approval = await request(bot);
      aws.turn({ addedLatencyMs: 60 });
      const clicked = bot.steps.click(approval.id, yes);
      while ((await bot.steps.approval(approval.id))?.state.kind === 'pending');
      expect(await takeBack(approval.id)).toBe(true);
      aws.turn({ addedLatencyMs: 0 });
      expect(value(await clicked).refused).toMatchObject({
        reason: 'use',
        refusal: { reason: 'not-approved', state: { kind: 'withdrawn', by: 'U9' } },
      });
      expect(await bot.steps.current()).toBeUndefined();
    }
    expect(bot.events.filter(({ kind }) => kind === 'started')).toEqual([]);
  });

  test('whose act was claimed by a process that died before it began is void: nobody goes on with it', async () => {
    const bot = await startSteps();
    await backup(bot);
    const before = await inTable();
    const approval = await request(bot);
    const approved = { kind: 'approved', by: 'U2', at: Date.now() } as const;
    await createApprovalStore(bot.table, 'TimesheetOCR-ocr-dev').move(approval.id, 'pending', approved);
    await createJobRecord(bot.table, 'TimesheetOCR-ocr-dev').claim({
      id: approval.id,
      work: actOf(approval),
      by: 'U1',
      place: { channel: 'C01' },
      startedAt: Date.now(),
    });
    bot.steps.standBy();
    expect((await bot.hears('approval-changed')).approval.state.kind).toBe('void');
    while (await bot.steps.current()) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await inTable()).toBe(before);
  });

  test('is void where its checklist was closed, and its message is told', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    expect(await bot.checklist.close('U9')).toMatchObject({ ok: true, value: { withdrew: true } });
    expect((await bot.hears('approval-changed')).approval.state).toMatchObject({ kind: 'withdrawn', by: 'U9' });
    expect(await bot.steps.click(approval.id, yes)).toMatchObject({
      refusal: { reason: 'click', refusal: { reason: 'decided', state: { kind: 'withdrawn' } } },
    });
  });

  test('holds for the overrides it was given on, and tells them', async () => {
    const bot = await startSteps({ SAMPLE_IMAGES: '3' });
    await backup(bot);
    expect(await bot.checklist.override('sample', 'U2', 'no image came today')).toMatchObject({ ok: true });
    const approval = await request(bot);
    expect(approval.fingerprint).toContainEqual({
      name: 'passed over: sample',
      value: 'U2 because no image came today',
    });
    await bot.checklist.override('sample', 'U3', 'another reason');
    expect(value(await bot.steps.click(approval.id, yes)).refused).toMatchObject({
      reason: 'use',
      refusal: { reason: 'changed', changed: [{ name: 'passed over: sample' }] },
    });
  });

  test('is in the audit from the request to the end, before anything is deleted', async () => {
    const bot = await startSteps();
    await backup(bot);
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.hears('finished');
    await bot.audit.close(5_000);
    const told: string[] = [];
    for await (const { who, what, outcome } of bot.audit.entries())
      if (what.includes(approval.id)) told.push(`${who}: ${what}: ${outcome.replace(/ on backup \S+/, '')}`);
    expect(told).toEqual([
      `U1: approval ${approval.id} of a flush: asked for,`,
      `U2: approval ${approval.id} of a flush: approved`,
      `U2: flush ${approval.id}: approved, and about to begin`,
      `U1: flush ${approval.id}: began, approved by U2`,
      expect.stringMatching(/^U1: flush .* records deleted, 0 left$/),
    ]);
    expect(await bot.audit.verify()).toMatchObject({ ok: true, anchors: expect.any(Number) });
  });

  test('expires by itself, and its message is told', async () => {
    const bot = await startSteps({ APPROVAL_MINUTES: '0.1' });
    await backup(bot);
    const approval = await request(bot);
    bot.steps.standBy();
    const told = await bot.hears('approval-changed');
    expect(told.approval).toMatchObject({ id: approval.id, state: { kind: 'expired' } });
  });

  test('keeps its backup from being pruned', async () => {
    const bot = await startSteps();
    const first = await backup(bot);
    await request(bot);
    await backup(bot);
    await backup(bot);
    const plan = value(await bot.steps.planPrune(1));
    expect(plan.spared).toMatchObject([{ record: { id: first.id }, because: 'in-use' }]);
    expect(value(await bot.steps.prune([first.id], 'U1'))).toBe(0);
    expect(
      value(
        await bot.steps.prune(
          plan.remove.map((record) => record.id),
          'U1',
        ),
      ),
    ).toBe(1);
  });
});

describe('a job', () => {
  test('stops between batches, from another copy of the bot too, and what it deleted is in the backup', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    const record = await backup(bot);
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 400 });
    await bot.steps.click(approval.id, yes);
    await bot.hears('progress');
    value(await other.steps.stop('U9'));
    expect(await bot.hears('stopped')).toMatchObject({ by: 'U9' });
    aws.turn({ addedLatencyMs: 0 });
    const change = value(await bot.steps.planRestore({ backupId: record.id, mode: 'replace' })).change;
    expect(change.added + change.same).toBe(record.counts.total);
    expect(await bot.steps.current()).toBeUndefined();
  });

  test('is kept from starting by the stop file, and by another job', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    await backup(bot);
    const [first, second] = [await request(bot), await request(other)];
    writeFileSync(join(folder, 'STOP'), '');
    expect(value(await bot.steps.click(first.id, yes)).refused).toMatchObject({ reason: 'stop-file' });
    await rm(join(folder, 'STOP'));
    const third = await request(other);
    aws.turn({ addedLatencyMs: 40 });
    value(await bot.steps.click(second.id, yes));
    expect(value(await other.steps.click(third.id, yes)).refused).toMatchObject({
      reason: expect.stringMatching(/job-active|busy/),
    });
    aws.turn({ addedLatencyMs: 0 });
    await bot.hears('finished');
  });

  test('is taken over by another copy when its own goes down', async () => {
    const [bot, other] = [await startSteps(), await startSteps()];
    await backup(bot);
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 40 });
    await bot.steps.click(approval.id, yes);
    await bot.hears('progress');
    await bot.steps.shutDown();
    aws.turn({ addedLatencyMs: 0 });
    other.steps.standBy();
    await other.hears('resumed');
    await other.hears('finished');
    expect(await inTable()).toBe(0);
  });
});

describe('the old format', () => {
  const uri = 's3://rescan-bot-control/db_backup_20250101_000000.json';
  const putOld = (text: string) =>
    clients.s3.send(
      new PutObjectCommand({ Bucket: 'rescan-bot-control', Key: 'db_backup_20250101_000000.json', Body: text }),
    );

  test('is recognised and refused with what it lost', async () => {
    const { steps } = await startSteps();
    await putOld(
      JSON.stringify([{ ResourceName: 'A', DateProjectCode: 'B', Hours: '7.5', WeeksSubmitted: "{'2025-01-06'}" }]),
    );
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy', items: 1 } });
  });

  test('that is no list of records is said so', async () => {
    const { steps } = await startSteps();
    await putOld('not json');
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy-unreadable' } });
  });
});
