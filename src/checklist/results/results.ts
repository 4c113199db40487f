import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findBackup, requireUsable } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { listFailures } from '../../pipeline/table/failure-records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, keyNamesOf } from '../../pipeline/table/table.ts';
import { diffWithBackup } from '../../results/diff/diff.ts';
import { type Failures, readFailures } from '../../results/failures/failures.ts';
import { type Reconciliation, reconcile } from '../../results/reconcile/reconcile.ts';
import { readRunReport } from '../../results/report/run-report.ts';
import { isOpen } from '../../run/model/run.ts';
import type { ManifestEntry, OutcomeRecord } from '../../run/model/types.ts';
import { type RunChain, readChain, readHistory, rootOf } from '../../run/store/run-chain.ts';
import type { RunRecord, RunStore } from '../../run/store/run-store.ts';
import type { FindImage, ImageAttempt, ResultControl, ResultRefusal } from '../contracts/result-control.ts';
import type { StartControl } from '../contracts/start-control.ts';
import type { ChecklistStore } from '../steps/checklist-store.ts';
import { refusalOrFault } from '../table-jobs/table-errors.ts';
import { flushesAround, referenceBackup } from './reference-backup.ts';
import { chooseForRetry } from './retry-choice.ts';
import { validatePerson, validateRun } from './validate.ts';

export interface ResultsPorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly table: string;
  readonly bucket: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Pick<RunStore, 'read' | 'readOpen' | 'newestFirst' | 'journal'>;
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** The images that are in the bucket now. */
  readonly listImages: () => AsyncIterable<ListedImage>;
  readonly findImage: FindImage;
  readonly starts: Pick<StartControl, 'plan'>;
  readonly checklists: Pick<ChecklistStore, 'list' | 'steps' | 'setStep'>;
  /** Fields that differ after every rescan. */
  readonly ignoredFields: readonly string[];
  /** How many people a validation compares. */
  readonly samplePeople: number;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

const SEGMENTS = 4;
const MAX_ATTEMPTS = 5;

/**
 * Results of runs, read from the table, the journals, the manifests and the backups. See ResultControl for the
 * guarantees.
 */
export function createResults(ports: ResultsPorts): ResultControl {
  const { dynamodb, store } = ports;

  async function orRefusal<T>(work: () => Promise<Result<T, ResultRefusal>>): Promise<Result<T, ResultRefusal>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('the results of a run could not be read', error);
      return refuse({ reason: 'table', refusal: refusalOrFault(error, ports.readFault) });
    }
  }

  /** The run with this id; without an id the open run, else the last one that was started. */
  async function runOf(runId?: string): Promise<RunRecord | ResultRefusal> {
    const { openRunId, lastRunId } = await store.readOpen();
    const asked = runId ?? openRunId ?? lastRunId;
    const run = asked === undefined ? undefined : await store.read(asked);
    if (run?.startedAt !== undefined) return run;
    return runId === undefined ? { reason: 'no-run' } : { reason: 'unknown-run', runId };
  }
  /** The same run with all runs over the same images, the newest first. */
  async function chainOf(runId?: string): Promise<RunChain | ResultRefusal> {
    const run = await runOf(runId);
    if ('reason' in run) return run;
    return (await readChain(store, run.runId)) ?? { reason: 'unknown-run', runId: run.runId };
  }
  const isChain = (found: RunChain | ResultRefusal): found is RunChain => Array.isArray(found);
  const idsOf = (chain: readonly RunRecord[]) => chain.map(({ runId }) => runId);

  /** The newest run first, so that the outcome of the last attempt counts. */
  async function* journalOf(chain: readonly RunRecord[]) {
    for (const { runId } of chain) yield* store.journal(runId, 0);
  }

  const failuresOf = (runs: readonly RunRecord[], about: { withBucket: boolean; inRun?: string }): Promise<Failures> =>
    readFailures(
      {
        runs: runs.map(({ runId }) => ({ runId, journal: store.journal(runId, 0) })),
        records: listFailures(dynamodb, ports.table),
        ...defined({ bucket: about.withBucket ? ports.listImages() : undefined }),
      },
      defined({ inRun: about.inRun }),
    );

  async function reconcileChain(chain: RunChain): Promise<Reconciliation> {
    const root = rootOf(chain);
    const keys = keyNamesOf(await describeTable(dynamodb, ports.table));
    return reconcile(
      {
        manifest: ports.manifest(root.runId, 0),
        journal: journalOf(chain),
        rows: scanTable(dynamodb, ports.table, { segments: SEGMENTS }),
      },
      defined({ keys, bucket: ports.bucket, startedAt: root.startedAt }),
    );
  }

  /** The backup to compare with when none is given: from before the last flush, else from before the last run. */
  async function backupBefore(chain: RunChain | undefined) {
    const { arn } = await describeTable(dynamodb, ports.table);
    const root = chain && rootOf(chain);
    const [flush] = await flushesAround(ports.checklists, root);
    return referenceBackup(ports.location, arn, flush, root);
  }

  const reading = { ...ports, reconcileChain };

  return {
    failures: (runId) =>
      orRefusal(async () => {
        const runs = await readHistory(store);
        const found = await failuresOf(runs, { withBucket: false, ...defined({ inRun: runId }) });
        return succeed({ ...found, runIds: idsOf(runs) });
      }),
    planRetry: ({ setting, what, paceSetting, by, channel }) =>
      orRefusal(async () => {
        const chosen = await chooseForRetry(setting, what, {
          ...reading,
          readFailures: failuresOf,
          async lastChain() {
            const found = await chainOf();
            return isChain(found) ? found : undefined;
          },
        });
        if ('reason' in chosen) return refuse(chosen);
        try {
          const { images, retry } = chosen;
          const planned = await ports.starts.plan({
            selection: { retry },
            images,
            keep: true,
            paceSetting,
            by,
            location: { channel },
          });
          if (planned.ok) return planned;
          return planned.refusal.reason === 'no-match'
            ? refuse({ reason: 'nothing-unaccounted' })
            : refuse({ reason: 'start', refusal: planned.refusal });
        } finally {
          await chosen.dispose();
        }
      }),
    outcomes: (runId) =>
      orRefusal(async () => {
        const run = await runOf(runId);
        if ('reason' in run) return refuse(run);
        const { runId: id } = run;
        async function* records(): AsyncGenerator<OutcomeRecord> {
          for await (const chunk of store.journal(id, 0)) yield* chunk.records;
        }
        return succeed({ runId: id, records: records() });
      }),
    attempts: (imageKey) =>
      orRefusal(async () => {
        const found: ImageAttempt[] = [];
        for (const { runId } of await readHistory(store))
          for await (const { records } of store.journal(runId, 0))
            for (const { key, startedAt, durationMs, requestId } of records)
              if (key === imageKey) found.push(defined({ runId, startedAt, durationMs, requestId }));
        return succeed(found.sort((a, b) => b.startedAt - a.startedAt).slice(0, MAX_ATTEMPTS));
      }),
    report: (runId) =>
      orRefusal(async () => {
        const run = await runOf(runId);
        if ('reason' in run) return refuse(run);
        const report = await readRunReport({
          startedAt: run.startedAt ?? run.plan.plannedAt,
          manifest: ports.manifest(run.runId, 0),
          journal: store.journal(run.runId, 0),
        });
        const { expectedMs: ms, expectedCostUsd: costUsd } = run.plan;
        const expected = defined({ ms, costUsd });
        return succeed({ ...report, runId: run.runId, expected });
      }),
    validate: ({ runId, person, seed, by }) =>
      orRefusal(async () => {
        const found = await chainOf(runId);
        if (person !== undefined) return validatePerson(reading, isChain(found) ? found : undefined, person);
        if (!isChain(found)) return refuse(found);
        return validateRun(reading, found, { seed: seed ?? Math.floor(ports.random() * 1_000_000), by });
      }),
    diff: (backupId) =>
      orRefusal(async () => {
        const found = await chainOf();
        const backup =
          backupId === undefined
            ? await backupBefore(isChain(found) ? found : undefined)
            : await findBackup(ports.location, backupId);
        if (!backup) return refuse({ reason: 'table', refusal: { reason: 'no-backup' } });
        requireUsable(backup, (await describeTable(dynamodb, ports.table)).arn);
        const { table, ignoredFields } = ports;
        const diff = await diffWithBackup(ports, { table, backupId: backup.id, ignoredFields });
        // Read last: a run that began meanwhile changed the table during the diff.
        const { openRunId } = await store.readOpen();
        const open = openRunId === undefined ? undefined : await store.read(openRunId);
        const openRun = open && isOpen(open.state) ? { runId: open.runId, state: open.state.kind } : undefined;
        return succeed({ ...diff, ...defined({ openRun }) });
      }),
  };
}
