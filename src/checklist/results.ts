import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findBackup, requireUsable } from '../backup/catalogue.ts';
import type { BackupPlace } from '../backup/place.ts';
import type { Clock, Random } from '../clock.ts';
import { listFailures } from '../pipeline/failure-records.ts';
import type { Fault } from '../pipeline/reading.ts';
import { describeTable, keyNamesOf } from '../pipeline/table.ts';
import { scanWire } from '../pipeline/wire-table.ts';
import { diffWithBackup } from '../rescan/diff.ts';
import { type Failures, readFailures } from '../rescan/failures.ts';
import { type Reconciliation, reconcile } from '../rescan/reconcile.ts';
import { type RunChain, readChain, rootOf } from '../rescan/run-chain.ts';
import { readRunReport } from '../rescan/run-report.ts';
import type { RunRecord, RunStore } from '../rescan/run-store.ts';
import type { ManifestEntry, OutcomeRecord } from '../rescan/types.ts';
import type { ChecklistStore } from './checklist-store.ts';
import { flushesAround, referenceBackup } from './reference-backup.ts';
import type { FindImage, ResultAnswer, ResultControl, ResultRefusal } from './result-control.ts';
import { chooseImages } from './retry-images.ts';
import type { StartControl } from './start-control.ts';
import { refusalOrFault } from './table-errors.ts';
import { validatePerson, validateRun } from './validate.ts';

export interface ResultsPorts {
  readonly dynamodb: DynamoDBClient;
  readonly place: BackupPlace;
  readonly table: string;
  readonly bucket: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Pick<RunStore, 'read' | 'readOpen' | 'journal'>;
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  readonly findImage: FindImage;
  readonly starts: Pick<StartControl, 'plan'>;
  readonly checklists: Pick<ChecklistStore, 'list' | 'steps' | 'setStep'>;
  /** Fields that every rescan changes. */
  readonly leaveOut: readonly string[];
  /** How many people a validation looks at. */
  readonly samplePeople: number;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

const SEGMENTS = 4;
const refuse = (refusal: ResultRefusal): { readonly ok: false; readonly refusal: ResultRefusal } => ({
  ok: false,
  refusal,
});

/** What came of a rescan, read from the table, the journals, the manifests and the backups (see ResultControl). */
export function createResults(ports: ResultsPorts): ResultControl {
  const { dynamodb, store, clock } = ports;

  async function answer<T>(work: () => Promise<ResultAnswer<T>>): Promise<ResultAnswer<T>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('what came of the rescan could not be read', error);
      return refuse({ reason: 'table', refusal: refusalOrFault(error, ports.readFault) });
    }
  }

  /** The run that is asked for, or the last one that was started, with the runs it does again. */
  async function chainOf(runId?: string): Promise<RunChain | ResultRefusal> {
    if (runId !== undefined) {
      const chain = await readChain(store, runId);
      return chain && chain[0].startedAt !== undefined ? chain : { reason: 'unknown-run', runId };
    }
    const { openRunId, lastRunId } = await store.readOpen();
    const last = openRunId ?? lastRunId;
    return (last === undefined ? undefined : await readChain(store, last)) ?? { reason: 'no-run' };
  }
  const isChain = (found: RunChain | ResultRefusal): found is RunChain => Array.isArray(found);
  const idsOf = (chain: readonly RunRecord[]) => chain.map(({ runId }) => runId);

  /** The newest run first, so that of several outcomes of an image the last attempt's counts. */
  async function* journalOf(chain: readonly RunRecord[]) {
    for (const { runId } of chain) yield* store.journal(runId, 0);
  }

  const failuresOf = (chain: readonly RunRecord[], withSizes: boolean): Promise<Failures> => {
    const root = chain.at(-1);
    return readFailures({
      runs: chain.map(({ runId }) => ({ runId, journal: store.journal(runId, 0) })),
      records: listFailures(dynamodb, ports.table),
      ...(withSizes && root ? { manifest: ports.manifest(root.runId, 0) } : {}),
    });
  };

  async function reconcileChain(chain: RunChain): Promise<Reconciliation> {
    const root = rootOf(chain);
    const keys = keyNamesOf(await describeTable(dynamodb, ports.table));
    return reconcile(
      {
        manifest: ports.manifest(root.runId, 0),
        journal: journalOf(chain),
        rows: scanWire(dynamodb, ports.table, { segments: SEGMENTS }),
      },
      { keys, bucket: ports.bucket, ...(root.startedAt === undefined ? {} : { startedAt: root.startedAt }) },
    );
  }

  /** What the table is held against where no backup is named: what was there before the last flush, or the last run. */
  async function backupBefore(chain: RunChain | undefined) {
    const { arn } = await describeTable(dynamodb, ports.table);
    const root = chain && rootOf(chain);
    const [flush] = await flushesAround(ports.checklists, root);
    return referenceBackup(ports.place, arn, flush, root);
  }

  const reading = { ...ports, reconcileChain, failuresOf: (chain: readonly RunRecord[]) => failuresOf(chain, true) };

  return {
    failures: () =>
      answer(async () => {
        const chain = await chainOf();
        const runs = isChain(chain) ? chain : [];
        const found = await failuresOf(runs, false);
        return { ok: true, value: { ...found, runIds: idsOf(runs) } };
      }),
    planRetry: ({ wish, what, paceWish, by, channel }) =>
      answer(async () => {
        const found = await chainOf();
        const chain = isChain(found) ? found : undefined;
        const chosen = await chooseImages(reading, wish, chain);
        if ('reason' in chosen) return refuse(chosen);
        try {
          const of = chain?.[0].runId ?? 'the table';
          const retry = { of, what, attempt: (chain?.length ?? 1) + 1 };
          const { images } = chosen;
          const planned = await ports.starts.plan({
            selection: { retry },
            images,
            keep: true,
            paceWish,
            by,
            place: { channel },
          });
          if (planned.ok) return { ok: true, value: planned.value };
          return planned.refusal.reason === 'no-match'
            ? refuse({ reason: 'nothing-unaccounted' })
            : refuse({ reason: 'start', refusal: planned.refusal });
        } finally {
          await chosen.dispose();
        }
      }),
    outcomes: (runId) =>
      answer(async () => {
        const chain = await chainOf(runId);
        if (!isChain(chain)) return refuse(chain);
        const [run] = chain;
        async function* records(): AsyncGenerator<OutcomeRecord> {
          for await (const chunk of store.journal(run.runId, 0)) yield* chunk.records;
        }
        return { ok: true, value: { runId: run.runId, records: records() } };
      }),
    report: (runId) =>
      answer(async () => {
        const chain = await chainOf(runId);
        if (!isChain(chain)) return refuse(chain);
        const [run] = chain;
        const report = await readRunReport({
          startedAt: run.startedAt ?? run.plan.plannedAt,
          until: run.endedAt ?? clock.now(),
          manifest: ports.manifest(run.runId, 0),
          journal: store.journal(run.runId, 0),
        });
        const { expectedMs: ms, expectedCostUsd: costUsd } = run.plan;
        const expected = { ms, ...(costUsd === undefined ? {} : { costUsd }) };
        return { ok: true, value: { ...report, runId: run.runId, expected } };
      }),
    validate: ({ runId, person, seed, by }) =>
      answer(async () => {
        const found = await chainOf(runId);
        if (person !== undefined) return validatePerson(reading, isChain(found) ? found : undefined, person);
        if (!isChain(found)) return refuse(found);
        return validateRun(reading, found, { seed: seed ?? Math.floor(ports.random() * 1_000_000), by });
      }),
    diff: (backupId) =>
      answer(async () => {
        const found = await chainOf();
        const backup =
          backupId === undefined
            ? await backupBefore(isChain(found) ? found : undefined)
            : await findBackup(ports.place, backupId);
        if (!backup) return refuse({ reason: 'table', refusal: { reason: 'no-backup' } });
        requireUsable(backup, (await describeTable(dynamodb, ports.table)).arn);
        const { table, leaveOut } = ports;
        return { ok: true, value: await diffWithBackup(ports, { table, backupId: backup.id, leaveOut }) };
      }),
  };
}
