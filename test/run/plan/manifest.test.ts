import { gunzipSync } from 'node:zlib';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ManifestEntry } from '../../../src/run/model/types.ts';
import { ManifestError, readManifest, readManifestIndex, writeManifest } from '../../../src/run/plan/manifest.ts';
import { type LocalS3, startS3 } from '../../support/aws/s3.ts';

let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('control');
});
afterAll(() => s3.stop());

let count = 0;
let location = { bucket: 'control', prefix: '', partSize: 10 };
beforeEach(() => {
  location = { bucket: 'control', prefix: `runs/r-${String(count++).padStart(4, '0')}/manifest/`, partSize: 10 };
});
const images = (amount: number) =>
  Array.from({ length: amount }, (_, at) => ({ key: `image ${at}.png`, size: at + 1 }));
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const objectNames = async () => {
  const { Contents = [] } = await s3.client.send(
    new ListObjectsV2Command({ Bucket: location.bucket, Prefix: location.prefix }),
  );
  return Contents.map((object) => object.Key?.slice(location.prefix.length));
};
const readAll = async (from?: number) =>
  all(readManifest(s3.client, location, await readManifestIndex(s3.client, location), from));

describe('a manifest', () => {
  test.each([0, 1, 9, 10, 11, 95])('a manifest of %i images is read as it was written', async (amount) => {
    const index = await writeManifest(s3.client, location, images(amount));
    expect(index).toMatchObject({ version: 1, count: amount, bytes: (amount * (amount + 1)) / 2, partSize: 10 });
    expect(await readManifestIndex(s3.client, location)).toEqual(index);
    expect(await readAll()).toEqual(images(amount).map((image, at): ManifestEntry => ({ index: at, ...image })));
  });

  test('a manifest keeps every key exactly, with line ends and unusual characters', async () => {
    const keys = [
      'a b+c%20.png',
      'zwei\nZeilen\r.jpg',
      'ünï/😀.png',
      '"quoted\\".png',
      '\u2028.png',
      '=cmd.png',
      '\u0001.png',
    ];
    await writeManifest(
      s3.client,
      location,
      keys.map((key) => ({ key, size: 1 })),
    );
    expect((await readAll()).map((entry) => entry.key)).toEqual(keys);
  });

  test('a manifest has gzipped JSON lines in parts, and an index', async () => {
    await writeManifest(s3.client, location, images(12));
    expect(await objectNames()).toEqual(['00000.jsonl.gz', '00001.jsonl.gz', 'index.json']);
    const { Body } = await s3.client.send(
      new GetObjectCommand({ Bucket: 'control', Key: `${location.prefix}00001.jsonl.gz` }),
    );
    const bytes = await Body?.transformToByteArray();
    expect(gunzipSync(bytes ?? '').toString()).toBe(
      '{"key":"image 10.png","size":11}\n{"key":"image 11.png","size":12}\n',
    );
  });

  test.each([0, 5, 10, 19, 24, 25, 99])('a manifest can be read from entry %i on', async (from) => {
    await writeManifest(s3.client, location, images(25));
    expect((await readAll(from)).map((entry) => entry.index)).toEqual(
      Array.from({ length: Math.max(0, 25 - from) }, (_, at) => from + at),
    );
  });

  test('no index is written when the listing fails', async () => {
    async function* broken() {
      yield* images(34);
      throw new Error('the listing broke off');
    }
    await expect(writeManifest(s3.client, location, broken())).rejects.toThrow('the listing broke off');
    expect(await objectNames()).not.toContain('index.json');
    await expect(readManifestIndex(s3.client, location)).rejects.toThrow(ManifestError);
  });

  test('a missing bucket is a fault that names the bucket', async () => {
    const elsewhere = { ...location, bucket: 'nowhere' };
    await expect(writeManifest(s3.client, elsewhere, images(30))).rejects.toMatchObject({
      fault: { reason: 'bucket-missing', message: expect.stringContaining('s3://nowhere/') },
    });
  });

  test('a slow S3 slows the listing down, so that only a few parts are in memory', async () => {
    let taken = 0;
    let most = 0;
    let written = 0;
    const slow = {
      ...location,
      partSize: 10,
    };
    s3.client.middlewareStack.add(
      (next) => async (args) => {
        most = Math.max(most, taken - written);
        const answer = await next(args);
        written += 10;
        return answer;
      },
      { step: 'finalizeRequest', name: 'watch' },
    );
    try {
      function* many() {
        for (; taken < 1_000; taken++) yield { key: `${taken}.png`, size: 1 };
      }
      await writeManifest(s3.client, slow, many());
    } finally {
      s3.client.middlewareStack.remove('watch');
    }
    expect(most).toBeLessThanOrEqual(40);
  });
});

describe('a damaged manifest', () => {
  beforeEach(() => writeManifest(s3.client, location, images(35)));
  const part = () => `${location.prefix}00002.jsonl.gz`;
  const refusal = async () => {
    const read: number[] = [];
    try {
      const index = await readManifestIndex(s3.client, location);
      for await (const entry of readManifest(s3.client, location, index)) read.push(entry.index);
    } catch (error) {
      return { read: read.length, error };
    }
    return { read: read.length };
  };

  test('a missing part stops the reader with the name of the object', async () => {
    await s3.client.send(new DeleteObjectCommand({ Bucket: 'control', Key: part() }));
    const { read, error } = await refusal();
    expect(read).toBe(20);
    expect(error).toBeInstanceOf(ManifestError);
    expect(error).toMatchObject({ object: `s3://control/${part()}`, fault: { reason: 'manifest' } });
    expect(error).toHaveProperty('message', `s3://control/${part()} is missing`);
  });

  test('a cut part stops the reader with the name of the object', async () => {
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'control', Key: part() }));
    await s3.put('control', part(), ((await Body?.transformToByteArray()) ?? new Uint8Array()).slice(0, -5));
    expect(await refusal()).toMatchObject({ read: 20, error: { object: `s3://control/${part()}` } });
  });

  test('a part that was replaced by another valid one stops the reader with the name of the object', async () => {
    const { Body } = await s3.client.send(
      new GetObjectCommand({ Bucket: 'control', Key: `${location.prefix}00001.jsonl.gz` }),
    );
    await s3.put('control', part(), (await Body?.transformToByteArray()) ?? '');
    expect(await refusal()).toMatchObject({
      read: 20,
      error: { message: expect.stringContaining('is damaged') },
    });
  });

  test.each([
    ['is not JSON', '{'],
    ['is of another version', '{"version":2,"count":0,"bytes":0,"partSize":10,"parts":[]}'],
    ['does not add up', '{"version":1,"count":5,"bytes":0,"partSize":10,"parts":[]}'],
  ])('an index that %s is refused', async (_, text) => {
    await s3.put('control', `${location.prefix}index.json`, text);
    expect(await refusal()).toMatchObject({ read: 0, error: { object: `s3://control/${location.prefix}index.json` } });
  });
});
