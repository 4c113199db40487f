import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { listFailures } from '../../pipeline/table/failure-records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { type Failures, readFailures } from '../../results/failures/failures.ts';
import { type Reconciliation, reconcile } from '../../results/reconcile/reconcile.ts';
import type { ReconcileOptions } from '../../results/reconcile/reconcile-sources.ts';
import type { ManifestEntry } from '../../run/model/types.ts';
import { type RunChain, readChain, rootOf } from '../../run/store/run-chain.ts';
import type { RunRecord, RunStore } from '../../run/store/run-store.ts';
import type { ResultRefusal } from '../contracts/result-control.ts';

export interface RunReaderPorts {
  readonly dynamodb: DynamoDBClient;
  readonly table: string;
  readonly bucket: string;
  readonly profile: Profile;
  readonly store: Pick<RunStore, 'read' | 'readOpen' | 'newestFirst' | 'journal'>;
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** The images that are in the bucket now. */
  readonly listImages: () => AsyncIterable<ListedImage>;
}

/** Reads stored runs together with the table. */
export interface RunReader {
  /** The run with this id; without an id the open run, else the last one that was started. */
  run(runId?: string): Promise<Result<RunRecord, ResultRefusal>>;
  /** The same run with all runs over the same images, newest first. */
  chain(runId?: string): Promise<Result<RunChain, ResultRefusal>>;
  /** The failures in these runs and in the table. `withBucket`: only of images that are in the bucket. */
  failures(
    runs: readonly RunRecord[],
    about: { readonly withBucket: boolean; readonly inRun?: string },
  ): Promise<Failures>;
  /**
   * The images of the first run of a chain, with their outcomes in all its runs and their rows in the table. `onRecords`: called with
   * all records of the table, page by page.
   */
  reconcile(chain: RunChain, options?: Pick<ReconcileOptions, 'onRecords'>): Promise<Reconciliation>;
}

const SEGMENTS = 4;

export function createRunReader(ports: RunReaderPorts): RunReader {
  const { dynamodb, store, table } = ports;

  const readShape = async () => shapeOf(await describeTable(dynamodb, table), ports.profile);

  async function run(runId?: string): Promise<Result<RunRecord, ResultRefusal>> {
    const { openRunId, lastRunId } = await store.readOpen();
    const id = runId ?? openRunId ?? lastRunId;
    const record = id === undefined ? undefined : await store.read(id);
    if (record?.startedAt !== undefined) return succeed(record);
    return refuse(runId === undefined ? { reason: 'no-run' } : { reason: 'unknown-run', runId });
  }

  /** The journal of the newest run last, because the last outcome of an image counts. */
  async function* journalOf(chain: RunChain) {
    for (const { runId } of chain.toReversed()) yield* store.journal(runId, 0);
  }

  return {
    run,
    async chain(runId) {
      const found = await run(runId);
      if (!found.ok) return found;
      const chain = await readChain(store, found.value.runId);
      return chain ? succeed(chain) : refuse({ reason: 'unknown-run', runId: found.value.runId });
    },
    failures: async (runs, { withBucket, inRun }) =>
      readFailures(
        {
          runs: runs.map(({ runId }) => ({ runId, journal: store.journal(runId, 0) })),
          records: listFailures(dynamodb, table, await readShape()),
          ...defined({ bucket: withBucket ? ports.listImages() : undefined }),
        },
        defined({ inRun }),
      ),
    async reconcile(chain, options) {
      const root = rootOf(chain);
      const keys = await readShape();
      return reconcile(
        {
          manifest: ports.manifest(root.runId, 0),
          journal: journalOf(chain),
          rows: scanTable(dynamodb, table, { segments: SEGMENTS }),
        },
        defined({ ...options, keys, bucket: ports.bucket, startedAt: root.startedAt }),
      );
    },
  };
}
