import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import { imagesPerRow } from '../../../../src/run/engines/step-functions/child-type.ts';
import { executionInput, toleratedRows } from '../../../../src/run/engines/step-functions/execution-input.ts';
import { type ItemsOptions, writeItems } from '../../../../src/run/engines/step-functions/items.ts';
import type { ManifestEntry } from '../../../../src/run/model/types.ts';
import { type LocalS3, startS3 } from '../../../support/aws/s3.ts';

let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('control');
});
afterAll(() => s3.stop());

const rowsSchema = z.array(
  z.object({
    images: z.array(
      z.object({
        k: z.string(),
        s: z.string(),
        p: z.object({
          Records: z.tuple([
            z.object({ s3: z.object({ bucket: z.unknown(), object: z.object({ key: z.string() }) }) }),
          ]),
        }),
      }),
    ),
  }),
);

async function* listed(entries: Iterable<ManifestEntry>) {
  yield* entries;
}
const entry = (index: number, group?: number): ManifestEntry => ({
  index,
  key: `a/${index}.png`,
  size: 1,
  ...(group !== undefined && { group }),
});

async function write(entries: Iterable<ManifestEntry>, more: Partial<ItemsOptions> = {}) {
  const key = 'runs/r-0001/items/r-0001-1.json';
  const options = {
    s3: s3.client,
    bucket: 'control',
    key,
    target: { bucket: 'images', keyEncoding: 'raw', profile: TIMESHEETS },
    laneOf: () => 0,
    imagesPerRow: 1,
    most: 100_000,
    signal: new AbortController().signal,
    ...more,
  } as const;
  const written = await writeItems(options, listed(entries));
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'control', Key: key }));
  const rows = rowsSchema.parse(JSON.parse((await Body?.transformToString()) ?? ''));
  return { written, rows, indexes: rows.map(({ images }) => images.map(({ s }) => (Number(s.slice(9)) - 1) % 1e8)) };
}

test('An image is listed with its key, the sort key of its lane and the payload of its invocation', async () => {
  const key = 'ü "x\\y" +1%.png';
  const { rows } = await write([{ index: 7, key, size: 1 }], { laneOf: () => 4 });
  expect(rows).toEqual([
    {
      images: [
        {
          k: key,
          s: 'outcomes#0400000008',
          p: { Records: [{ s3: { bucket: { name: 'images' }, object: { key } } }] },
        },
      ],
    },
  ]);
  const encoded = await write([{ index: 7, key, size: 1 }], {
    target: { bucket: 'images', keyEncoding: 'url', profile: TIMESHEETS },
  });
  expect(encoded.rows[0]?.images[0]?.p.Records[0].s3.object.key).toBe('%C3%BC+%22x%5Cy%22+%2B1%25.png');
});

test('No image gives an empty array', async () => {
  expect(await write([])).toMatchObject({ written: { images: 0, rows: 0, deferred: 0 }, rows: [] });
});

test('Images without a group are put together in their order, as many as asked for', async () => {
  const { indexes, written } = await write(
    Array.from({ length: 7 }, (_, index) => entry(index)),
    { imagesPerRow: 3 },
  );
  expect(indexes).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  expect(written).toEqual({ images: 7, rows: 3, deferred: 0 });
});

test('Images of one person and week share a row, at the place of the first', async () => {
  const entries = [entry(0), entry(1, 5), entry(2), entry(3, 9), entry(4, 5), entry(5, 5)];
  const { indexes, written } = await write(entries);
  expect(indexes).toEqual([[0], [1, 4, 5], [2], [3]]);
  expect(written).toEqual({ images: 6, rows: 4, deferred: 0 });
});

test('A group that is too large for a row is deferred in part', async () => {
  const { indexes, written } = await write(Array.from({ length: 70 }, (_, index) => entry(index, 5)));
  expect(indexes).toEqual([Array.from({ length: 50 }, (_, index) => index)]);
  expect(written).toEqual({ images: 50, rows: 1, deferred: 20 });
});

test('Keys that make a row too large are deferred, too', async () => {
  const long = (index: number): ManifestEntry => ({ index, key: '\u0001'.repeat(1000) + index, size: 1, group: 5 });
  const { written } = await write(Array.from({ length: 30 }, (_, index) => long(index)));
  expect(written.images).toBeLessThan(10);
  expect(written.images + written.deferred).toBe(30);
});

test('A long list has only the first image of each group, and the others in the next file', async () => {
  const entries = Array.from({ length: 20_001 }, (_, index) =>
    entry(index, index % 2 === 0 ? index % 5_000 : undefined),
  );
  const { indexes, written } = await write(entries);
  expect(indexes.every((row) => row.length === 1)).toBe(true);
  expect(written).toEqual({ images: 12_500, rows: 12_500, deferred: 7_501 });
  const done = new Set(indexes.flat());
  const rest = await write(entries.filter(({ index }) => !done.has(index)));
  expect(rest.written).toMatchObject({ images: 7_501, rows: 2_500, deferred: 0 });
});

test('A list that fails leaves no file and no open upload', async () => {
  async function* failing() {
    yield entry(0);
    throw new Error('the manifest is damaged');
  }
  const options = {
    s3: s3.client,
    bucket: 'control',
    key: 'broken.json',
    target: { bucket: 'images', keyEncoding: 'raw', profile: TIMESHEETS },
    laneOf: () => 0,
    imagesPerRow: 1,
    most: 1,
    signal: new AbortController().signal,
  } as const;
  await expect(writeItems(options, failing())).rejects.toThrow('the manifest is damaged');
  await expect(s3.client.send(new GetObjectCommand({ Bucket: 'control', Key: 'broken.json' }))).rejects.toThrow();
});

describe('Images in a row', () => {
  test.each([
    [200, 'STANDARD', 120_000, 1],
    [3_000, 'STANDARD', 120_000, 1],
    [3_001, 'STANDARD', 120_000, 2],
    [12_000, 'STANDARD', 120_000, 4],
    [1_000_000, 'STANDARD', 120_000, 50],
    [30_000, 'EXPRESS', 10_000, 1],
    [60_000, 'EXPRESS', 10_000, 2],
    [600_000, 'EXPRESS', 10_000, 4],
  ] as const)('at %i images a minute of %s children with a timeout of %i ms: %i', (pace, type, timeoutMs, images) => {
    expect(imagesPerRow(pace, type, timeoutMs)).toBe(images);
  });
});

test('The input of an execution repeats as often as the limit of throttled attempts allows, with growing waits', () => {
  const input = executionInput({
    execution: 'r-0001-1',
    runId: 'r-0001',
    controlTable: 'control',
    functionName: 'ocr',
    imageBucket: 'images',
    throttleLimit: 8,
    items: { bucket: 'control', key: 'items.json' },
    results: { bucket: 'control', prefix: 'results' },
    maxConcurrency: 0.2,
    toleratedFailureCount: toleratedRows(1_000, 50),
  });
  expect(input).toMatchObject({ pk: 'run#r-0001', throttleRetries: 7, maxConcurrency: 1, toleratedFailureCount: 500 });
  expect(input.backoff).toEqual([3, 5, 9, 17, 33, 61, 61]);
  expect(toleratedRows(3, 50)).toBe(10);
});
