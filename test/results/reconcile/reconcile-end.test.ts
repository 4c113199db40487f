import { describe, expect, test } from 'vitest';
import { reconcile } from '../../../src/results/reconcile/reconcile.ts';
import type { ReconcileProgress } from '../../../src/results/reconcile/reconcile-sources.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { entry, folder, inOneFolder, processed, record, sourcesOf, type World } from './reconcile-rig.ts';

inOneFolder();

describe('a reconciliation ends early', () => {
  const many = Array.from({ length: 3_000 }, (_, at) => `folder/with/a/longer/name/image number ${at}.png`);
  const world: World = {
    manifest: many,
    outcomes: many.map((key) => record(key, processed(1))),
    items: many.map((key) => entry(key)),
  };

  const halfway = (read: ReconcileProgress) => Math.min(read.images, read.outcomes, read.records) >= 1_000;
  test.each([
    ['reading', halfway],
    ['between reading and joining', (read: ReconcileProgress) => read.records === 3_000 && read.images === 3_000],
    ['joining', ({ joined }: ReconcileProgress) => joined > 2_000],
  ])('with the reason when it is stopped while %s, and leaves no file', async (_stage, isThen) => {
    const stop = new AbortController();
    const onProgress = (read: ReconcileProgress) => {
      if (isThen(read)) stop.abort(new Error('stopped by U1'));
    };
    const options = { keys: PIPELINE_KEYS, folder, memoryBytes: 100_000, signal: stop.signal, onProgress };
    const lost = many.map((key) => entry(`${key} of another`, { person: key }));
    for (const items of [world.items ?? [], lost])
      await expect(reconcile(sourcesOf({ ...world, items }), options)).rejects.toThrow('stopped by U1');
  });

  test('with the error of a source, and leaves no file', async () => {
    const broken = async function* () {
      yield { records: world.outcomes ?? [] };
      throw new Error('the control table is gone');
    };
    const sources = { ...sourcesOf(world), journal: broken() };
    await expect(reconcile(sources, { keys: PIPELINE_KEYS, folder, memoryBytes: 50_000 })).rejects.toThrow(
      'the control table is gone',
    );
  });
});
