import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { failedFilter } from '../../pipeline/table/kind-filter.ts';
import { type KindCounts, kindOfRecord } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { createSwapper } from '../../pipeline/table/swap.ts';
import { describeTable, shapeOf, type TableFacts } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable, setUsedBy } from '../catalogue/catalogue.ts';
import { type Comparison, compareWithBackup } from '../compare/compare.ts';
import { FlushRefusedError, TableNotActiveError } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import type { FlushJob } from '../jobs/job.ts';
import { backoffOf, type JobPorts } from '../ports.ts';
import { swapSaved } from '../swap-saved.ts';
import type { Positions } from '../verify/read-windows.ts';
import { workThroughBackup } from '../verify/work-through-backup.ts';
import { createSupplementWriter, type Overlay, readSupplements } from '../write/supplement.ts';

export interface FlushRequest {
  /** The same id again continues a flush that was stopped or whose process died. */
  readonly jobId: string;
  readonly table: string;
  readonly backupId: string;
  /** Only records of these kinds; all when absent. */
  readonly kinds?: readonly RecordKind[];
  /** Only the records of a scope; all when absent. */
  readonly scope?: {
    readonly covers: (item: Item) => boolean;
    /** How many records the scope had when it was resolved. */
    readonly records: number;
  };
  /** FLUSH_MAX_DIFFERENCE. */
  readonly maxDifference: number;
  /** Throws when this process may not write any more (lease lost, stopped). Asked before every write. */
  readonly mayWrite: () => void;
  /** Records of one transaction; 100 when absent. */
  readonly recordsPerSwap?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FlushProgress) => void;
}

export interface FlushProgress {
  readonly stage: 'comparing' | 'deleting' | 'leftovers' | 'counting';
  /** `comparing`: records of the table that were compared; else records deleted, those of an earlier attempt included. */
  readonly done: number;
  /** `comparing`: records of the backup; else records that were in the table when it was compared. At least `done`. */
  readonly total: number;
  /** Versions saved to the supplement. */
  readonly supplemented: number;
}

export interface FlushResult {
  /** Records deleted, those of an earlier attempt of this job included. */
  readonly deleted: number;
  /** Versions that came after the backup: saved in its supplement, then deleted. */
  readonly supplemented: number;
  readonly difference: Pick<Comparison, 'added' | 'changed' | 'removed' | 'examples'>;
  /** By a consistent count at the end. */
  readonly remaining: KindCounts;
  /** Records that the flush covers and that are in the table at the end: written during the flush. */
  readonly newRows: number;
}

/** The most that one transaction takes. */
const SWAP_SIZE = 100;
/** With 20 ms a transaction these are more than one CPU can prepare. */
const SWAPS_AT_ONCE = 10;
const LEFTOVER_SEGMENTS = 4;
const LEFTOVER_SWAPS_AT_ONCE = 4;
/** Rows that writers put are deleted as well, up to here: a table that still has rows then has a writer that does not stop. */
const LEFTOVER_ROUNDS = 3;

/**
 * Deletes the records of a verified backup from the table, and then what is left. A version that is not in the backup is
 * saved to its supplement and read back before it is deleted (docs/decisions/0002-flush.md). The table is compared with the
 * backup first, which reads the backup once more. A flush that was stopped or whose process died continues when it is called
 * again with its id. The caller removes its job.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError, TableNotActiveError,
 * FlushRefusedError: all before anything is deleted; `signal.reason`, what `mayWrite` throws or the SDK's error at any time.
 */
export async function flushTable(ports: JobPorts, request: FlushRequest): Promise<FlushResult> {
  const flush = await prepare(ports, request);
  await flush.deleteBackedUp();
  await flush.deleteLeftovers();
  if (request.kinds === undefined) await flush.markBackupUsed();
  const remaining = await flush.count();
  const { added, changed, removed, examples } = flush.difference;
  const { deleted, supplemented } = flush.counts();
  const newRows = await flush.countNewRows(remaining);
  return { deleted, supplemented, difference: { added, changed, removed, examples }, remaining, newRows };
}

/** Compares the table with the backup and puts the job on record; nothing is deleted yet. */
async function prepare(ports: JobPorts, request: FlushRequest) {
  const { dynamodb, location } = ports;
  const { signal, kinds, scope, mayWrite, recordsPerSwap = SWAP_SIZE } = request;
  const facts = await describeTable(dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  const record = await findBackup(location, request.backupId);
  requireUsable(record, facts.arn);
  const names = shapeOf(facts, ports.profile);
  const keyOf = keyReader(facts.keys);
  const isWanted = (item: Item) =>
    (kinds === undefined || kinds.includes(kindOfRecord(item, names))) && (scope === undefined || scope.covers(item));
  const previous = await ports.jobs.read(request.jobId);
  const resumed = previous?.kind === 'flush' && previous.backupId === record.id ? previous : undefined;
  const overlay = await readSupplements(location, record.id, keyOf, signal);

  const difference = await compare(ports, request, record, overlay, resumed);
  let job: FlushJob = resumed ?? {
    kind: 'flush',
    id: request.jobId,
    backupId: record.id,
    startedAt: ports.clock.now(),
    deleted: 0,
    supplemented: 0,
    missing: difference.removed,
    started: {},
    done: {},
  };
  // The process that died may have deleted more than it had noted: those records are missing now.
  let deleted = Math.max(job.deleted, difference.removed + difference.removedAsStarted - job.missing);
  const total = deleted + difference.tableDigest.items;
  const attributeNames = new Set(difference.attributeNames);
  const supplement = createSupplementWriter(location, record.id, { ...ports, mayWrite, attributeNames, signal });
  const supplemented = () => (resumed?.supplemented ?? 0) + supplement.saved();
  const note = async (positions: { done?: Positions; started?: Positions }) => {
    mayWrite();
    job = { ...job, deleted, supplemented: supplemented(), ...positions };
    await ports.jobs.write(job);
  };
  await note({});

  let stage: FlushProgress['stage'] = 'deleting';
  const progress = () =>
    request.onProgress?.({ stage, done: deleted, total: Math.max(total, deleted), supplemented: supplemented() });
  const enter = (next: FlushProgress['stage']) => {
    stage = next;
    progress();
  };
  const swapper = createSwapper(ports, defined({ table: facts.name, attributeNames, mayWrite, signal }));
  const deleteVersions = (items: readonly Item[]) =>
    swapSaved(
      items.map((item) => ({ key: keyOf(item), expected: item, next: undefined })),
      {
        swapper,
        save: supplement.save,
        mayReplace: isWanted,
        onSettled({ changed }) {
          deleted += changed;
          progress();
        },
      },
    );

  return {
    difference,
    counts: () => ({ deleted, supplemented: supplemented() }),
    async deleteBackedUp() {
      enter('deleting');
      const isSuperseded = (item: Item) => overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)));
      await workThroughBackup(location, record, {
        done: job.done,
        random: ports.random,
        pieceSize: recordsPerSwap,
        atOnce: SWAPS_AT_ONCE,
        signal,
        work: (items) => deleteVersions(items.filter((item) => isWanted(item) && !isSuperseded(item))),
        note,
      });
      const saved = [...overlay.byKey.values()].map(({ stored }) => stored.item).filter(isWanted);
      await workThrough(piecesOf(saved, recordsPerSwap), SWAPS_AT_ONCE, deleteVersions, signal);
    },
    async deleteLeftovers() {
      enter('leftovers');
      for (let round = 1; round <= LEFTOVER_ROUNDS; round += 1) {
        let found = 0;
        await forEachPage(ports, request, facts, async (page) => {
          const items = page.filter(isWanted);
          if (items.length === 0) return;
          found += items.length;
          await supplement.save(items);
          await workThrough(piecesOf(items, recordsPerSwap), LEFTOVER_SWAPS_AT_ONCE, deleteVersions, signal);
        });
        await note({});
        if (found === 0) break;
      }
    },
    /** From now on another flush must not save versions in the supplement of this backup: a restore would take those. */
    async markBackupUsed() {
      mayWrite();
      await setUsedBy(location, record.id, { jobId: request.jobId, at: ports.clock.now() });
    },
    async count() {
      enter('counting');
      return countByKind(dynamodb, facts.name, defined({ keys: names, signal, backoff: backoffOf(ports) }));
    },
    async countNewRows(remaining: KindCounts) {
      if (scope !== undefined) {
        const options = defined({ keys: names, only: scope, signal, backoff: backoffOf(ports) });
        return (await countByKind(dynamodb, facts.name, options)).total;
      }
      return kinds === undefined ? remaining.total : kinds.reduce((sum, kind) => sum + remaining[kind], 0);
    },
  };
}

/** @throws FlushRefusedError when more differs than may, not counting what this job may have deleted itself. */
async function compare(
  ports: JobPorts,
  request: FlushRequest,
  record: BackupRecord,
  overlay: Overlay,
  resumed: FlushJob | undefined,
): Promise<Comparison> {
  const { kinds, scope, signal, maxDifference } = request;
  const inBackup =
    scope?.records ??
    (kinds === undefined ? record.counts.total : kinds.reduce((sum, kind) => sum + record.counts[kind], 0));
  const show = (done: number) =>
    request.onProgress?.({
      stage: 'comparing',
      done,
      total: Math.max(inBackup, done),
      supplemented: resumed?.supplemented ?? 0,
    });
  show(0);
  const difference = await compareWithBackup(
    ports,
    defined({
      record,
      overlay,
      kinds,
      covers: scope?.covers,
      started: resumed && (resumed.started ?? endOf(record)),
      signal,
      onProgress: ({ tableItems }: { tableItems: number }) => show(tableItems),
    }),
  );
  if (difference.added + difference.changed + difference.removed > maxDifference)
    throw new FlushRefusedError(record.id, difference, maxDifference);
  return difference;
}

/** The older form of a job does not say what had been started: it may be everything. */
const endOf = (record: BackupRecord): Positions =>
  Object.fromEntries(record.files.map(({ key, items }) => [key, items]));

/** Every page of a consistent scan, some segments side by side; settles when all of them have ended. */
async function forEachPage(
  ports: JobPorts,
  { kinds, signal }: FlushRequest,
  facts: TableFacts,
  work: (items: readonly Item[]) => Promise<void>,
): Promise<void> {
  const failedOnly = kinds?.length === 1 && kinds[0] === 'failed';
  const segments = scanTable(
    ports.dynamodb,
    facts.name,
    defined({
      segments: LEFTOVER_SEGMENTS,
      filter: failedOnly ? failedFilter(shapeOf(facts, ports.profile)) : undefined,
      signal,
      backoff: backoffOf(ports),
    }),
  );
  await workThrough(segments, LEFTOVER_SEGMENTS, async (segment) => {
    for await (const page of segment) await work(page.items);
  });
}
