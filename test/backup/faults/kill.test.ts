import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findBackup, listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { listKeys } from '../../../src/backup/catalogue/location.ts';
import { parseLine } from '../../../src/backup/verify/read-file.ts';
import { readBack } from '../../../src/backup/verify/verify.ts';
import { canonicalItem } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { type Call, startFaultProxy } from '../../support/aws/fault-proxy.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { FAULTS_TIMEOUT_MS, FULL } from '../../support/fault-forms.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

/** Points at which each operation is killed. */
const KILLS = FULL ? 20 : 1;
const RECORDS = 160;
const LEASE_MS = 600;
const script = fileURLToPath(new URL('./kill-child.ts', import.meta.url));

let world: BackupWorld;
let proxy: Awaited<ReturnType<typeof startFaultProxy>>;
let child: ChildProcess | undefined;
/** Sees each call about the pipeline's table before it goes on. */
let onCall: (call: Call) => Promise<void> | void = () => {};
/** What is still being done about calls of a process that may be dead by now. */
const seeing = new Set<Promise<void>>();
beforeAll(async () => {
  world = await startBackupWorld();
  proxy = await startFaultProxy(world.dynamoUrl, {
    async intercept(call) {
      if (call.body.includes('"control"')) return undefined;
      const seen = Promise.resolve(onCall(call));
      seeing.add(seen);
      await seen;
      seeing.delete(seen);
      return undefined;
    },
  });
});
afterAll(async () => {
  await proxy.stop();
  await world.stop();
});

interface Setting {
  readonly operation: 'backup' | 'flush' | 'restore';
  readonly table: string;
  readonly backupId?: string;
  readonly leaseMs?: number;
  readonly recordsPerSwap?: number;
}

/** Runs an operation in a process of its own. `see` sees its calls. Resolves with how the process ended. */
async function run(setting: Setting, see: (call: Call) => Promise<void> | void = () => {}) {
  onCall = see;
  const all = { recordsPerSwap: 10, ...setting, dynamoUrl: proxy.url, s3Url: world.s3Url };
  child = spawn(process.execPath, [script, JSON.stringify(all)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (part: Buffer) => {
    stderr += part.toString('utf8');
  });
  const [code, signal] = await once(child, 'close');
  onCall = () => {};
  await Promise.all(seeing);
  return { code, signal, stderr };
}

const entries = Array.from({ length: RECORDS }, (_, index) => timesheetEntry(index));

/** Every version that is in the table, in a whole backup or in a whole supplement. */
async function versionsIn(table: string): Promise<Set<string>> {
  const versions = new Set<string>();
  for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
    for await (const { items } of segment) for (const item of items) versions.add(canonicalItem(item));
  const keys: string[] = [];
  for await (const key of listKeys(world.location, '')) keys.push(key);
  const { s3, bucket } = world.location;
  for (const key of keys.filter((each) => each.endsWith('.json.gz'))) {
    const folder = key.slice(0, key.lastIndexOf('/', key.lastIndexOf('/') - 1));
    if (!keys.includes(`${key}.digest.json`) && !keys.includes(`${folder}/rescan-backup.json`)) continue;
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const text = gunzipSync((await object.Body?.transformToByteArray()) ?? Buffer.alloc(0)).toString();
    for (const line of text.split('\n')) if (line !== '') versions.add(canonicalItem(parseLine(line).item));
  }
  return versions;
}

/** A writer that edits one record before each write of the bot, each record once, and keeps a log of its own. */
function createWriter(table: string) {
  const log: Item[] = [];
  return {
    log,
    async see({ operation }: Call) {
      if (operation !== 'TransactWriteItems' || log.length >= 40) return;
      const index = (log.length * 37) % RECORDS;
      const item = timesheetEntry(index, { Hours: { N: `${log.length}.75` } });
      // While its record is part of a transaction the put is refused, as in production.
      await putItems(world.dynamodb, table, [item]).then(
        () => log.push(item),
        () => {},
      );
    },
  };
}

/** A table with a backup, emptied when the operation is a restore. */
async function prepare(operation: 'flush' | 'restore') {
  const table = await world.table(entries);
  const { id: backupId } = await world.backup(table);
  if (operation === 'restore') await world.flush(table, backupId);
  return { table, backupId };
}

test(
  'A killed backup leaves none that looks whole, and the next one is whole',
  async () => {
    const table = await world.table(entries);
    let calls = 0;
    expect(
      await run({ operation: 'backup', table }, () => {
        calls += 1;
      }),
    ).toMatchObject({ code: 0 });
    for (let kill = 1; kill <= KILLS; kill += 1) {
      let left = Math.ceil((calls * kill) / (KILLS + 1));
      const kill9 = () => {
        left -= 1;
        if (left === 0) child?.kill('SIGKILL');
      };
      expect(await run({ operation: 'backup', table }, kill9)).toMatchObject({ signal: 'SIGKILL' });
      for (const { id } of await listBackups(world.location))
        await readBack(world.location, await findBackup(world.location, id));
    }
    expect(await run({ operation: 'backup', table })).toMatchObject({ code: 0 });
    const [newest] = await listBackups(world.location);
    expect(newest).toMatchObject({ verification: { kind: 'verified' }, digest: await world.digest(table) });
  },
  FAULTS_TIMEOUT_MS,
);

test.each(['flush', 'restore'] as const)(
  'A %s that is killed at any point loses no version of a writer at work, and continues when it is called again',
  async (operation) => {
    const first = await prepare(operation);
    let calls = 0;
    let killed = 0;
    expect(
      await run({ operation, ...first }, () => {
        calls += 1;
      }),
    ).toMatchObject({ code: 0 });
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const { table, backupId } = await prepare(operation);
      const writer = createWriter(table);
      let left = Math.ceil((calls * kill) / (KILLS + 1));
      const ended = await run({ operation, table, backupId }, async (call) => {
        left -= 1;
        if (left === 0) child?.kill('SIGKILL');
        await writer.see(call);
      });
      if (ended.signal === 'SIGKILL') killed += 1;
      const missing = async () => {
        const versions = await versionsIn(table);
        return [...entries, ...writer.log].filter((item) => !versions.has(canonicalItem(item)));
      };
      // A restore starts from an empty table: what the writer overwrites then is in the backup.
      expect(await missing()).toEqual([]);
      expect(await run({ operation, table, backupId })).toMatchObject({ code: 0 });
      expect(await missing()).toEqual([]);
      if (operation === 'flush') expect((await world.digest(table)).items).toBe(0);
    }
    // With a writer at work an operation may need fewer calls and end before its last point.
    expect(killed).toBeGreaterThanOrEqual(KILLS - 1);
  },
  FAULTS_TIMEOUT_MS,
);

test.each(['flush', 'restore'] as const)(
  'A process that is stopped during a %s for longer than its lease writes nothing when it continues',
  async (operation) => {
    const { table, backupId } = await prepare(operation);
    let writes = 0;
    let stopped: Promise<void> | undefined;
    let isOver = false;
    let writesAfterwards = 0;
    const stop = async () => {
      // Until everything that was about to be sent has arrived: what is on its way cannot be taken back.
      for (let seen = 0; seen < writes; ) {
        seen = writes;
        await sleep(50);
      }
      child?.kill('SIGSTOP');
      await sleep(LEASE_MS * 1.5);
      isOver = true;
      child?.kill('SIGCONT');
    };
    const ended = await run(
      { operation, table, backupId, leaseMs: LEASE_MS, recordsPerSwap: 2 },
      async ({ operation: called }) => {
        if (called !== 'TransactWriteItems') return;
        writes += 1;
        if (isOver) writesAfterwards += 1;
        stopped ??= stop();
        await stopped;
      },
    );
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('The lease is lost');
    expect(writesAfterwards).toBe(0);
    const versions = await versionsIn(table);
    expect(entries.filter((item) => !versions.has(canonicalItem(item)))).toEqual([]);
  },
);
