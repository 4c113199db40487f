import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { previewRestore } from '../../../src/backup/restore/restore.ts';
import { readBack } from '../../../src/backup/verify/verify.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { timesheetEntry } from '../../support/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

const script = fileURLToPath(new URL('./kill-child.ts', import.meta.url));

let world: BackupWorld;
let proxy: Awaited<ReturnType<typeof startFaultProxy>>;
/** Calls of DynamoDB until the child is killed; undefined: it lives. */
let callsToLive: number | undefined;
let child: ChildProcess | undefined;
beforeAll(async () => {
  world = await startBackupWorld();
  proxy = await startFaultProxy(world.dynamoUrl, {
    intercept({ body }) {
      if (callsToLive === undefined || body.includes('"control"')) return undefined;
      callsToLive -= 1;
      if (callsToLive === 0) child?.kill('SIGKILL');
      return undefined;
    },
  });
});
afterAll(async () => {
  await proxy.stop();
  await world.stop();
});

/** Runs an operation in a process of its own; with `killAfter`, it is killed with SIGKILL at that call of DynamoDB. */
async function run(setting: { operation: string; table: string; backupId?: string }, killAfter?: number) {
  callsToLive = killAfter;
  const all = { ...setting, dynamoUrl: proxy.url, s3Url: world.s3Url };
  child = spawn(process.execPath, [script, JSON.stringify(all)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  return { code, signal };
}
const pointsOfDeath = (most: number) => [1 + Math.floor(Math.random() * most), 1 + Math.floor(Math.random() * most)];
const entries = Array.from({ length: 1_200 }, (_, index) => timesheetEntry(index));

test('a killed backup leaves none that looks whole, and the next one is whole', async () => {
  const table = await world.table(entries);
  for (const point of pointsOfDeath(5)) {
    expect(await run({ operation: 'backup', table }, point)).toMatchObject({ signal: 'SIGKILL' });
    for (const record of await listBackups(world.location)) await readBack(world.location, record);
  }
  expect(await run({ operation: 'backup', table })).toMatchObject({ code: 0 });
  const [newest] = await listBackups(world.location);
  expect(newest).toMatchObject({ verification: { kind: 'verified' }, digest: await world.digest(table) });
});

test('a killed flush has lost nothing at any moment, and goes on when called again', async () => {
  const table = await world.table(entries);
  const { id: backupId } = await world.backup(table);
  for (const point of pointsOfDeath(40)) {
    expect(await run({ operation: 'flush', table, backupId }, point)).toMatchObject({ signal: 'SIGKILL' });
    // Every record is in the table as it was, or would come back: nothing was lost, nothing half written.
    const preview = await previewRestore(world.deps, { table, backupId, mode: 'replace' });
    expect(preview).toMatchObject({ overwritten: 0, removed: 0 });
    expect(preview.added + preview.same).toBe(1_200);
  }
  expect(await run({ operation: 'flush', table, backupId })).toMatchObject({ code: 0 });
  expect((await world.digest(table)).items).toBe(0);
});

test('a killed restore goes on when called again, and the table is the backup’s', async () => {
  const table = await world.table(entries);
  const wanted = await world.digest(table);
  const { id: backupId } = await world.backup(table);
  expect(await run({ operation: 'flush', table, backupId })).toMatchObject({ code: 0 });
  for (const point of pointsOfDeath(40))
    expect(await run({ operation: 'restore', table, backupId }, point)).toMatchObject({ signal: 'SIGKILL' });
  expect(await run({ operation: 'restore', table, backupId })).toMatchObject({ code: 0 });
  expect(await world.digest(table)).toEqual(wanted);
});
