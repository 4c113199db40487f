import { defined } from '../../lib/defined.ts';
import { createLineSorter, visitLines } from '../../lib/disk/external-sort.ts';
import { createLineFile, type LineFile, readJsonLines } from '../../lib/disk/lines.ts';
import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import { ANY_TIME, CLOCK_SKEW_MS, type WrittenRows } from '../../run/proof/row-proof.ts';
import {
  type DecideBy,
  type ImageFacts,
  type ImageOutcome,
  type KindWithReason,
  kindOfImage,
  needsReason,
  RECONCILED_KINDS,
  type ReconciledImage,
  type ReconciledKind,
  sinceOf,
  whyWithoutRows,
} from './reconcile-image.ts';
import { ANYBODY } from './reconcile-rows.ts';
import {
  joinByImage,
  PERSON_HAS_ROWS,
  type ReconcileOptions,
  type ReconcileProgress,
  type ReconcileSources,
  readSources,
} from './reconcile-sources.ts';
import { createReconcileTotals, type ReconcileTotals } from './reconcile-totals.ts';

/** The result of a reconciliation. Its images are in temporary files until `dispose`. */
export interface Reconciliation {
  readonly totals: ReconcileTotals;
  /**
   * The images of these kinds, in the order of RECONCILED_KINDS, each kind sorted by key (those with a reason by
   * person). Can be read repeatedly.
   */
  readonly images: (kinds?: readonly ReconciledKind[], signal?: AbortSignal) => AsyncGenerator<ReconciledImage>;
  /** Deletes the temporary files. */
  readonly dispose: () => Promise<void>;
}

/** More groups of rows of one person than this are taken together, so that memory does not grow. */
const MAX_WRITTEN = 10_000;
/** In the lines by person: an image without rows. It sorts after PERSON_HAS_ROWS. */
const IMAGE_WITHOUT_ROWS = 'i';

/**
 * Joins the manifest, the journal and the table by image, exactly and in constant memory (sorted temporary files), so
 * that every key of the manifest has exactly one kind. It only reads. Rows that are written during the scan may or may
 * not be included.
 * @throws the error of a source; the file system's error; `signal.reason`. No temporary file is left then.
 */
export async function reconcile(sources: ReconcileSources, options: ReconcileOptions): Promise<Reconciliation> {
  const { signal, folder } = options;
  const by: DecideBy = { startedAt: options.startedAt, clockSkewMs: options.clockSkewMs ?? CLOCK_SKEW_MS };
  const sorterOptions = defined({ memoryBytes: options.memoryBytes, folder });
  const byImage = createLineSorter(sorterOptions);
  const byPerson = createLineSorter(sorterOptions);
  const totals = createReconcileTotals();
  const files = new Map<ReconciledKind, LineFile>();
  const dispose = async () => {
    for (const file of files.values()) await file.dispose();
  };
  const addImage = (image: ReconciledImage) => {
    const file = files.get(image.kind) ?? createLineFile(folder);
    files.set(image.kind, file);
    file.add(JSON.stringify(image));
    totals.addImage(image);
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
    read = await readSources(sources, options, { byImage, byPerson, totals });
    await joinByImage(byImage, totals, flushIfLarge, signal, (facts) => {
      joined += 1;
      const kind = kindOfImage(facts, by);
      const { key, rows, outcome } = facts;
      const image = { key, rows, ...(outcome && { outcome }) };
      if (needsReason(kind)) {
        const person = outcome?.resourceName === undefined ? ANYBODY : normalisePerson(outcome.resourceName);
        byPerson.add(`${JSON.stringify(person)}\t${IMAGE_WITHOUT_ROWS}${JSON.stringify({ ...image, kind })}`);
      } else addImage(kind === 'not-in-manifest' ? { ...image, kind, since: sinceOf(rows, by) } : { ...image, kind });
    });
    let current: string | undefined;
    let written: WrittenRows[] = [];
    const visit = (person: string, value: string) => {
      if (person !== current) written = [];
      current = person;
      if (value.startsWith(PERSON_HAS_ROWS)) {
        if (written.length >= MAX_WRITTEN) written = [together(written)];
        written.push(JSON.parse(value.slice(PERSON_HAS_ROWS.length)));
        return;
      }
      const image: Omit<ImageFacts, 'outcome'> & { outcome: ImageOutcome; kind: KindWithReason } = JSON.parse(
        value.slice(IMAGE_WITHOUT_ROWS.length),
      );
      addImage({ ...image, why: whyWithoutRows(image.outcome, written, by) });
    };
    await visitLines(byPerson.sorted(signal), visit, flushIfLarge);
    await flushIfLarge();
    return { totals: totals.totals(), images: (kinds, stop) => readImages(files, kinds, stop), dispose };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await byImage.dispose();
    await byPerson.dispose();
  }
}

/** All rows as one group: whatever one of them may replace, it may replace. */
const together = (written: readonly WrittenRows[]): WrittenRows => ({
  ...ANY_TIME,
  newestAt: written.some(({ newestAt }) => newestAt === 0) ? 0 : Math.max(...written.map(({ newestAt }) => newestAt)),
});

async function* readImages(
  files: ReadonlyMap<ReconciledKind, LineFile>,
  kinds: readonly ReconciledKind[] = RECONCILED_KINDS,
  signal?: AbortSignal,
): AsyncGenerator<ReconciledImage> {
  for (const kind of RECONCILED_KINDS) {
    const file = kinds.includes(kind) ? files.get(kind) : undefined;
    if (file) yield* readJsonLines<ReconciledImage>(file, signal);
  }
}
