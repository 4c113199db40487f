import type { OutcomeRecord } from '../model/types.ts';

/**
 * Decides which processed images have their rows looked up in the table, and when rows count as missing. Pure: no clock
 * and no network. It is not part of a checkpoint, because every image is checked at the end of the run.
 */
export interface RowWatch {
  /** Images to look up, oldest first. */
  readonly queue: readonly OutcomeRecord[];
  /** The images that are being looked up. */
  readonly asked: readonly OutcomeRecord[];
  /** Looked up and not found yet. */
  readonly missing: readonly OutcomeRecord[];
  /** The last images that were not chosen: they are looked up when the rows of another one are missing. */
  readonly skipped: readonly OutcomeRecord[];
  /** Images that follow and are all looked up. */
  readonly everyoneFor: number;
  /** Images since the last one that was chosen. */
  readonly sinceChosen: number;
  /** When missing rows are looked up again, epoch ms. */
  readonly nextLookAt: number;
  /** Images whose rows were found, by themselves or replaced by another image. */
  readonly found: number;
}

/** What the table says about the rows of an image. `unknown`: they cannot be found by key, so the end of the run tells. */
export type RowProof = 'found' | 'missing' | 'unknown';

/** One in this many processed images is looked up: 4 %. */
const ONE_IN = 25;
/** So many are all looked up: the first of a drive, and those after an image without rows. */
const ALL_AT_START = 5;
const ALL_AFTER_A_MISS = 50;
const MAX_SKIPPED = 40;
/** A longer queue is not extended; the end of the run checks what was left out. */
const MAX_QUEUE = 500;
export const LOOK_AT_ONCE = 20;
const LOOK_AGAIN_MS = 2_000;

export const startRowWatch = (): RowWatch => ({
  queue: [],
  asked: [],
  missing: [],
  skipped: [],
  everyoneFor: ALL_AT_START,
  sinceChosen: 0,
  nextLookAt: 0,
  found: 0,
});

/** One more processed image that claims rows. `must`: it is looked up in any case. */
export function noteClaim(watch: RowWatch, record: OutcomeRecord, must = false): RowWatch {
  const isChosen = must || watch.everyoneFor > 0 || watch.sinceChosen + 1 >= ONE_IN;
  if (!isChosen) {
    const skipped = [...watch.skipped, record].slice(-MAX_SKIPPED);
    return { ...watch, skipped, sinceChosen: watch.sinceChosen + 1 };
  }
  const next = { ...watch, sinceChosen: 0, everyoneFor: Math.max(0, watch.everyoneFor - 1) };
  return enqueue(next, [record], must);
}

function enqueue(watch: RowWatch, records: readonly OutcomeRecord[], must = false): RowWatch {
  const room = MAX_QUEUE - watch.queue.length - watch.missing.length;
  if (room <= 0 && !must) return watch;
  return { ...watch, queue: [...watch.queue, ...(must ? records : records.slice(0, room))] };
}

/** When the next lookup is due, epoch ms: now, when missing rows are looked up again, or never. */
export function lookupDueAt(watch: RowWatch): number {
  if (watch.asked.length > 0) return Number.POSITIVE_INFINITY;
  if (watch.queue.length > 0) return 0;
  return watch.missing.length > 0 ? watch.nextLookAt : Number.POSITIVE_INFINITY;
}

/** Takes the images of the next lookup, at most `LOOK_AT_ONCE`: new ones, and those that were missing when it is time. */
export function beginLookup(watch: RowWatch, now: number): RowWatch {
  const again = now >= watch.nextLookAt ? watch.missing : [];
  const half = LOOK_AT_ONCE / 2;
  const asked = [...again.slice(0, half), ...watch.queue, ...again.slice(half)].slice(0, LOOK_AT_ONCE);
  return {
    ...watch,
    asked,
    queue: watch.queue.filter((record) => !asked.includes(record)),
    missing: watch.missing.filter((record) => !asked.includes(record)),
  };
}

const endOf = ({ startedAt, durationMs }: OutcomeRecord) => startedAt + durationMs;

/**
 * The watch after a lookup, and the images whose rows count as missing: they were not in the table `waitMs` after the
 * reply. Each lookup without rows has the images around it looked up, too.
 */
export function noteProofs(
  watch: RowWatch,
  proofs: readonly RowProof[],
  now: number,
  waitMs: number,
): { watch: RowWatch; lost: readonly OutcomeRecord[] } {
  const proofOf = (at: number): RowProof => proofs[at] ?? 'unknown';
  const without = watch.asked.filter((_, at) => proofOf(at) === 'missing');
  const lost = without.filter((record) => now >= endOf(record) + waitMs);
  const found = watch.asked.filter((_, at) => proofOf(at) === 'found').length;
  const next: RowWatch = {
    ...watch,
    asked: [],
    missing: [...watch.missing, ...without.filter((record) => !lost.includes(record))],
    nextLookAt: watch.nextLookAt > now ? watch.nextLookAt : now + LOOK_AGAIN_MS,
    found: watch.found + found,
  };
  if (without.length === 0) return { watch: next, lost };
  const widened = enqueue({ ...next, skipped: [], everyoneFor: ALL_AFTER_A_MISS }, next.skipped);
  return { watch: widened, lost };
}

/** A lookup failed: its images are looked up again after a while. */
export const noteFailedLookup = (watch: RowWatch, now: number): RowWatch => ({
  ...watch,
  asked: [],
  missing: [...watch.asked, ...watch.missing],
  nextLookAt: now + LOOK_AGAIN_MS,
});

/** Nothing is looked up any more: the end of the run checks every image. What is being looked up is not waited for. */
export const endRowWatch = (watch: RowWatch): RowWatch => ({ ...watch, queue: [], missing: [], skipped: [] });

/** Images whose claimed rows were looked up and not found yet. */
export const unprovenOf = ({ missing }: RowWatch): number => missing.length;

/** Whether the rows of an image below this index are still to be found. */
export const awaitsRowsBelow = ({ queue, asked, missing }: RowWatch, index: number): boolean =>
  [queue, asked, missing].some((records) => records.some((record) => record.index < index));
