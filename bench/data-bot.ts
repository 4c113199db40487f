import { flushTable } from '../src/backup/flush/flush.ts';
import { restoreBackup } from '../src/backup/restore/restore.ts';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { memoryJobs } from '../test/support/memory/memory-jobs.ts';
import { BUCKET, clientsOf } from './stand-in-process.ts';

/**
 * The bot's part in a process of its own, with the flags that the bot has: backs up, flushes and restores one table, and prints a
 * JSON line for each step.
 */
const [url = '', table = ''] = process.argv.slice(2);
const { dynamodb, s3 } = clientsOf(url);
const location = { s3, bucket: BUCKET, prefix: `${table}-${Date.now()}/` };
const ports = { dynamodb, location, profile: TIMESHEETS, clock: systemClock, random: Math.random, jobs: memoryJobs() };
const mayWrite = () => {};

async function measured<T>(step: string, work: () => Promise<T>): Promise<T> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1_000;
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  console.log(JSON.stringify({ step, seconds, cpuUs: user + system, peakMb }));
  return result;
}

const { record } = await measured('backup', () => makeBackup(ports, { table, by: 'bench' }));
if (record.verification.kind !== 'verified') throw new Error(`The backup is ${record.verification.kind}`);
const backupId = record.id;
const flushed = await measured('flush', () =>
  flushTable(ports, { jobId: 'flush', table, backupId, maxDifference: 0, mayWrite }),
);
const restored = await measured('restore', () =>
  restoreBackup(ports, { jobId: 'restore', table, backupId, mode: 'replace', by: 'bench', mayWrite }),
);
const items = record.digest.items;
if (flushed.deleted !== items || restored.written !== items)
  throw new Error(`Of ${items} records ${flushed.deleted} were deleted and ${restored.written} written`);
process.exit(0);
