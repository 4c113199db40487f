import { createLookAlikes, likeSpelling, readSpelling } from '../../lib/look-alike.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Failures } from '../../results/failures/failures.ts';
import type { Reconciliation } from '../../results/reconcile/reconcile.ts';
import type { ReconciledKind } from '../../results/reconcile/reconcile-image.ts';
import type { Retry } from '../../run/model/types.ts';
import { type RunChain, readHistory } from '../../run/store/run-chain.ts';
import type { RunRecord, RunStore } from '../../run/store/run-store.ts';
import type { FindImage, ResultRefusal, RetryRequest } from '../contracts/result-control.ts';

export interface RetryChoicePorts {
  readonly store: Pick<RunStore, 'newestFirst'>;
  readonly bucket: string;
  readonly findImage: FindImage;
  /** The images that are in the bucket now. */
  readonly listImages: () => AsyncIterable<ListedImage>;
  /** The failures in these runs and in the table. `withBucket`: only of images that are in the bucket. */
  readonly readFailures: (runs: readonly RunRecord[], options: { readonly withBucket: boolean }) => Promise<Failures>;
  /** The last run with its retries. */
  readonly lastChain: () => Promise<RunChain | undefined>;
  readonly reconcileChain: (chain: RunChain) => Promise<Reconciliation>;
}

/** The images of a retry, all of them in the bucket, and how the run describes itself. */
export interface RetryChoice {
  readonly images: AsyncIterable<ListedImage>;
  readonly retry: Retry;
  /** Frees the temporary files behind `images`. */
  readonly dispose: () => Promise<void>;
}

/** The origin of a retry when no run exists. */
const NO_RUN = 'the table';
const LOOK_AT_ONCE = 10;
/** The kinds of images without a complete result that a retry can fix, the most serious first. */
const UNACCOUNTED: readonly ReconciledKind[] = [
  'neither',
  'rows-without-outcome',
  'processed-without-rows',
  'processed-with-older-rows',
];

const PROCESSED: readonly ReconciledKind[] = [
  'processed-with-rows',
  'processed-without-rows',
  'processed-with-older-rows',
];

/**
 * Chooses the images of a retry. `what`: a description for people. @throws what the ports throw; all files are freed
 * then.
 */
export async function chooseForRetry(
  request: RetryRequest,
  what: string,
  ports: RetryChoicePorts,
): Promise<RetryChoice | ResultRefusal> {
  if (request.kind !== 'failed') return chooseOfLastRun(request, what, ports);
  const { choice } = request;
  const resolved = choice.images && (await findNamed([...choice.images].map(readSpelling), ports));
  if (resolved && 'reason' in resolved) return resolved;
  const named = resolved?.map(({ key }) => key);
  const there = resolved ?? [];
  const chosenBy = named ? { ...choice, images: new Set(named) } : choice;

  const history = await readHistory(ports.store);
  const failures = await ports.readFailures(history, { withBucket: named === undefined });
  const { totals, dispose } = failures;
  let isTaken = false;
  try {
    const chosen = await failures.choose(chosenBy);
    if (named === undefined && chosen.images === 0) {
      if (totals.images === 0) return { reason: 'nothing-failed' };
      if (chosen.gone > 0) return { reason: 'images-gone', bucket: ports.bucket, images: chosen.gone };
      return { reason: 'none-chosen', failedImages: totals.images, types: Object.keys(totals.byType).sort() };
    }
    const notFailed = named ? named.length - chosen.images : 0;
    const parts = [
      chosen.cause === undefined ? what : `${what}: ${chosen.cause}`,
      ...(notFailed > 0 ? [`${notFailed} of them have no recorded failure`] : []),
      ...(chosen.gone > 0 ? [`${chosen.gone} more left out, because they are not in the bucket any more`] : []),
    ];
    isTaken = true;
    return {
      images: named ? streamed(there) : failures.images(chosenBy),
      retry: {
        of: chosen.runId ?? history[0]?.runId ?? NO_RUN,
        what: parts.join('; '),
        attempt: Math.max(2, chosen.attempt),
      },
      dispose,
    };
  } finally {
    if (!isTaken) await dispose();
  }
}

async function chooseOfLastRun(
  request: Exclude<RetryRequest, { kind: 'failed' }>,
  what: string,
  ports: RetryChoicePorts,
): Promise<RetryChoice | ResultRefusal> {
  const chain = await ports.lastChain();
  if (!chain) return { reason: 'no-run' };
  const found = await ports.reconcileChain(chain);
  if (request.kind === 'needs-review' && found.totals.needsReview === 0) {
    await found.dispose();
    return { reason: 'nothing-to-review' };
  }
  const attempts = chain.map(({ plan }) => plan.selection.retry?.attempt ?? 1);
  return {
    images:
      request.kind === 'needs-review'
        ? imagesToReview(found, ports.findImage)
        : unaccountedImages(found, request.withUnclear ?? false, ports.findImage),
    retry: { of: chain[0].runId, what, attempt: Math.max(...attempts) + 1 },
    dispose: found.dispose,
  };
}

/** The images without a complete result that a retry can fix, with their sizes. */
async function* unaccountedImages(
  found: Reconciliation,
  withUnclear: boolean,
  findImage: FindImage,
): AsyncGenerator<ListedImage> {
  for await (const image of found.images(UNACCOUNTED)) {
    if ('why' in image && !isRowMissing(image.why, withUnclear)) continue;
    const there = await findImage(image.key);
    if (there) yield there;
  }
}

/** The processed images that need a review and are in the bucket, with their sizes. */
async function* imagesToReview(found: Reconciliation, findImage: FindImage): AsyncGenerator<ListedImage> {
  for await (const { key, outcome } of found.images(PROCESSED)) {
    const there = outcome?.needsReview ? await findImage(key) : undefined;
    if (there) yield there;
  }
}

const isRowMissing = (why: string | undefined, withUnclear: boolean): boolean =>
  why === 'missing' || (withUnclear && why === 'unclear');

/** The images with these names: exactly, or the only one in the bucket that looks like the name. */
async function findNamed(
  names: readonly string[],
  ports: Pick<RetryChoicePorts, 'findImage' | 'listImages' | 'bucket'>,
): Promise<readonly ListedImage[] | ResultRefusal> {
  const exact = await findAll(names, ports.findImage);
  const missing = new Map(
    names.flatMap((name, at) => (exact[at] ? [] : [[likeSpelling(name), { name, like: createLookAlikes(name) }]])),
  );
  const listed = new Map<string, ListedImage>();
  if (missing.size > 0)
    for await (const image of ports.listImages()) {
      const candidate = missing.get(likeSpelling(image.key));
      candidate?.like.offer(image.key);
      if (candidate?.like.names().includes(image.key)) listed.set(image.key, image);
    }
  for (const { name, like } of missing.values())
    if (like.names().length > 1) return { reason: 'look-alikes', what: 'image', typed: name, names: like.names() };
  const keys = [...missing.values()].flatMap(({ name, like }) => (like.names().length === 0 ? [name] : []));
  if (keys.length > 0) return { reason: 'images-unknown', bucket: ports.bucket, keys };
  const found = names.map((name, at) => {
    const [key = ''] = missing.get(likeSpelling(name))?.like.names() ?? [];
    return exact[at] ?? listed.get(key);
  });
  // Two spellings of one name are one image.
  return [...new Map(found.flatMap((image) => (image ? [[image.key, image]] : []))).values()];
}

async function findAll(keys: readonly string[], findImage: FindImage): Promise<readonly (ListedImage | undefined)[]> {
  const found: (ListedImage | undefined)[] = [];
  for (let at = 0; at < keys.length; at += LOOK_AT_ONCE)
    found.push(...(await Promise.all(keys.slice(at, at + LOOK_AT_ONCE).map(findImage))));
  return found;
}

async function* streamed<T>(items: readonly (T | undefined)[]): AsyncGenerator<T> {
  for (const item of items) if (item !== undefined) yield item;
}
