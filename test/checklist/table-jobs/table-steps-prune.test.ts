import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { writeRecord } from '../../../src/backup/catalogue/catalogue.ts';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import { versionId } from '../../../src/backup/format/digest.ts';
import { entryId, keyReader } from '../../../src/backup/format/item-key.ts';
import type { PruneAction } from '../../../src/checklist/contracts/table-action.ts';
import {
  aws,
  backup,
  clients,
  freshForEachTest,
  put,
  request,
  type Steps,
  startSteps,
  value,
  yes,
} from './table-steps-rig.ts';

freshForEachTest();

const location = () => ({ s3: clients.s3, bucket: 'rescan-bot-control', prefix: 'backups/' });
const idsIn = async ({ steps }: Steps) => value(await steps.backups()).map(({ id }) => id);

/** Three backups, oldest last; the open checklist relies on the newest one. */
async function threeBackups(bot: Steps): Promise<readonly [BackupRecord, BackupRecord, BackupRecord]> {
  const [c, b, a] = [await backup(bot), await backup(bot), await backup(bot)];
  return [a, b, c];
}

async function ask({ steps }: Steps, action?: PruneAction) {
  const wanted = action ?? value(await steps.planPrune(1)).action;
  if (!wanted) throw new Error('nothing to delete');
  const approval = value(await steps.request({ action: wanted, by: 'U1', channel: 'C01' }));
  await steps.setMessage(approval.id, '1.1');
  return approval;
}

describe('the deletion of backups', () => {
  test('Exactly the listed backups are deleted after a second person approves, each in the audit first', async () => {
    const bot = await startSteps();
    const [a, b, c] = await threeBackups(bot);
    const approval = await ask(bot);
    expect(approval.fingerprint.filter(({ name }) => name.startsWith('backup '))).toEqual(
      [b, c].map(({ id, counts, digest }) => ({
        name: `backup ${id}`,
        value: `${counts.total} records, checksum ${digest.sum}`,
      })),
    );
    expect(await bot.steps.click(approval.id, { ...yes, by: 'U1' })).toMatchObject({
      ok: false,
      refusal: { refusal: { reason: 'own-request' } },
    });
    expect(await idsIn(bot)).toHaveLength(3);
    value(await bot.steps.click(approval.id, yes));
    expect((await bot.listensTo('finished')).result).toEqual({
      kind: 'prune',
      backups: 2,
      records: b.counts.total + c.counts.total,
    });
    expect(await idsIn(bot)).toEqual([a.id]);
    const entries = (await Array.fromAsync(bot.audit.entries({ limit: 50 }))).map(({ what, outcome }) => [
      what,
      outcome,
    ]);
    for (const { id } of [b, c]) expect(entries).toContainEqual([`backup ${id}`, 'begun: its deletion']);
  });

  test('A listed backup that has changed or is needed since is not deleted, and neither are the others', async () => {
    const bot = await startSteps();
    const [, b, c] = await threeBackups(bot);
    const changed = await ask(bot);
    await writeRecord(location(), { ...c, counts: { ...c.counts, total: c.counts.total + 1 } });
    expect(value(await bot.steps.click(changed.id, yes)).refused).toMatchObject({
      reason: 'backup-in-use',
      backupId: c.id,
      because: 'most-records',
    });
    await writeRecord(location(), { ...c, digest: { ...c.digest, sum: 'f'.repeat(64) } });
    const other = await ask(bot);
    await writeRecord(location(), c);
    expect(value(await bot.steps.click(other.id, yes)).refused).toMatchObject({
      reason: 'use',
      refusal: { reason: 'changed', changed: [{ name: `backup ${c.id}` }] },
    });
    const needed = await ask(bot);
    const { action } = value(await bot.steps.planFlush({ failedOnly: false, backupId: b.id }));
    value(await bot.steps.request({ action, by: 'U3', channel: 'C01' }));
    expect(value(await bot.steps.click(needed.id, yes)).refused).toMatchObject({ because: 'in-use', backupId: b.id });
    expect(await idsIn(bot)).toHaveLength(3);
  });

  test('The backups of the open checklist and of a flush are kept', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('finished');
    // A backup of the emptied table replaces the step of the checklist.
    await backup(bot);
    const plan = value(await bot.steps.planPrune(1));
    expect(plan).toMatchObject({ remove: [], spared: [{ record: { id: record.id } }] });
    expect(plan.action).toBeUndefined();
    const action = {
      kind: 'prune',
      keep: 1,
      backups: [{ id: record.id, records: record.counts.total, digest: record.digest.sum }],
    } as const;
    expect(
      await bot.steps.request({ action: { ...action, backups: [...action.backups] }, by: 'U1', channel: 'C01' }),
    ).toMatchObject({ ok: false, refusal: { reason: 'backup-in-use' } });
  });

  test('A backup that a restore of rows used is kept, with the versions that were replaced', async () => {
    const bot = await startSteps();
    await put('Somebody');
    const [, b] = await threeBackups(bot);
    const seen = { ResourceName: { S: 'Somebody' }, DateProjectCode: { S: '2026-01-01#P' }, Hours: { N: '9' } };
    await clients.dynamodb.send(new PutItemCommand({ TableName: 'TimesheetOCR-dev', Item: seen }));
    const id = entryId(keyReader(b.table.keys)(seen));
    const overwrites = [{ id, seen: versionId(seen) }];
    const action = { kind: 'restore', mode: 'rows', backupId: b.id, entries: [], overwrites } as const;
    const asked = value(
      await bot.steps.request({ action: { ...action, entries: [], overwrites }, by: 'U1', channel: 'C01' }),
    );
    await bot.steps.setMessage(asked.id, '1.1');
    value(await bot.steps.click(asked.id, yes));
    expect((await bot.listensTo('finished')).result).toMatchObject({ kind: 'restore-rows', overwritten: 1 });
    const { remove, spared } = value(await bot.steps.planPrune(1));
    expect(spared.map(({ record, because }) => [record.id, because])).toContainEqual([b.id, 'named']);
    expect(remove.map((record) => record.id)).not.toContain(b.id);
    const Prefix = `backups/AWSDynamoDB/${b.id}/replaced/`;
    const kept = await clients.s3.send(new ListObjectsV2Command({ Bucket: 'rescan-bot-control', Prefix }));
    expect(kept.Contents?.length).toBeGreaterThan(0);
  });

  test('A deletion whose process shut down is completed by the next one, without a rest in the bucket', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    const [a, , c] = await threeBackups(bot);
    const approval = await ask(bot);
    aws.turn({ addedLatencyMs: 30 });
    value(await bot.steps.click(approval.id, yes));
    await bot.listensTo('progress');
    await bot.steps.shutDown();
    aws.turn({ addedLatencyMs: 0 });
    expect(bot.events.some(({ kind }) => kind === 'finished')).toBe(false);
    other.steps.standBy();
    expect((await other.listensTo('finished')).result).toMatchObject({ kind: 'prune', backups: 2 });
    expect(await idsIn(other)).toEqual([a.id]);
    const left = await clients.s3.send(
      new ListObjectsV2Command({ Bucket: 'rescan-bot-control', Prefix: `backups/AWSDynamoDB/${c.id}/` }),
    );
    expect(left.Contents ?? []).toEqual([]);
  });
});
