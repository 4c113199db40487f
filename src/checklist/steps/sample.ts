import type { Clock, Random } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { type BucketImage, type ListedImage, withoutArchived } from '../../pipeline/images.ts';
import { type FailureType, failureOf, type Invocation } from '../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';
import { reservoir } from '../../run/plan/sample.ts';
import { claimsRows, noRowsOf } from '../../run/proof/row-proof.ts';
import type { RowProof } from '../../run/rules/row-watch.ts';
import type { SampleResult } from '../contracts/step-control.ts';

export interface SamplePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly listImages: () => AsyncIterable<BucketImage>;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
  /** What the table says about the rows of these images, which all claim some, in their order. */
  readonly lookUpRows: (claims: readonly OutcomeRecord[]) => Promise<readonly RowProof[]>;
  /** How long after a reply its rows may come, ms. */
  readonly rowsWaitMs: number;
}

/** The bucket contains no image that the function could be invoked with. */
export class EmptySampleError extends Error {
  override readonly name = 'EmptySampleError';
  constructor() {
    super('The bucket contains no images.');
  }
}

const MAX_ATTEMPTS = 5;
const WAIT_MS = 2_000;
const LOOK_AGAIN_MS = 2_000;

/**
 * Invokes the function for a few images of the bucket, drawn at random, one after the other, and looks for their rows in
 * the table. This proves that the function works today, before anything is deleted. The function writes the records of
 * these images as in any invocation. An image that claims rows and has none `rowsWaitMs` after its reply has failed.
 * @throws EmptySampleError; FaultError when the environment is broken, since that is not the fault of an image; the error
 * of the lookup.
 */
export async function trySample(count: number, ports: SamplePorts): Promise<SampleResult> {
  const drawn = reservoir<ListedImage>(count, ports.random);
  for await (const image of withoutArchived(ports.listImages())) drawn.offer(image);
  const chosen = drawn.result();
  if (chosen.length === 0) throw new EmptySampleError();
  const { clock } = ports;
  const tried: OutcomeRecord[] = [];
  for (const [index, { key }] of chosen.entries()) {
    const attempt = await tryImage(key, ports);
    tried.push({ index, key, ...attempt, durationMs: clock.now() - attempt.startedAt });
  }
  const { missing, unproven } = await findRows(tried.filter(claimsRows), ports);
  const images = tried.map((record) => {
    const [{ outcome } = record] = missing.includes(record) ? noRowsOf(record) : [];
    return { key: record.key, outcome };
  });
  const failed = images.filter(({ outcome }) => failureOf(outcome) !== undefined).length;
  return { images, failed, unproven, isAll: chosen.length < count };
}

/** The images whose rows did not come in time, and the number of those whose rows the key of the table does not tell. */
async function findRows(
  claims: readonly OutcomeRecord[],
  { clock, lookUpRows, rowsWaitMs }: SamplePorts,
): Promise<{ readonly missing: readonly OutcomeRecord[]; readonly unproven: number }> {
  const until = clock.now() + rowsWaitMs;
  let missing = claims;
  let unproven = 0;
  while (missing.length > 0) {
    // A lookup that began in time counts, however long it takes.
    const isLast = clock.now() >= until;
    const proofs = await lookUpRows(missing);
    unproven += proofs.filter((proof) => proof === 'unknown').length;
    missing = missing.filter((_, at) => proofs[at] === 'missing');
    if (isLast) break;
    if (missing.length > 0) await clock.sleep(LOOK_AGAIN_MS);
  }
  return { missing, unproven };
}

type Tried = Pick<OutcomeRecord, 'outcome' | 'startedAt' | 'throttles'>;

async function tryImage(key: string, { clock, invoke }: SamplePorts): Promise<Tried> {
  for (let attempt = 1; ; attempt++) {
    const startedAt = clock.now();
    const failed = (failureType: FailureType, message: string): Tried => ({
      outcome: { kind: 'failed', failureType, message },
      startedAt,
      throttles: attempt - 1,
    });
    const { result } = await invoke(key);
    switch (result.kind) {
      case 'outcome':
        return { outcome: result.outcome, startedAt, throttles: attempt - 1 };
      case 'fault':
        throw new FaultError(result.fault);
      case 'suspected':
        if (result.failure === undefined) throw new FaultError(result.fault);
        return { outcome: result.failure, startedAt, throttles: attempt - 1 };
      case 'broken':
        // The function may have processed the image, so it is not invoked again.
        return failed('INVOCATION_ERROR', result.message);
      case 'throttled':
        if (attempt === MAX_ATTEMPTS) return failed('THROTTLING_ERROR', result.message);
        await clock.sleep(WAIT_MS * attempt);
    }
  }
}
