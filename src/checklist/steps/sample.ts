import type { Clock, Random } from '../../lib/clock.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Invocation, Outcome } from '../../pipeline/invoke/invocation.ts';
import { reservoir } from '../../run/plan/sample.ts';

/** What an image of the sample came to. Pushback to the end counts as a failure: it was not proven. */
export interface SampledImage {
  readonly key: string;
  readonly outcome: Outcome;
}
export interface SampleResult {
  readonly images: readonly SampledImage[];
  readonly failed: number;
  /** The bucket held no more images than these. */
  readonly isAll: boolean;
}

export interface SamplePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly listImages: () => AsyncIterable<ListedImage>;
  readonly invoke: (imageKey: string) => Promise<Invocation>;
}

/** The bucket holds no image to prove anything with. */
export class EmptySampleError extends Error {
  override readonly name = 'EmptySampleError';
  constructor() {
    super('The bucket holds no image that could be tried.');
  }
}

const TRIES = 5;
const WAIT_MS = 2_000;

/**
 * Invokes the function for a few images of the bucket, drawn at random, one after the other: proof that it works today,
 * before anything is deleted. Their records are written as in any invocation.
 * @throws EmptySampleError; FaultError where the bot itself cannot work: no image is blamed for that.
 */
export async function trySample(count: number, ports: SamplePorts): Promise<SampleResult> {
  const drawn = reservoir<ListedImage>(count, ports.random);
  for await (const image of ports.listImages()) drawn.offer(image);
  const chosen = drawn.result();
  if (chosen.length === 0) throw new EmptySampleError();
  const images: SampledImage[] = [];
  for (const { key } of chosen) images.push({ key, outcome: await tryImage(key, ports) });
  const failed = images.filter(({ outcome }) => outcome.kind === 'failed').length;
  return { images, failed, isAll: chosen.length < count };
}

async function tryImage(key: string, { clock, invoke }: SamplePorts): Promise<Outcome> {
  let message = '';
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const { reading } = await invoke(key);
    switch (reading.kind) {
      case 'outcome':
        return reading.outcome;
      case 'fault':
        throw new FaultError(reading.fault);
      case 'broken':
        // It may have run: it is not run again behind anyone's back.
        return { kind: 'failed', failureType: 'INVOCATION_ERROR', message: reading.message };
      case 'throttled':
        message = reading.message;
        if (attempt < TRIES) await clock.sleep(WAIT_MS * attempt);
    }
  }
  return { kind: 'failed', failureType: 'THROTTLING_ERROR', message };
}
