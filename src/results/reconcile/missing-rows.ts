import type { Clock } from '../../lib/clock.ts';
import type { Item } from '../../pipeline/table/item.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { claimsRows, noRowsOf } from '../../run/proof/row-proof.ts';
import { LOOK_AT_ONCE, type RowProof } from '../../run/rules/row-watch.ts';
import { lastOutcomes } from '../../run/store/last-outcomes.ts';
import type { JournalChunk } from '../../run/store/run-store.ts';
import { reconcile } from './reconcile.ts';

/** What the check of all rows of a run reads. */
export interface MissingRowsPorts {
  readonly clock: Clock;
  readonly keys: RecordShape;
  /** The bucket of the images, because a record may name an image with its bucket. */
  readonly bucket: string;
  readonly manifest: () => AsyncIterable<{ readonly key: string }>;
  readonly journal: () => AsyncIterable<Pick<JournalChunk, 'records'>>;
  /** The whole table, in streams that are read concurrently. */
  readonly rows: (signal: AbortSignal) => readonly AsyncIterable<{ readonly items: readonly Item[] }>[];
  /** Whether the table is so large that the rows of a few images are better looked up by key. */
  readonly isLarge: () => Promise<boolean>;
  readonly lookUp: (claims: readonly OutcomeRecord[], signal: AbortSignal) => Promise<readonly RowProof[]>;
  /** How long after a reply its rows may come, ms. */
  readonly waitMs: number;
  /** The folder of the temporary files. */
  readonly folder?: string;
}

/** Images of a run whose rows are looked up by key in a large table. */
const FEW = 500;
const AT_ONCE = 200;

/**
 * Checks the rows of every image of a run that claims any, and yields those whose rows are missing as outcomes
 * `no-rows`, in pieces. Images that are on record as without rows are not yielded again. Streams: memory is one byte per
 * image and what a reconciliation needs. Where rows are missing it waits until `waitMs` after the last reply and checks
 * again, because rows may become visible later.
 * @throws the error of a source, or `signal.reason`
 */
export async function* findMissingRows(
  run: { readonly images: number; readonly startedAt?: number },
  ports: MissingRowsPorts,
  signal: AbortSignal,
): AsyncGenerator<readonly OutcomeRecord[]> {
  const { clock, journal, waitMs } = ports;
  if (await areFewAndFound(run.images, ports, signal)) return;
  let lost = await readLost(run, ports, signal);
  if (lost.images === 0) return;
  const visibleAt = lost.lastReplyAt + waitMs;
  if (clock.now() < visibleAt) {
    await clock.sleep(visibleAt - clock.now(), signal);
    lost = await readLost(run, ports, signal);
  }
  let piece: OutcomeRecord[] = [];
  for await (const record of lastOutcomes(journal, run.images)) {
    signal.throwIfAborted();
    if (lost.isLost[record.index] !== 1) continue;
    piece.push(...noRowsOf(record));
    if (piece.length < AT_ONCE) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** Whether a large table has the rows of a run over a few images, by key. */
async function areFewAndFound(images: number, ports: MissingRowsPorts, signal: AbortSignal): Promise<boolean> {
  if (!(await ports.isLarge())) return false;
  const claims: OutcomeRecord[] = [];
  for await (const record of lastOutcomes(ports.journal, images)) {
    if (claimsRows(record)) claims.push(record);
    if (claims.length > FEW) return false;
  }
  for (let at = 0; at < claims.length; at += LOOK_AT_ONCE) {
    signal.throwIfAborted();
    const proofs = await ports.lookUp(claims.slice(at, at + LOOK_AT_ONCE), signal);
    if (proofs.some((proof) => proof !== 'found')) return false;
  }
  return true;
}

async function readLost(
  { images, startedAt }: { readonly images: number; readonly startedAt?: number },
  ports: MissingRowsPorts,
  signal: AbortSignal,
) {
  const isLost = new Uint8Array(images);
  let count = 0;
  let lastReplyAt = 0;
  const found = await reconcile(
    { manifest: ports.manifest(), journal: ports.journal(), rows: ports.rows(signal) },
    {
      keys: ports.keys,
      bucket: ports.bucket,
      signal,
      ...(startedAt !== undefined && { startedAt }),
      ...(ports.folder !== undefined && { folder: ports.folder }),
    },
  );
  try {
    for await (const image of found.images(['processed-without-rows', 'processed-with-older-rows'], signal)) {
      const { outcome } = image;
      if (!('why' in image) || image.why !== 'missing' || outcome?.kind !== 'processed') continue;
      if ((outcome.entriesStored ?? 0) === 0) continue;
      isLost[outcome.index] = 1;
      lastReplyAt = Math.max(lastReplyAt, outcome.endedAt);
      count += 1;
    }
  } finally {
    await found.dispose();
  }
  return { isLost, images: count, lastReplyAt };
}
