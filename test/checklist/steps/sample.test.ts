import { describe, expect, test } from 'vitest';
import type { SampleResult } from '../../../src/checklist/contracts/step-control.ts';
import { EmptySampleError, trySample } from '../../../src/checklist/steps/sample.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import type { ListedImage } from '../../../src/pipeline/images.ts';
import type { InvocationResult } from '../../../src/pipeline/invoke/invocation.ts';
import { seededRandom } from '../../../src/run/plan/sample.ts';
import type { RowProof } from '../../../src/run/rules/row-watch.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const processed: InvocationResult = { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } };
const failed: InvocationResult = {
  kind: 'outcome',
  outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'no' },
};
const rejected: InvocationResult = { kind: 'outcome', outcome: { kind: 'rejected', reason: 'Draft' } };
const throttled: InvocationResult = { kind: 'throttled', source: 'function', message: 'Rate exceeded' };

const imageOf = (at: number): ListedImage => ({ key: `sheets/${String(at).padStart(4, '0')}.png`, size: 1_000 });

/** Tries a sample of a bucket. `answers`: the reply to each call; the last one repeats. */
async function play(options: {
  images: number;
  count?: number;
  answers?: readonly InvocationResult[];
  seed?: number;
  /** What the table says about the rows of an image, at the n-th look. */
  proofOf?: (key: string, look: number) => RowProof;
}) {
  const clock = createFakeClock();
  const begun = clock.now();
  const { answers = [processed] } = options;
  const asked: string[] = [];
  const at: number[] = [];
  let inFlight = 0;
  let most = 0;
  let settled: { result: SampleResult } | { error: unknown } | undefined;
  let looks = 0;
  trySample(options.count ?? 3, {
    rowsWaitMs: 60_000,
    async lookUpRows(claims) {
      looks += 1;
      return claims.map(({ key }) => options.proofOf?.(key, looks) ?? 'found');
    },
    clock,
    random: seededRandom(options.seed ?? 1),
    async *listImages() {
      for (let each = 0; each < options.images; each++) yield { ...imageOf(each), modifiedAt: 0 };
    },
    async invoke(key) {
      const result = answers[Math.min(asked.length, answers.length - 1)] ?? processed;
      asked.push(key);
      at.push(clock.now() - begun);
      most = Math.max(most, ++inFlight);
      await clock.sleep(10);
      inFlight--;
      return { result };
    },
  }).then(
    (result) => {
      settled = { result };
    },
    (error: unknown) => {
      settled = { error };
    },
  );
  while (!settled) await clock.advance(10);
  return { ...settled, asked, at, most, looks, tookMs: clock.now() - begun };
}
const resultOf = (played: Awaited<ReturnType<typeof play>>): SampleResult => {
  if (!('result' in played)) throw new Error('It was refused.', { cause: played });
  return played.result;
};

describe('a sample of images', () => {
  test('a sample invokes the function for as many different images as requested, one after the other', async () => {
    const played = await play({ images: 100 });
    expect(played.asked).toHaveLength(3);
    expect(new Set(played.asked).size).toBe(3);
    expect(played.most).toBe(1);
    expect(resultOf(played)).toEqual({
      images: played.asked.map((key) => ({ key, outcome: { kind: 'processed', entriesStored: 3 } })),
      failed: 0,
      unproven: 0,
      isAll: false,
    });
  });

  test('a sample takes all images when there are fewer', async () => {
    expect((await play({ images: 2 })).asked).toEqual([imageOf(0).key, imageOf(1).key]);
  });

  test('a sample is drawn at random', async () => {
    const draws = await Promise.all([1, 2, 3, 4].map(async (seed) => (await play({ images: 100, seed })).asked.join()));
    expect(new Set(draws).size).toBe(4);
  });

  test('a sample of an empty bucket is an error', async () => {
    const played = await play({ images: 0 });
    expect(played).toMatchObject({ error: expect.any(EmptySampleError) });
    expect(played.asked).toEqual([]);
  });

  test('a sample counts failed images, and a rejected image is not failed', async () => {
    const result = resultOf(await play({ images: 9, answers: [processed, failed, rejected] }));
    expect(result.failed).toBe(1);
    expect(result.images.map(({ outcome }) => outcome.kind)).toEqual(['processed', 'failed', 'rejected']);
  });

  test('a sample continues after a failed image', async () => {
    expect((await play({ images: 9, answers: [failed] })).asked).toHaveLength(3);
  });
});

describe('an image of a sample', () => {
  test('a throttled image of a sample is tried again, after a longer wait each time', async () => {
    const played = await play({ images: 1, count: 1, answers: [throttled, throttled, processed] });
    expect(played.asked).toHaveLength(3);
    expect(played.at).toEqual([0, 2_010, 6_020]);
    expect(resultOf(played).failed).toBe(0);
  });

  test('an image of a sample that is throttled to the end counts as failed', async () => {
    const played = await play({ images: 1, count: 1, answers: [throttled] });
    expect(played.asked).toHaveLength(5);
    expect(resultOf(played)).toMatchObject({
      failed: 1,
      images: [{ outcome: { kind: 'failed', failureType: 'THROTTLING_ERROR', message: 'Rate exceeded' } }],
    });
  });

  test('an image of a sample whose connection broke is not invoked again', async () => {
    const played = await play({ images: 1, count: 1, answers: [{ kind: 'broken', message: 'socket hang up' }] });
    expect(played.asked).toHaveLength(1);
    expect(resultOf(played)).toMatchObject({
      failed: 1,
      images: [{ outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', message: 'socket hang up' } }],
    });
  });

  test('a fault of the environment ends the sample, and no image counts as failed', async () => {
    const fault = { reason: 'access-denied', message: 'not allowed', fix: 'lambda:InvokeFunction' } as const;
    const played = await play({ images: 9, answers: [processed, { kind: 'fault', fault }] });
    expect(played).toMatchObject({ error: expect.any(FaultError) });
    expect(played).toMatchObject({ error: { fault } });
    expect(played.asked).toHaveLength(2);
  });
});

describe('the rows of a sample', () => {
  test('an image that claims rows and has none after the wait has failed, and the others have not', async () => {
    const lost = imageOf(1).key;
    const played = await play({ images: 3, proofOf: (key) => (key === lost ? 'missing' : 'found') });
    expect(resultOf(played)).toMatchObject({
      failed: 1,
      images: [
        { outcome: { kind: 'processed' } },
        { key: lost, outcome: { kind: 'no-rows', entriesStored: 3 } },
        { outcome: { kind: 'processed' } },
      ],
    });
    expect(played.tookMs).toBeGreaterThanOrEqual(60_000);
    expect(played.tookMs).toBeLessThan(63_000);
  });

  test('rows that come later are waited for, and no longer than until they are there', async () => {
    const played = await play({ images: 3, proofOf: (_, look) => (look < 4 ? 'missing' : 'found') });
    expect(resultOf(played).failed).toBe(0);
    expect(played.looks).toBe(4);
    expect(played.tookMs).toBeLessThan(7_000);
  });

  test('nothing is looked up where no image claims rows', async () => {
    const empty: InvocationResult = { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 0 } };
    const played = await play({ images: 9, answers: [empty, rejected, failed], proofOf: () => 'missing' });
    expect(played.looks).toBe(0);
    expect(resultOf(played)).toMatchObject({ failed: 1, unproven: 0 });
  });

  test('rows that the key of the table does not tell do not fail the sample, and are counted', async () => {
    const played = await play({ images: 3, proofOf: () => 'unknown' });
    expect(resultOf(played)).toMatchObject({ failed: 0, unproven: 3 });
    expect(played.looks).toBe(1);
  });
});
