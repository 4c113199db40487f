import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FaultError } from '../../src/pipeline/fault.ts';
import { findImage, type ImageFilter, type ListedImage, listImages } from '../../src/pipeline/images.ts';
import { testCredentials } from '../support/aws/dynalite.ts';
import { type LocalS3, startS3 } from '../support/aws/s3.ts';

const ODD = [
  'a+b.png',
  'a b.png',
  'a%20b.png',
  'a%2Bb.png',
  'ünï/日本.JPG',
  'with&<>"\'.png',
  'new\nline.png',
  'bell\u0007.png',
  '😀.jpeg',
  'q?x=1#y.png',
  '~!*().png',
];
let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('input', 'odd', 'many', 'empty');
  for (const key of [
    'one.png',
    'TWO.PNG',
    'three.Jpeg',
    'folder/four.jpg',
    'notes.txt',
    'png',
    'dictionaries/names.png',
    'quicksight-data/chart.png',
    'dictionaries.png',
  ])
    await s3.put('input', key, 'image');
  await s3.put('input', 'folder/', '');
  await s3.put('input', 'folder.png/', '');
  await s3.put('input', 'empty.png', '');
  for (const key of ODD) await s3.put('odd', key, 'x');
  await Promise.all(
    Array.from({ length: 2_345 }, (_, at) => s3.put('many', `${String(at).padStart(5, '0')}.png`, 'x')),
  );
});
afterAll(() => s3.stop());

const filter = (overrides: Partial<ImageFilter> = {}): ImageFilter => ({
  bucket: 'input',
  extensions: ['.png', '.jpg', '.jpeg'],
  excludedPrefixes: ['quicksight-data/', 'dictionaries/'],
  ...overrides,
});
async function list(overrides: Partial<ImageFilter> = {}) {
  const images: ListedImage[] = [];
  const looked: number[] = [];
  const empty: string[] = [];
  for await (const image of listImages(s3.client, filter(overrides), {
    page: (count) => looked.push(count),
    empty: (key) => empty.push(key),
  }))
    images.push(image);
  return { images, keys: images.map((image) => image.key), looked, empty };
}

test('listing images ignores the case of the extension, and skips folders, empty objects and excluded prefixes', async () => {
  const { images, keys, looked, empty } = await list();
  expect([...keys].sort()).toEqual(['TWO.PNG', 'dictionaries.png', 'folder/four.jpg', 'one.png', 'three.Jpeg']);
  expect(images).toContainEqual({ key: 'TWO.PNG', size: 5, modifiedAt: expect.any(Number) });
  expect(looked).toEqual([12]);
  expect(empty).toEqual(['empty.png']);
});

test('listing images can be limited to a prefix', async () => {
  expect((await list({ prefix: 'folder/' })).keys).toEqual(['folder/four.jpg']);
  expect((await list({ prefix: 'nothing/' })).looked).toEqual([0]);
});

test('listing images returns exact keys with any characters', async () => {
  expect((await list({ bucket: 'odd' })).keys.sort()).toEqual([...ODD].sort());
});

test('listing images reads all pages of a large bucket in order, and reports the number of objects after each page', async () => {
  const { keys, looked } = await list({ bucket: 'many' });
  expect(keys).toHaveLength(2_345);
  expect(keys).toEqual([...keys].sort());
  expect(looked).toEqual([1_000, 2_000, 2_345]);
});

test('listing images reads no further page when the reader stops', async () => {
  const looked: number[] = [];
  for await (const _ of listImages(s3.client, filter({ bucket: 'many' }), { page: (count) => looked.push(count) }))
    break;
  expect(looked).toEqual([1_000]);
});

test('listing an empty bucket returns no images', async () => {
  expect(await list({ bucket: 'empty' })).toEqual({ images: [], keys: [], looked: [0], empty: [] });
});

test('a missing bucket is a fault that names the bucket and the setting', async () => {
  await expect(list({ bucket: 'nowhere' })).rejects.toMatchObject({
    fault: {
      reason: 'bucket-missing',
      message: expect.stringContaining('s3:ListBucket, nowhere'),
      fix: expect.stringContaining('IMAGE_BUCKET'),
    },
  });
});

test('findImage returns an image of the bucket with its size, whatever is in its key', async () => {
  const filter = { bucket: 'odd', extensions: ['.png', '.jpg', '.jpeg'], excludedPrefixes: [] };
  for (const key of ODD.filter((odd) => !odd.includes('\u0007')))
    expect(await findImage(s3.client, filter, key), key).toEqual({ key, size: 1 });
});

test('findImage returns nothing for a key that is absent, empty, no image, or excluded', async () => {
  const filter = { bucket: 'input', extensions: ['.png'], excludedPrefixes: ['dictionaries/'] };
  expect(await findImage(s3.client, filter, 'one.png')).toEqual({ key: 'one.png', size: 5 });
  for (const key of ['two.png', 'empty.png', 'notes.txt', 'dictionaries/names.png'])
    expect(await findImage(s3.client, filter, key), key).toBeUndefined();
});

test('findImage throws when S3 cannot be reached', async () => {
  const filter = { bucket: 'input', extensions: ['.png'], excludedPrefixes: [] };
  const unreachable = new S3Client({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    credentials: testCredentials,
    maxAttempts: 1,
    forcePathStyle: true,
  });
  await expect(findImage(unreachable, filter, 'one.png')).rejects.toThrow(FaultError);
  unreachable.destroy();
});
