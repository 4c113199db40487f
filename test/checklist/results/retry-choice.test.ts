import { describe, expect, test } from 'vitest';
import { chooseForRetry, type RetryChoicePorts } from '../../../src/checklist/results/retry-choice.ts';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { readFailures } from '../../../src/results/failures/failures.ts';
import { reconcile } from '../../../src/results/reconcile/reconcile.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import type { RunRecord } from '../../../src/run/store/run-store.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { runPlan } from '../../support/memory/scripted-run-control.ts';

const T0 = Date.parse('2026-11-24T10:00:00Z');
const failed = (key: string, message: string, at = 0): OutcomeRecord => ({
  index: 0,
  key,
  outcome: { kind: 'failed', failureType: 'OCR_ERROR', message },
  startedAt: T0 + at,
  durationMs: 500,
  throttles: 0,
});
const run = (number: number): RunRecord => ({
  runId: `r-000${number}`,
  state: { kind: 'completed' },
  plan: { ...runPlan({ selection: number === 1 ? {} : { sample: 3 } }), paceBecause: [], forecastRestsOn: [] },
  startedAt: T0 + number,
  maxInFlight: 1,
  ceilingPerMinute: 60,
  paceSetting: { kind: 'auto' },
  fence: 1,
});

/** A pipeline with these outcomes and records, and these images in its bucket. */
function pipeline(about: {
  outcomes?: Readonly<Record<string, readonly OutcomeRecord[]>>;
  records?: readonly Item[];
  bucket: readonly string[];
}) {
  const { outcomes = {}, records = [], bucket } = about;
  let open = 0;
  const ports: RetryChoicePorts = {
    store: {
      async *newestFirst() {
        yield* Object.keys(outcomes)
          .toSorted()
          .toReversed()
          .map((runId) => run(Number(runId.slice(-1))));
      },
    },
    bucket: 'images',
    findImage: async (key) => (bucket.includes(key) ? { key, size: 7 } : undefined),
    listImages: () => stream(bucket.map((key) => ({ key, size: 7 }))),
    async readFailures(runs, { withBucket }) {
      open += 1;
      const found = await readFailures({
        runs: runs.map(({ runId }) => ({ runId, journal: stream([{ records: outcomes[runId] ?? [] }]) })),
        records: [stream(records)],
        ...(withBucket ? { bucket: stream(bucket.map((key) => ({ key, size: 7 }))) } : {}),
      });
      return {
        ...found,
        async dispose() {
          open -= 1;
          await found.dispose();
        },
      };
    },
    lastChain: async () => undefined,
    reconcileChain: async () => {
      throw new Error('nothing is to be reconciled here');
    },
  };
  return { ports, open: () => open };
}
async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
async function chosen(
  about: Parameters<typeof pipeline>[0],
  choice: Parameters<typeof choose>[1],
  what = 'every failed image',
) {
  const { ports, open } = pipeline(about);
  const found = await choose(ports, choice, what);
  if ('reason' in found) {
    expect(open()).toBe(0);
    return found;
  }
  const keys = (await Array.fromAsync(found.images)).map(({ key }) => key);
  await found.dispose();
  expect(open()).toBe(0);
  return { keys, retry: found.retry };
}
const choose = (
  ports: RetryChoicePorts,
  choice: { failureType?: string; causeId?: string; images?: ReadonlySet<string> },
  what: string,
) => chooseForRetry({ kind: 'failed', choice }, what, ports);

const OUTCOMES = {
  'r-0001': [failed('a.png', 'Week 1 is missing'), failed('b.png', 'Week 2 is missing'), failed('c.png', 'No hours')],
};

describe('the images of a retry', () => {
  test('a retry takes the images that failed in the last run, as its second attempt', async () => {
    expect(await chosen({ outcomes: OUTCOMES, bucket: ['a.png', 'b.png', 'c.png', 'fine.png'] }, {})).toEqual({
      keys: ['a.png', 'b.png', 'c.png'],
      retry: { of: 'r-0001', what: 'every failed image', attempt: 2 },
    });
  });

  test('a retry of one cause names the cause', async () => {
    const found = await readFailures({
      runs: [{ runId: 'r-0001', journal: stream([{ records: OUTCOMES['r-0001'] }]) }],
      records: [],
    });
    const causeId = found.totals.causes.top[0]?.totals.id ?? '';
    await found.dispose();
    const answer = await chosen(
      { outcomes: OUTCOMES, bucket: ['a.png', 'b.png', 'c.png'] },
      { causeId },
      `cause ${causeId}`,
    );
    expect(answer).toMatchObject({ keys: ['a.png', 'b.png'], retry: { what: `cause ${causeId}: Week … is missing` } });
  });

  test('a retry refers to the run in which the images failed, and counts its attempts on', async () => {
    const outcomes = {
      ...OUTCOMES,
      'r-0002': [failed('c.png', 'No hours', 600_000)],
      'r-0003': [{ ...failed('fine.png', '', 900_000), outcome: { kind: 'processed' } } as const],
    };
    const bucket = ['a.png', 'b.png', 'c.png', 'fine.png'];
    expect(await chosen({ outcomes, bucket }, { failureType: 'OCR_ERROR' })).toMatchObject({
      keys: ['a.png', 'b.png', 'c.png'],
      retry: { of: 'r-0002', attempt: 3 },
    });
  });

  test('a retry takes the only image that looks like the name that was typed, and refuses where two do', async () => {
    const [narrow, wide] = ['at 4.05\u202fPM.png', 'at 4.05\u00a0PM.png'];
    const outcomes = { 'r-0001': [failed(narrow, 'No hours')] };
    const images = new Set(['at 4.05 PM.png']);
    expect(await chosen({ outcomes, bucket: ['a.png', narrow] }, { images }, '1 image by name')).toMatchObject({
      keys: [narrow],
      retry: { what: '1 image by name' },
    });
    expect(await chosen({ outcomes, bucket: [narrow, wide] }, { images })).toEqual({
      reason: 'look-alikes',
      what: 'image',
      typed: 'at 4.05 PM.png',
      names: [wide, narrow],
    });
    // An exact name is never ambiguous.
    expect(await chosen({ outcomes, bucket: [narrow, wide] }, { images: new Set([narrow]) })).toMatchObject({
      keys: [narrow],
    });
  });

  test('a retry leaves out images that are not in the bucket any more, and says so', async () => {
    expect(await chosen({ outcomes: OUTCOMES, bucket: ['a.png'] }, {})).toMatchObject({
      keys: ['a.png'],
      retry: { what: 'every failed image; 2 more left out, because they are not in the bucket any more' },
    });
    expect(await chosen({ outcomes: OUTCOMES, bucket: [] }, {})).toEqual({
      reason: 'images-gone',
      bucket: 'images',
      images: 3,
    });
  });

  test('a retry uses the failures of the table when there was no run', async () => {
    const records = [
      { ImageKey: { S: 'a.png' }, FailureTimestamp: { S: '2026-01-01T00:00:00Z' }, AttemptNumber: { N: '4' } },
    ];
    expect(await chosen({ records, bucket: ['a.png'] }, {})).toMatchObject({
      keys: ['a.png'],
      retry: { of: 'the table', attempt: 5 },
    });
  });

  test('a retry by name takes exactly these images, says which did not fail, and is refused when one is absent', async () => {
    const bucket = ['a.png', `it's "odd" & old.png`];
    const images = new Set(bucket);
    expect(await chosen({ outcomes: OUTCOMES, bucket }, { images }, '2 images by name')).toMatchObject({
      keys: bucket,
      retry: { of: 'r-0001', what: '2 images by name; 1 of them have no recorded failure', attempt: 2 },
    });
    expect(await chosen({ outcomes: OUTCOMES, bucket }, { images: new Set(['a.png', 'no\nsuch.png']) })).toEqual({
      reason: 'images-unknown',
      bucket: 'images',
      keys: ['no\nsuch.png'],
    });
  });

  test('a retry is refused when no image failed, or none as requested, and says what failed', async () => {
    expect(await chosen({ bucket: ['a.png'] }, {})).toEqual({ reason: 'nothing-failed' });
    expect(await chosen({ outcomes: OUTCOMES, bucket: ['a.png'] }, { causeId: '0123456789' })).toEqual({
      reason: 'none-chosen',
      failedImages: 3,
      types: ['OCR_ERROR'],
    });
  });
});

describe('a retry of the images that need a review', () => {
  const record = (index: number, key: string, outcome: Outcome): OutcomeRecord => ({
    ...failed(key, ''),
    index,
    outcome,
  });
  const review = ['Weekly total mismatch'];
  async function toReview(outcomes: readonly OutcomeRecord[], bucket: readonly string[]) {
    const { ports } = pipeline({ bucket });
    const found = await chooseForRetry({ kind: 'needs-review' }, 'images that need a review', {
      ...ports,
      lastChain: async () => [run(1)],
      reconcileChain: () =>
        reconcile(
          { manifest: stream(outcomes), journal: stream([{ records: outcomes }]), rows: [] },
          { keys: PIPELINE_KEYS, startedAt: T0 },
        ),
    });
    if ('reason' in found) return found;
    const keys = (await Array.fromAsync(found.images)).map(({ key }) => key);
    await found.dispose();
    return { keys, retry: found.retry };
  }

  test('takes the processed images with errors that are still in the bucket', async () => {
    const outcomes = [
      record(0, 'odd.png', { kind: 'processed', entriesStored: 2, review }),
      record(1, 'gone.png', { kind: 'processed', entriesStored: 2, review }),
      record(2, 'fine.png', { kind: 'processed', entriesStored: 2 }),
      record(3, 'bad.png', { kind: 'failed', failureType: 'OCR_ERROR', message: 'no' }),
    ];
    expect(await toReview(outcomes, ['odd.png', 'fine.png', 'bad.png'])).toEqual({
      keys: ['odd.png'],
      retry: { of: 'r-0001', what: 'images that need a review', attempt: 2 },
    });
  });

  test('is refused where no image needs one', async () => {
    const outcomes = [record(0, 'fine.png', { kind: 'processed', entriesStored: 2 })];
    expect(await toReview(outcomes, ['fine.png'])).toEqual({ reason: 'nothing-to-review' });
  });
});
