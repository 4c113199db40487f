import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { compareWithBackup } from '../src/backup/compare/compare.ts';
import { storedBytes } from '../src/backup/format/backup-record.ts';
import { readBack } from '../src/backup/verify/verify.ts';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { countByKind } from '../src/pipeline/table/count.ts';
import { shapeOf } from '../src/pipeline/table/table.ts';
import { diffWithBackup } from '../src/results/diff/diff.ts';
import { toSdkItem } from '../test/support/aws/items.ts';
import { timesheetEntry } from '../test/support/aws/pipeline-table.ts';
import { BUCKET, clientsOf } from './stand-in-process.ts';

/**
 * The steps that read a table and its backup, in a process of its own: prints a JSON line with CPU per record and with the most bytes
 * of temporary files per record.
 */
const [url = '', table = '', changed = '0'] = process.argv.slice(2);
const { dynamodb, s3 } = clientsOf(url);
const location = { s3, bucket: BUCKET, prefix: `${table}-${Date.now()}/` };
const ports = { dynamodb, location, profile: TIMESHEETS, clock: systemClock, random: Math.random };
const LOOK_EVERY_MS = 20;

/** Bytes of the temporary files that this process has open; 0 where the system does not say. */
function temporaryBytes(): number {
  let bytes = 0;
  try {
    for (const name of readdirSync('/proc/self/fd'))
      try {
        if (readlinkSync(`/proc/self/fd/${name}`).includes('/rescan-')) bytes += statSync(`/proc/self/fd/${name}`).size;
      } catch {
        // Closed meanwhile.
      }
  } catch {
    return 0;
  }
  return bytes;
}

async function measured<T>(step: string, items: number, work: () => Promise<T>): Promise<T> {
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, temporaryBytes());
  }, LOOK_EVERY_MS);
  const cpu = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(looking);
  console.log(JSON.stringify({ step, cpuUs: (user + system) / items, diskBytes: most / items }));
  return result;
}

const { record } = await makeBackup(ports, { table, by: 'bench' });
const items = record.digest.items;
await measured('count', items, () => countByKind(dynamodb, table, { keys: shapeOf(record.table, TIMESHEETS) }));
await measured('verify', items, () => readBack(location, record, ports));
await measured('compare', items, () => compareWithBackup(ports, { record }));
for (let index = 0; index < Number(changed); index += 1)
  await dynamodb.send(
    new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(index, { Hours: { N: '4' } })) }),
  );
await measured('compare-changed', items, () => compareWithBackup(ports, { record }));
const diff = await measured('diff', items, () => diffWithBackup(ports, { table, backupId: record.id }));
if (diff.totals.changed !== Number(changed)) throw new Error(`Found ${diff.totals.changed} changed`);
await diff.dispose();
const plain = record.files.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
console.log(JSON.stringify({ step: 'size', storedBytes: storedBytes(record) / items, plainBytes: plain / items }));
process.exit(0);
