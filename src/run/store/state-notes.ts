import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import { asFaultError } from '../../pipeline/aws.ts';
import type { ManifestLocation } from '../plan/manifest.ts';
import { CheckpointError, decodeCheckpoint, doneCount, type Progress } from './checkpoint.ts';
import type { RunRecord } from './run-store.ts';

/** What the process wrote that had the run last: it drives it (`running`), or the run halted. */
const noteSchema = z.object({
  fence: z.number(),
  state: z.enum(['running', 'paused', 'stopped', 'tripped', 'completed', 'abandoned']),
  /** While it is running: the fence with which a person started or resumed it. In notes without it that is `fence`. */
  resumedFence: z.number().exactOptional(),
  /** While it is running: how many images had an outcome in a checkpoint that the control table took. */
  done: z.number().exactOptional(),
});
export type StateNote = Readonly<z.infer<typeof noteSchema>>;
export type NotedState = StateNote['state'];

/**
 * The last state of each run beside its manifest, `runs/ID/last-state.json` in the control bucket. It is not in the control
 * table, so that a control table that somebody restored from an earlier time cannot make a run continue that has ended.
 */
export interface StateNotes {
  /** Replaces the note of the run. Never throws and takes a few seconds at most: a run must end while S3 is away. */
  put(runId: string, note: StateNote): Promise<void>;
  /** The note of the run; undefined if there is none, `unreadable` if nobody can tell what it says. @throws FaultError */
  read(runId: string): Promise<StateNote | 'unreadable' | undefined>;
  /** The URI of the note of a run, for messages. */
  uri(runId: string): string;
}

const TIMEOUT_MS = 3_000;

/** @param location The prefix of the bot in the control bucket, with its slash at the end. */
export function createStateNotes(
  s3: S3Client,
  { bucket, prefix }: ManifestLocation,
  clock: Clock,
  warn: (message: string, cause: unknown) => void,
): StateNotes {
  const objectOf = (runId: string) => ({ Bucket: bucket, Key: `${prefix}runs/${runId}/last-state.json` });
  return {
    async put(runId, note) {
      const over = new AbortController();
      const write = new PutObjectCommand({
        ...objectOf(runId),
        Body: JSON.stringify(note satisfies StateNote),
        ContentType: 'application/json',
      });
      try {
        const written = await within(clock, TIMEOUT_MS, s3.send(write, { abortSignal: over.signal }));
        if (!written) throw new Error(`S3 did not answer in ${TIMEOUT_MS} ms`);
      } catch (error) {
        warn(`the state of ${runId} was not noted`, error);
      } finally {
        over.abort();
      }
    },
    async read(runId) {
      try {
        const { Body } = await s3.send(new GetObjectCommand(objectOf(runId)));
        const parsed = noteSchema.safeParse(parseJson((await Body?.transformToString()) ?? ''));
        return parsed.success ? parsed.data : 'unreadable';
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw asFaultError(error, { service: 's3', action: 's3:GetObject', resource: bucket });
      }
    },
    uri: (runId) => `s3://${bucket}/${objectOf(runId).Key}`,
  };
}

/** How often the progress of a run is noted. */
const PROGRESS_MS = 15_000;

/**
 * The notes of one drive that say that the run is running and how far it is. They are written one after the other; the first one says
 * how far it is at its beginning.
 */
export function createProgressNotes(
  notes: Pick<StateNotes, 'put'>,
  drive: { readonly runId: string; readonly fence: number; readonly resumedFence: number },
  begun: { readonly progress: Progress },
  clock: Pick<Clock, 'now'>,
) {
  const { runId, fence, resumedFence } = drive;
  let notedAt = clock.now();
  let writing = Promise.resolve();
  let latest: StateNote;
  /** Where it is written, `progress` must be in a checkpoint that the control table has: a note in the bucket is never ahead of the table. */
  function note({ progress }: { readonly progress: Progress }, isWritten = true): void {
    const known: StateNote = { fence, state: 'running', resumedFence, done: doneCount(progress) };
    latest = known;
    if (!isWritten) return;
    notedAt = clock.now();
    writing = writing.then(() => notes.put(runId, known));
  }
  note(begun);
  return {
    note: (run: { readonly progress: Progress }): void => note(run),
    noteIfDue: (checkpoint: { readonly progress: Progress }): void =>
      note(checkpoint, clock.now() >= notedAt + PROGRESS_MS),
    /** Keeps how far the run is for `latest`, and writes nothing. */
    keep: (run: { readonly progress: Progress }): void => note(run, false),
    /** The last note, also where it was not written. */
    latest: () => latest,
    /** Resolves when the last note is written, or S3 did not store it in time. */
    written: () => writing,
  };
}

/**
 * Whether the control table has an earlier state of a run that should be running than the note has: the run halted after a
 * person started or resumed it as the record says, a person resumed it later, or more images had an outcome. A note that
 * cannot be read counts as later.
 */
export function isLater(
  note: StateNote | 'unreadable',
  record: Pick<RunRecord, 'resumedFence' | 'checkpoint'>,
): boolean {
  if (note === 'unreadable') return true;
  const { resumedFence = 0 } = record;
  if (note.state !== 'running') return note.fence >= resumedFence;
  const { resumedFence: noted = note.fence, done = 0 } = note;
  // A person's resume may have images processed again, so only counts since the same resume are compared.
  return noted > resumedFence || (noted === resumedFence && done > readableDone(record));
}

/** As `doneOnRecord`; no number is later than a checkpoint that cannot be read: whoever resumes the run reports what is wrong with it. */
function readableDone(record: Pick<RunRecord, 'checkpoint'>): number {
  try {
    return doneOnRecord(record);
  } catch (error) {
    if (error instanceof CheckpointError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** How many images have an outcome in the checkpoint of the record. */
export const doneOnRecord = ({ checkpoint }: Pick<RunRecord, 'checkpoint'>): number =>
  checkpoint === undefined ? 0 : doneCount(decodeCheckpoint(checkpoint).progress);
