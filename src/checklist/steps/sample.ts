import type { Clock, Random } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { type BucketImage, type ListedImage, withoutArchived } from '../../pipeline/images.ts';
import { failureOf, type Invocation, type Outcome } from '../../pipeline/invoke/invocation.ts';
import { reservoir } from '../../run/plan/sample.ts';
import type { SampledImage, SampleResult } from '../contracts/step-control.ts';

export interface SamplePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly listImages: () => AsyncIterable<BucketImage>;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
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

/**
 * Invokes the function for a few images of the bucket, drawn at random, one after the other. This proves that the
 * function works today, before anything is deleted. The function writes the records of these images as in any
 * invocation.
 * @throws EmptySampleError; FaultError when the environment is broken, since that is not the fault of an image.
 */
export async function trySample(count: number, ports: SamplePorts): Promise<SampleResult> {
  const drawn = reservoir<ListedImage>(count, ports.random);
  for await (const image of withoutArchived(ports.listImages())) drawn.offer(image);
  const chosen = drawn.result();
  if (chosen.length === 0) throw new EmptySampleError();
  const images: SampledImage[] = [];
  for (const { key } of chosen) images.push({ key, outcome: await tryImage(key, ports) });
  const failed = images.filter(({ outcome }) => failureOf(outcome) !== undefined).length;
  return { images, failed, isAll: chosen.length < count };
}

async function tryImage(key: string, { clock, invoke }: SamplePorts): Promise<Outcome> {
  let message = '';
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const { result } = await invoke(key);
    switch (result.kind) {
      case 'outcome':
        return result.outcome;
      case 'fault':
        throw new FaultError(result.fault);
      case 'broken':
        // The function may have processed the image, so it is not invoked again.
        return { kind: 'failed', failureType: 'INVOCATION_ERROR', message: result.message };
      case 'throttled':
        message = result.message;
        if (attempt < MAX_ATTEMPTS) await clock.sleep(WAIT_MS * attempt);
    }
  }
  return { kind: 'failed', failureType: 'THROTTLING_ERROR', message };
}
