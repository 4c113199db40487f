import type { ListedImage } from '../pipeline/images.ts';
import type { Failures } from '../rescan/failures.ts';
import type { Reconciliation } from '../rescan/reconcile.ts';
import type { ReconciledKind } from '../rescan/reconcile-image.ts';
import type { RunChain } from '../rescan/run-chain.ts';
import type { FindImage, ResultRefusal, RetryWish } from './result-control.ts';

export interface RetryImagesPorts {
  readonly bucket: string;
  readonly findImage: FindImage;
  readonly reconcileChain: (chain: RunChain) => Promise<Reconciliation>;
  /** With the sizes of the manifest. */
  readonly failuresOf: (chain: readonly RunChain[0][]) => Promise<Failures>;
}

/** In the order of their weight. */
const UNACCOUNTED: readonly ReconciledKind[] = ['neither', 'rows-without-outcome', 'processed-without-rows'];

/** The images of a retry. What is read for it is freed by `dispose`. */
export async function chooseImages(
  ports: RetryImagesPorts,
  wish: RetryWish,
  chain: RunChain | undefined,
): Promise<{ images: AsyncIterable<ListedImage>; dispose: () => Promise<void> } | ResultRefusal> {
  if (wish.kind === 'unaccounted') {
    if (!chain) return { reason: 'no-run' };
    const found = await ports.reconcileChain(chain);
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
  const failures = await ports.failuresOf(chain ?? []);
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
