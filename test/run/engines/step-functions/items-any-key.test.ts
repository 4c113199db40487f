import { GetObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { imagePayload } from '../../../../src/pipeline/invoke/ocr-function.ts';
import { TIMESHEETS } from '../../../../src/pipeline/profile/timesheets.ts';
import { writeItems } from '../../../../src/run/engines/step-functions/items.ts';
import type { ManifestEntry } from '../../../../src/run/model/types.ts';
import { createManifestStore } from '../../../../src/run/plan/manifest-store.ts';
import { type LocalS3, startS3 } from '../../../support/aws/s3.ts';

let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('control');
});
afterAll(() => s3.stop());

/** Keys of S3: at most 1,024 bytes of UTF-8. */
const anyKey = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    fc.constantFrom(
      '{key}',
      '{bucket}',
      '$&',
      '$1',
      '__proto__',
      '"',
      '\\',
      '\u0000',
      '\u2028',
      '%2F+%20',
      '../a',
      '😀',
    ),
    fc.nat({ max: 0xff }).map((code) => String.fromCharCode(code).repeat(500)),
  )
  .filter((key) => Buffer.byteLength(key) <= 1_024);
const anyTemplate = fc.oneof(
  fc.constant(TIMESHEETS.invocation.payload),
  fc.jsonValue({ maxDepth: 3 }).map((value) => z.json().parse(value)),
  fc.constantFrom({ image: 'at {key} in {bucket}', list: ['{key}', '{key}', 7, null] }, '{key}'),
);

const fileSchema = z.array(
  z.object({ images: z.array(z.object({ k: z.string(), s: z.string(), p: z.json() })).min(1) }),
);
async function* listed(entries: readonly ManifestEntry[]) {
  yield* entries;
}
async function throughFile(
  entries: readonly ManifestEntry[],
  target: Parameters<typeof imagePayload>[0],
  inRow: number,
) {
  const at = { Bucket: 'control', Key: 'items.json' };
  const written = await writeItems(
    {
      s3: s3.client,
      bucket: at.Bucket,
      key: at.Key,
      target: { ...target, profile: { ...TIMESHEETS, ...target.profile } },
      laneOf: () => 0,
      imagesPerRow: inRow,
      most: entries.length,
      signal: new AbortController().signal,
    },
    listed(entries),
  );
  const { Body } = await s3.client.send(new GetObjectCommand(at));
  const text = (await Body?.transformToString()) ?? '';
  return { written, text, rows: fileSchema.parse(JSON.parse(text)) };
}

test('Any keys and any payload pass the items file unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(anyKey, fc.option(fc.nat({ max: 3 }), { nil: undefined })), { maxLength: 60 }),
      anyTemplate,
      fc.constantFrom('raw', 'url'),
      fc.integer({ min: 1, max: 50 }),
      async (images, payload, keyEncoding, inRow) => {
        const target = { bucket: 'images', keyEncoding, profile: { invocation: { payload } } } as const;
        const entries = images.map(([key, group], index) => ({
          index,
          key,
          size: 1,
          ...(group !== undefined && { group }),
        }));
        const { written, rows } = await throughFile(entries, target, inRow);
        const read = rows.flatMap((row) => row.images).toSorted((a, b) => (a.s < b.s ? -1 : 1));
        expect(read.length + written.deferred).toBe(entries.length);
        for (const { k, s, p } of read) {
          const entry = entries[(Number(s.slice('outcomes#'.length)) - 1) % 1e8];
          expect(k).toBe(entry?.key);
          expect(p).toEqual(JSON.parse(JSON.stringify(imagePayload(target, k))));
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('A row of the longest keys stays within the limit of an input, and none of them is lost', async () => {
  const entries = Array.from({ length: 60 }, (_, index) => ({ index, key: '\u0001'.repeat(1_000) + index, size: 1 }));
  const target = { bucket: 'images', keyEncoding: 'raw', profile: TIMESHEETS } as const;
  const { written, text, rows } = await throughFile(entries, target, 50);
  expect(written).toMatchObject({ images: 60, deferred: 0 });
  expect(rows.flatMap((row) => row.images.map(({ k }) => k))).toEqual(entries.map(({ key }) => key));
  for (const line of text.split('\n')) expect(Buffer.byteLength(line)).toBeLessThan(256 * 1024);
});

test('A payload that is larger than a row is written as it is', async () => {
  const payload = { note: 'x'.repeat(500_000), key: '{key}' };
  const target = { bucket: 'images', keyEncoding: 'raw', profile: { invocation: { payload } } } as const;
  const { rows } = await throughFile([{ index: 0, key: 'a.png', size: 1 }], target, 1);
  expect(rows[0]?.images[0]?.p).toEqual({ ...payload, key: 'a.png' });
});

test('The key in a payload is the key of the image, or decodes to it', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      const profile = { invocation: { payload: '{key}' } };
      expect(imagePayload({ bucket: 'b', keyEncoding: 'raw', profile }, key)).toBe(key);
      const encoded = z.string().parse(imagePayload({ bucket: 'b', keyEncoding: 'url', profile }, key));
      expect(decodeURIComponent(encoded.replaceAll('+', ' '))).toBe(key);
      expect(encoded).toMatch(/^[\w.*/%+-]*$/);
    }),
  );
});

test('Any keys pass a manifest unchanged and in their order', async () => {
  const store = createManifestStore(s3.client, { bucket: 'control', prefix: 'bot/' });
  await fc.assert(
    fc.asyncProperty(fc.array(anyKey, { maxLength: 60 }), async (keys) => {
      async function* images() {
        for (const key of keys) yield { key, size: 1 };
      }
      await store.write('r-0001', images());
      expect((await Array.fromAsync(store.read('r-0001', 0))).map(({ key }) => key)).toEqual(keys);
    }),
    { numRuns: 20 },
  );
});
