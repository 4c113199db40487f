import { readFileSync } from 'node:fs';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { parseEntry } from '../../../src/backup/format/export-record.ts';
import { createAuditLog } from '../../../src/checklist/audit/audit-log.ts';
import { createAutopilotStore } from '../../../src/checklist/autopilot/autopilot-store.ts';
import { createDeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { createChecklistStore } from '../../../src/checklist/steps/checklist-store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { STATE_FORMAT } from '../../../src/state/table/format.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';

/**
 * Entries and a backup record as the version before format 2 wrote them: a backup, a flush, a run, restores, a run of two people, a
 * deploy, a rollback, an autopilot and a planned run, in the sandbox.
 */
const fixture = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const PIPELINE = 'TimesheetOCR-ocr-dev';

let dynamo: LocalDynamo;
let count = 0;
beforeAll(async () => {
  dynamo = await startDynalite({ createTableMs: 1 });
});
afterAll(() => dynamo.stop());

async function tableWith(lines: readonly string[]) {
  const tableName = `formats-${count++}`;
  const table = await openControlTable({ dynamodb: dynamo.client, tableName, clock: systemClock });
  for (const line of lines)
    await dynamo.client.send(new PutItemCommand({ TableName: tableName, Item: JSON.parse(line) }));
  return { table, tableName };
}
const yesterday = () => tableWith(fixture('./control-table-1.jsonl').trim().split('\n'));

describe('Entries that an earlier version wrote', () => {
  test('are read as they were: runs with their outcomes, checklists, approvals, deploys, autopilot and audit', async () => {
    const { table } = await yesterday();
    const runs = createRunStore(table, PIPELINE, TIMESHEETS.reply);
    const records = await Array.fromAsync(runs.newestFirst());
    expect(records.map(({ runId, state }) => `${runId} ${state.kind}`)).toEqual([
      'r-0004 planned',
      'r-0003 completed',
      'r-0002 completed',
      'r-0001 completed',
    ]);
    for (const { runId, plan } of records.slice(1)) {
      const outcomes = (await Array.fromAsync(runs.journal(runId, 0))).flatMap((chunk) => chunk.records);
      expect(new Set(outcomes.map(({ index }) => index)).size).toBe(plan.total);
    }
    const checklists = createChecklistStore(table, PIPELINE);
    const listed = await Array.fromAsync(checklists.list(10));
    expect(listed.map(({ id }) => id)).toEqual(['c-0003', 'c-0002', 'c-0001']);
    expect((await checklists.steps('c-0003')).length).toBeGreaterThan(4);
    const approvals = createApprovalStore(table, PIPELINE);
    expect((await approvals.read('a-7b4277c1'))?.state.kind).toBe('used');
    expect(await createDeployStore(table, PIPELINE).last()).toMatchObject({ by: 'U0OPERATOR' });
    expect(await createAutopilotStore(table, PIPELINE).read()).toMatchObject({ state: 'finished' });
    const audit = createAuditLog(table, PIPELINE, {
      anchors: { read: async () => new Map() },
      warn: (message, cause) => {
        throw new Error(message, { cause });
      },
    });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 89 });
  });

  test('get the format of today when they are changed', async () => {
    const { table, tableName } = await yesterday();
    const changed = await createRunStore(table, PIPELINE, TIMESHEETS.reply).change('r-0004', { set: { stop: true } });
    expect(changed).toMatchObject({ ok: true, record: { runId: 'r-0004', stop: true } });
    const Key = { pk: { S: 'run#r-0004' }, sk: { S: 'run' } };
    const { Item } = await dynamo.client.send(new GetItemCommand({ TableName: tableName, Key }));
    expect(Item?.stateFormat).toEqual({ N: String(STATE_FORMAT) });
  });
});

describe('An entry that a newer version wrote', () => {
  const entry = { pk: { S: 'run#r-0001' }, sk: { S: 'run' }, stateFormat: { N: String(STATE_FORMAT + 1) } };
  const key = { pk: 'run#r-0001', sk: 'run' };
  test.each([
    ['read', (table: Awaited<ReturnType<typeof yesterday>>['table']) => table.read(key)],
    ['changed without a condition', (table) => table.update(key, { set: { stop: true } })],
    ['changed with a condition', (table) => table.update(key, { set: { stop: true } }, { exists: true })],
    ['deleted', (table) => table.remove(key)],
    ['listed', (table) => Array.fromAsync(table.list(key.pk))],
  ] satisfies [string, (table: Awaited<ReturnType<typeof yesterday>>['table']) => Promise<unknown>][])(
    'is not %s: the bot says which entry it is, and what to run',
    async (_, use) => {
      const { table, tableName } = await tableWith([JSON.stringify(entry)]);
      await expect(use(table)).rejects.toMatchObject({
        fault: {
          message: expect.stringMatching(
            /^A newer version of the bot wrote the entry with pk "run#r-0001" and sk "run"/,
          ),
          fix: expect.stringMatching(/^Run the newer version of the bot\./),
        },
      });
      const Key = { pk: entry.pk, sk: entry.sk };
      expect((await dynamo.client.send(new GetItemCommand({ TableName: tableName, Key }))).Item).toEqual(entry);
    },
  );
});

describe('The record of a backup', () => {
  test('that an earlier version wrote is read as it was', () => {
    expect(parseEntry(fixture('./rescan-backup-1.json'))).toMatchObject({
      format: 'rescan-backup/1',
      purpose: 'backup',
    });
  });

  test.each(['rescan-backup/2', 'rescan-export/7'])('of the newer format %s is refused with a clear line', (format) => {
    const text = JSON.stringify({ ...JSON.parse(fixture('./rescan-backup-1.json')), format });
    expect(() => parseEntry(text)).toThrow(`its record has the format ${format}, and this version reads format 1`);
  });
});
