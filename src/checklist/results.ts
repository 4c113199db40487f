import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findBackup, listBackups, requireUsable } from '../backup/catalogue.ts';
import type { BackupRecord } from '../backup/format.ts';
import type { BackupPlace } from '../backup/place.ts';
import type { Clock, Random } from '../clock.ts';
import { listFailures } from '../pipeline/failure-records.ts';
import type { ListedImage } from '../pipeline/images.ts';
import type { Fault } from '../pipeline/reading.ts';
import { countByKind, describeTable, hashOfResource, keyNamesOf } from '../pipeline/table.ts';
import { scanWire } from '../pipeline/wire-table.ts';
import { diffWithBackup } from '../rescan/diff.ts';
import { type Failures, readFailures } from '../rescan/failures.ts';
import { comparePeople } from '../rescan/people.ts';
import { type Reconciliation, reconcile } from '../rescan/reconcile.ts';
import type { ReconciledImage, ReconciledKind } from '../rescan/reconcile-image.ts';
import { readChain, rootOf } from '../rescan/run-chain.ts';
import { readRunReport } from '../rescan/run-report.ts';
import type { RunRecord, RunStore } from '../rescan/run-store.ts';
import type { ManifestEntry, OutcomeRecord } from '../rescan/types.ts';
import { judgeValidation } from '../rescan/validation.ts';
import type { ChecklistStore } from './checklist-store.ts';
import type { FindImage, ResultAnswer, ResultControl, ResultRefusal, RetryWish, Validation } from './result-control.ts';
import type { StartControl } from './start-control.ts';
import { refusalOrFault } from './table-errors.ts';

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
  readonly checklists: Pick<ChecklistStore, 'list' | 'setStep'>;
  /** Fields that every rescan changes. */
  readonly leaveOut: readonly string[];
  /** How many people a validation looks at. */
  readonly samplePeople: number;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

const SEGMENTS = 4;
const MOST_EXAMPLES = 6;
/** In the order of their weight. */
const UNACCOUNTED: readonly ReconciledKind[] = ['neither', 'rows-without-outcome', 'processed-without-rows'];
const LOOKED_AT: readonly ReconciledKind[] = [
  ...UNACCOUNTED,
  'outcome-not-in-manifest',
  'failed-without-record',
  'rejected-without-record',
];

type Chain = readonly [RunRecord, ...RunRecord[]];

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
  async function chainOf(runId?: string): Promise<Chain | ResultRefusal> {
    if (runId !== undefined) {
      const chain = await readChain(store, runId);
      return chain && chain[0].startedAt !== undefined ? chain : { reason: 'unknown-run', runId };
    }
    const { openRunId, lastRunId } = await store.readOpen();
    const last = openRunId ?? lastRunId;
    return (last === undefined ? undefined : await readChain(store, last)) ?? { reason: 'no-run' };
  }
  const isChain = (found: Chain | ResultRefusal): found is Chain => Array.isArray(found);
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

  async function reconcileChain(chain: Chain): Promise<Reconciliation> {
    const root = rootOf(chain);
    const keys = keyNamesOf(await describeTable(dynamodb, ports.table));
    return reconcile(
      {
        manifest: ports.manifest(root.runId, 0),
        journal: journalOf(chain),
        rows: scanWire(dynamodb, ports.table, { segments: SEGMENTS }),
      },
      { keys, ...(root.startedAt === undefined ? {} : { startedAt: root.startedAt }) },
    );
  }

  /** The newest verified backup from before the run, which a flush can have relied on; else the newest there is. */
  async function backupBefore(chain: Chain | undefined): Promise<BackupRecord | undefined> {
    const { arn } = await describeTable(dynamodb, ports.table);
    const usable = (await listBackups(ports.place)).filter(
      ({ table, verification, purpose }) =>
        table.arn === arn && verification.kind === 'verified' && purpose !== 'safety',
    );
    const startedAt = chain && rootOf(chain).startedAt;
    const newest = (records: readonly BackupRecord[]) => [...records].sort((a, b) => b.startedAt - a.startedAt).at(0);
    return newest(usable.filter((backup) => startedAt === undefined || backup.startedAt < startedAt)) ?? newest(usable);
  }

  async function noteVerdict(chain: Chain, by: string, verdict: Validation['verdict']): Promise<void> {
    const { runId } = rootOf(chain);
    for await (const { id, runIds } of ports.checklists.list(20)) {
      if (!runIds.includes(runId)) continue;
      const state = verdict === 'bad' ? 'failed' : 'done';
      const found = { kind: 'validate', verdict } as const;
      return ports.checklists.setStep(id, { step: 'validate', state, by, at: Math.round(clock.now()), found });
    }
  }

  /** The images of a retry. What is read for it is freed by `dispose`. */
  async function chooseImages(
    wish: RetryWish,
    chain: Chain | undefined,
  ): Promise<{ images: AsyncIterable<ListedImage>; dispose: () => Promise<void> } | ResultRefusal> {
    if (wish.kind === 'unaccounted') {
      if (!chain) return { reason: 'no-run' };
      const found = await reconcileChain(chain);
      return { images: unaccountedImages(found, ports.findImage), dispose: found.dispose };
    }
    const { images: named } = wish.choice;
    if (named) {
      const there = await Promise.all([...named].map(async (key) => ({ key, found: await ports.findImage(key) })));
      const keys = there.filter(({ found }) => !found).map(({ key }) => key);
      if (keys.length > 0) return { reason: 'images-unknown', bucket: ports.bucket, keys };
      const images = there.flatMap(({ found }) => (found ? [found] : []));
      return { images: streamed(images), dispose: async () => {} };
    }
    const failures = await failuresOf(chain ?? [], true);
    const { dispose, totals } = failures;
    const first = await failures.images(wish.choice).next();
    if (first.done) {
      await dispose();
      return totals.images === 0
        ? { reason: 'nothing-failed' }
        : { reason: 'none-chosen', failedImages: totals.images, types: Object.keys(totals.byType).sort() };
    }
    return { images: failures.images(wish.choice), dispose };
  }

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
        const chosen = await chooseImages(wish, chain);
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
    validate: ({ person, seed: given, by }) =>
      answer<Validation>(async () => {
        const found = await chainOf();
        const chain = isChain(found) ? found : undefined;
        const backup = await backupBefore(chain);
        const seed = given ?? Math.floor(ports.random() * 1_000_000);
        const now = await countByKind(dynamodb, ports.table, {
          keys: keyNamesOf(await describeTable(dynamodb, ports.table)),
        });
        const people = backup
          ? await comparePeople(ports, {
              backup,
              choice:
                person === undefined
                  ? { kind: 'sample', size: ports.samplePeople, seed }
                  : { kind: 'one', person: hashOfResource(person) },
              leaveOut: ports.leaveOut,
            })
          : [];
        const about = { now, people, ...(backup ? { backup } : {}) };
        if (person !== undefined) {
          if (!backup) return refuse({ reason: 'table', refusal: { reason: 'no-backup' } });
          const [one] = people;
          if (!one || one.before.entries + one.after.entries === 0)
            return refuse({ reason: 'no-such-person', person, backupId: backup.id });
          return { ok: true, value: { ...about, ...judgeValidation(about), runIds: [], images: [] } };
        }
        if (!chain) return refuse({ reason: 'no-run' });
        const joined = await reconcileChain(chain);
        try {
          const judged = judgeValidation({ ...about, reconciled: joined.totals });
          const images: ReconciledImage[] = [];
          for await (const image of joined.images(LOOKED_AT)) {
            images.push(image);
            if (images.length >= MOST_EXAMPLES) break;
          }
          await noteVerdict(chain, by, judged.verdict);
          const value = { ...about, ...judged, runIds: idsOf(chain), reconciled: joined.totals, images, seed };
          return { ok: true, value };
        } finally {
          await joined.dispose();
        }
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

async function* streamed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The images that a retry can bring to account, with their sizes. */
async function* unaccountedImages(found: Reconciliation, findImage: FindImage): AsyncGenerator<ListedImage> {
  for await (const image of found.images(UNACCOUNTED)) {
    if (image.kind === 'processed-without-rows' && image.why !== 'person-has-no-rows') continue;
    const there = await findImage(image.key);
    if (there) yield there;
  }
}
