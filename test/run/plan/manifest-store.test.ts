import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManifestError } from '../../../src/run/plan/manifest.ts';
import { createManifestStore } from '../../../src/run/plan/manifest-store.ts';
import { type LocalS3, startS3 } from '../../support/aws/s3.ts';

let s3: LocalS3;
beforeAll(async () => {
  s3 = await startS3('control');
});
afterAll(() => s3.stop());

async function* imagesOf(...keys: string[]) {
  for (const key of keys) yield { key, size: 1 };
}
const keysOf = async (runId: string, from: number) => {
  const keys: string[] = [];
  const store = createManifestStore(s3.client, { bucket: 'control', prefix: 'bot/' });
  for await (const { key } of store.read(runId, from)) keys.push(key);
  return keys;
};

test('the manifests of runs are separate, and are read from any entry on', async () => {
  const store = createManifestStore(s3.client, { bucket: 'control', prefix: 'bot/' });
  expect(await store.write('r-0001', imagesOf('a.png', 'b.png', 'c.png'))).toMatchObject({ count: 3 });
  await store.write('r-0002', imagesOf('d.png'));
  expect(await keysOf('r-0001', 0)).toEqual(['a.png', 'b.png', 'c.png']);
  expect(await keysOf('r-0001', 2)).toEqual(['c.png']);
  expect(await keysOf('r-0002', 0)).toEqual(['d.png']);
});

test('the runs that have anything in the bucket are found', async () => {
  const store = createManifestStore(s3.client, { bucket: 'control', prefix: 'other/' });
  expect(await store.ids()).toEqual([]);
  const ids = ['r-0007', 'r-0009', 'r-0012'];
  for (const id of ids) await store.write(id, imagesOf('a.png', 'b.png'));
  expect(await store.ids()).toEqual(ids);
});

test('the manifest of a run that has none is an error, not an empty list', async () => {
  await expect(keysOf('r-0099', 0)).rejects.toThrow(ManifestError);
});
