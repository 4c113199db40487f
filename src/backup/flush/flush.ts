import { countByKind } from '../../pipeline/table/count.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { FAILED_IMAGE, type KindCounts, kindOfRecord, type RecordKind } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, keyNamesOf } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { type Comparison, compareWithBackup } from '../compare/compare.ts';
import { FlushRefusedError, TableNotActiveError } from '../errors.ts';
import { keyReader } from '../format/item-key.ts';
import type { FlushJob, JobStore } from '../jobs/job.ts';
import { readWindows } from '../verify/read-windows.ts';
import { readSupplements, saveToSupplement } from '../write/supplement.ts';
import { type DeleteDeps, type DeleteOptions, deleteSaved, type Writers } from './delete-saved.ts';

export interface FlushDeps extends DeleteDeps {
  readonly jobs: JobStore;
}

export interface FlushRequest {
  /** The same id again goes on with a flush that was stopped or died. */
  readonly jobId: string;
  readonly table: string;
  readonly backupId: string;
  /** Only records of these kinds; all where not given. */
  readonly kinds?: readonly RecordKind[];
  /** FLUSH_MAX_DIFFERENCE. */
  readonly maxDifference: number;
  readonly writers: Writers;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FlushProgress) => void;
}

export interface FlushProgress {
  readonly stage: 'comparing' | 'deleting' | 'leftovers' | 'counting';
  readonly deleted: number;
  /** What the backup holds of these kinds. */
  readonly total: number;
  readonly supplemented: number;
}

export interface FlushResult {
  /** Records deleted, those of an earlier attempt of this job included. */
  readonly deleted: number;
  /** Records that came or changed after the backup: saved in its supplement, then deleted. */
  readonly supplemented: number;
  readonly difference: Pick<Comparison, 'added' | 'changed' | 'removed' | 'examples'>;
  /** By a consistent count at the end. Of the flushed kinds it is 0 unless writers put new rows: `newRows`. */
  readonly remaining: KindCounts;
  readonly newRows: number;
}

const WINDOW = 4_000;
/** Each round takes what is there; a table that still has rows after so many has busy writers, who will not stop for a fourth. */
const LEFTOVER_ROUNDS = 3;

/**
 * Deletes what a verified backup holds, and saves to its supplement and then deletes what came or changed since. Nothing that
 * is not in S3 is deleted (docs/decisions/0002-flush.md). The backup is read back once more before the first deletion.
 * A stopped or dead flush goes on when called again with its id; so does one that was done, and finds nothing left to do. Its
 * job is the caller's to remove.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError, TableNotActiveError,
 * FlushRefusedError: all before anything is deleted; `signal.reason`, UnprocessedWritesError or the SDK's error at any time.
 */
export async function flushTable(deps: FlushDeps, request: FlushRequest): Promise<FlushResult> {
  const { dynamodb, location } = deps;
  const { signal, kinds } = request;
  const facts = await describeTable(dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  const record = await findBackup(location, request.backupId);
  requireUsable(record, facts.arn);
  const names = keyNamesOf(facts);
  const keyOf = keyReader(facts.keys);
  const wanted = (item: Item) => kinds === undefined || kinds.includes(kindOfRecord(item, names));
  const kept = await deps.jobs.read(request.jobId);
  const resumed = kept?.kind === 'flush' && kept.backupId === record.id ? kept : undefined;
  let job: FlushJob = resumed ?? {
    kind: 'flush',
    id: request.jobId,
    backupId: record.id,
    startedAt: deps.clock.now(),
    deleted: 0,
    supplemented: 0,
    missing: 0,
    done: {},
  };
  let { supplemented } = job;
  const total = kinds === undefined ? record.counts.total : kinds.reduce((sum, kind) => sum + record.counts[kind], 0);
  let deleted = job.deleted;
  const progress = (stage: FlushProgress['stage']) => request.onProgress?.({ stage, deleted, total, supplemented });

  progress('comparing');
  const overlay = await readSupplements(location, record.id, keyOf, signal);
  const difference = await compareWithBackup(
    { dynamodb, location },
    { record, overlay, ...(kinds && { kinds }), ...(signal && { signal }) },
  );
  const differing = difference.added + difference.changed + difference.removed;
  // A flush that goes on has been let through, and what it deleted already differs by its own doing.
  if (resumed === undefined && differing > request.maxDifference)
    throw new FlushRefusedError(record.id, difference, request.maxDifference);
  // What the last process deleted after it last noted how far it was would be left out of the count: the comparison shows it.
  if (resumed) deleted = Math.max(deleted, difference.removed - resumed.missing);
  job = { ...job, deleted, ...(resumed ? {} : { missing: difference.removed }) };
  await deps.jobs.write(job);

  let stage: FlushProgress['stage'] = 'deleting';
  const options: DeleteOptions = {
    table: facts.name,
    backupId: record.id,
    keyOf,
    writers: request.writers,
    ...(signal && { signal }),
    onDeleted(count) {
      deleted += count;
      progress(stage);
    },
  };
  const read = { size: WINDOW, done: job.done, random: deps.random, ...(signal && { signal }) };
  for await (const window of readWindows(location, record, read)) {
    const items = window.items.map((stored) => stored.item).filter(wanted);
    await deleteSaved(deps, items, options);
    job = { ...job, deleted, done: window.done };
    await deps.jobs.write(job);
  }
  await deleteSaved(deps, [...overlay.byKey.values()].map(({ stored }) => stored.item).filter(wanted), options);

  stage = 'leftovers';
  for (let round = 1; round <= LEFTOVER_ROUNDS; round += 1) {
    const found = await flushLeftovers(deps, options, { kinds, wanted, signal }, (count) => {
      supplemented += count;
    });
    job = { ...job, deleted, supplemented };
    await deps.jobs.write(job);
    if (found === 0) break;
  }
  progress('counting');
  const remaining = await countByKind(dynamodb, facts.name, { keys: names, ...(signal && { signal }) });
  const newRows = kinds === undefined ? remaining.total : kinds.reduce((sum, kind) => sum + remaining[kind], 0);
  const { added, changed, removed, examples } = difference;
  return { deleted, supplemented, difference: { added, changed, removed, examples }, remaining, newRows };
}

/** Saves, page by page, what is in the table to the supplement, then deletes it; how many records it found. */
async function flushLeftovers(
  deps: FlushDeps,
  options: DeleteOptions,
  which: {
    readonly kinds: readonly RecordKind[] | undefined;
    readonly wanted: (item: Item) => boolean;
    readonly signal: AbortSignal | undefined;
  },
  onSaved: (count: number) => void,
): Promise<number> {
  let found = 0;
  const failedOnly = which.kinds?.length === 1 && which.kinds[0] === 'failed';
  const pages = scanTable(deps.dynamodb, options.table, {
    segments: 4,
    ...(failedOnly && { recordType: FAILED_IMAGE }),
    ...(which.signal && { signal: which.signal }),
  });
  const ended = await Promise.allSettled(
    pages.map(async (segment) => {
      for await (const page of segment) {
        const items = page.items.filter(which.wanted);
        found += items.length;
        await saveToSupplement(deps.location, options.backupId, items, deps);
        onSaved(items.length);
        // A writer may be at work on exactly these rows: always on the condition, whatever the mode.
        await deleteSaved(deps, items, { ...options, writers: 'active' });
      }
    }),
  );
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return found;
}
