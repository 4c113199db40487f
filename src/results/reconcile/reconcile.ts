import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import { createLineSorter, visitLines } from '../../lib/disk/external-sort.ts';
import { createLineFile, type LineFile } from '../../lib/disk/lines.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { type ManifestLocation, readManifest, readManifestIndex } from '../../run/plan/manifest.ts';
import type { RunStore } from '../../run/store/run-store.ts';
import { foldedPerson } from './image-spelling.ts';
import {
  type DecideBy,
  type ImageFacts,
  type ImageOutcome,
  kindOfImage,
  RECONCILED_KINDS,
  type ReconciledImage,
  type ReconciledKind,
  sinceOf,
  whyWithoutRows,
} from './reconcile-image.ts';
import {
  joinByImage,
  PERSON_HAS_ROWS,
  type ReconcileOptions,
  type ReconcileProgress,
  type ReconcileSources,
  readSources,
} from './reconcile-sources.ts';
import { createReconcileSum, type ReconcileTotals } from './reconcile-totals.ts';

/** What a reconciliation found; its images are in temporary files until `dispose`. */
export interface Reconciliation {
  readonly totals: ReconcileTotals;
  /**
   * The images of these kinds, kind after kind in the order of RECONCILED_KINDS, by key within; those processed without rows
   * by person. Can be read again.
   */
  readonly images: (kinds?: readonly ReconciledKind[], signal?: AbortSignal) => AsyncGenerator<ReconciledImage>;
  /** Frees the disk. */
  readonly dispose: () => Promise<void>;
}

const CLOCK_SKEW_MS = 60_000;
/** In the lines by person: an image that has no rows, behind PERSON_HAS_ROWS where the person has any. */
const IMAGE_WITHOUT = 'i';

/**
 * Joins manifest, journal and table by the image's key, exactly and in the same memory for any size (sorted temporary files), so
 * that every key of the manifest has exactly one kind. Reads only; rows written meanwhile count if the scan met them.
 * @throws what a source throws; the file system's error; `signal.reason`. No file is left then.
 */
export async function reconcile(sources: ReconcileSources, options: ReconcileOptions = {}): Promise<Reconciliation> {
  const { signal, folder } = options;
  const by: DecideBy = { startedAt: options.startedAt, clockSkewMs: options.clockSkewMs ?? CLOCK_SKEW_MS };
  const space = {
    ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
    ...(folder !== undefined && { folder }),
  };
  const byImage = createLineSorter(space);
  const byPerson = createLineSorter(space);
  const sum = createReconcileSum(by);
  const files = new Map<ReconciledKind, LineFile>();
  const dispose = async () => {
    for (const file of files.values()) await file.dispose();
  };
  const keep = (image: ReconciledImage) => {
    const file = files.get(image.kind) ?? createLineFile(folder);
    files.set(image.kind, file);
    file.add(JSON.stringify(image));
    sum.image(image);
  };
  let read: ReconcileProgress = { images: 0, outcomes: 0, records: 0, joined: 0 };
  let joined = 0;
  const flushIfLarge = async () => {
    for (const file of files.values()) await file.flushIfLarge();
    await byPerson.flushIfLarge();
    options.onProgress?.({ ...read, joined });
    signal?.throwIfAborted();
  };
  try {
    read = await readSources(sources, options, { byImage, byPerson, sum });
    await joinByImage(byImage, sum, flushIfLarge, signal, (facts) => {
      joined += 1;
      const kind = kindOfImage(facts, by);
      const { key, rows, outcome } = facts;
      const image = { key, rows, ...(outcome && { outcome }) };
      if (kind === 'processed-without-rows') {
        const person = foldedPerson(outcome?.resourceName ?? '');
        byPerson.add(`${JSON.stringify(person)}\t${IMAGE_WITHOUT}${JSON.stringify(image)}`);
      } else keep(kind === 'not-in-manifest' ? { ...image, kind, since: sinceOf(rows, by) } : { ...image, kind });
    });
    let personWithRows: string | undefined;
    const visit = (person: string, value: string) => {
      if (value === PERSON_HAS_ROWS) {
        personWithRows = person;
        return;
      }
      const image: Omit<ImageFacts, 'outcome'> & { outcome: ImageOutcome } = JSON.parse(value.slice(1));
      keep({
        ...image,
        kind: 'processed-without-rows',
        why: whyWithoutRows(image.outcome, personWithRows === person),
      });
    };
    await visitLines(byPerson.sorted(signal), visit, flushIfLarge);
    await flushIfLarge();
    return { totals: sum.totals(), images: (kinds, stop) => readImages(files, kinds, stop), dispose };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await byImage.dispose();
    await byPerson.dispose();
  }
}

async function* readImages(
  files: ReadonlyMap<ReconciledKind, LineFile>,
  kinds: readonly ReconciledKind[] = RECONCILED_KINDS,
  signal?: AbortSignal,
): AsyncGenerator<ReconciledImage> {
  for (const kind of RECONCILED_KINDS) {
    const file = kinds.includes(kind) ? files.get(kind) : undefined;
    if (file === undefined) continue;
    for await (const lines of file.read(signal))
      for (const line of lines) {
        const image: ReconciledImage = JSON.parse(line);
        yield image;
      }
  }
}

export interface ReconcileRunRequest extends ReconcileOptions {
  readonly runId: string;
  readonly manifest: ManifestLocation;
  readonly table: string;
  readonly segments?: number;
}

const SEGMENTS = 6;

/**
 * The same for a run as it is on record, against its table in a consistent scan.
 * @throws ManifestError, FaultError, the SDK's or the file system's error; `signal.reason`.
 */
export async function reconcileRun(
  parts: { readonly dynamodb: DynamoDBClient; readonly s3: S3Client; readonly store: Pick<RunStore, 'journal'> },
  request: ReconcileRunRequest,
): Promise<Reconciliation> {
  const index = await readManifestIndex(parts.s3, request.manifest);
  const { signal, segments = SEGMENTS } = request;
  const sources = {
    manifest: readManifest(parts.s3, request.manifest, index),
    journal: parts.store.journal(request.runId, -1),
    rows: scanTable(parts.dynamodb, request.table, { segments, ...(signal && { signal }) }),
  };
  return reconcile(sources, request);
}
