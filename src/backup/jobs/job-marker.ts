import { z } from 'zod';
import { type BackupLocation, listKeys, readText, writeObject } from '../catalogue/location.ts';
import { folderOf } from '../format/backup-record.ts';

/**
 * What a flush or restore leaves beside the backup that it relies on: `jobs/<job>.started.json` before its first write, and
 * `jobs/<job>.ended.json` with its end. They are not in the control table, so that a control table that somebody restored from an
 * earlier time cannot make a job run again that has ended, and so that a prune keeps a backup that a job has used.
 */
const startedSchema = z.object({ kind: z.enum(['flush', 'restore']), at: z.number() });
const endedSchema = z.object({ at: z.number(), end: z.string() });

const folderOfJobs = ({ prefix }: BackupLocation, backupId: string) => `${folderOf(prefix, backupId)}jobs/`;
const keyOf = (location: BackupLocation, backupId: string, jobId: string, what: 'started' | 'ended') =>
  `${folderOfJobs(location, backupId)}${encodeURIComponent(jobId)}.${what}.json`;

/** Stores that a job begins with this backup. @throws BackupLocationError, the SDK's error. */
export const markStarted = (
  location: BackupLocation,
  backupId: string,
  job: { readonly id: string; readonly kind: 'flush' | 'restore'; readonly at: number },
): Promise<void> =>
  writeObject(
    location,
    keyOf(location, backupId, job.id, 'started'),
    JSON.stringify({ kind: job.kind, at: job.at } satisfies z.infer<typeof startedSchema>),
  );

/** Stores how a job ended, as JSON. @throws BackupLocationError, the SDK's error. */
export const markEnded = (
  location: BackupLocation,
  backupId: string,
  job: { readonly id: string; readonly at: number; readonly end: string },
): Promise<void> =>
  writeObject(
    location,
    keyOf(location, backupId, job.id, 'ended'),
    JSON.stringify({ at: job.at, end: job.end } satisfies z.infer<typeof endedSchema>),
  );

/** How a job ended that relied on this backup, as it was stored; undefined while it has not. @throws as `readText`; ZodError. */
export async function readEnded(
  location: BackupLocation,
  backupId: string,
  jobId: string,
): Promise<string | undefined> {
  const text = await readText(location, keyOf(location, backupId, jobId, 'ended'));
  return text === undefined ? undefined : endedSchema.parse(JSON.parse(text)).end;
}

/** When the last flush or restore began with this backup, epoch ms; undefined where none did. @throws as `readText`; ZodError. */
export async function lastStartedAt(location: BackupLocation, backupId: string): Promise<number | undefined> {
  let last: number | undefined;
  for await (const key of listKeys(location, folderOfJobs(location, backupId))) {
    if (!key.endsWith('.started.json')) continue;
    const text = await readText(location, key);
    if (text !== undefined) last = Math.max(last ?? 0, startedSchema.parse(JSON.parse(text)).at);
  }
  return last;
}
