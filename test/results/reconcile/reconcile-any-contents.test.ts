import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { RECONCILED_KINDS } from '../../../src/results/reconcile/reconcile-image.ts';
import {
  entry,
  failed,
  failure,
  inOneFolder,
  processed,
  reconciled,
  record,
  rejected,
  rejection,
  type World,
} from './reconcile-rig.ts';

inOneFolder();

describe('a reconciliation', () => {
  test('equals a join in memory, also with little memory', async () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 12 }).map((n) => `image ${n}.png`),
      fc.string({ unit: 'binary', maxLength: 2 }),
    );
    const outcome = fc.constantFrom<Outcome>(
      processed(0),
      processed(1),
      processed(2, 'Ann'),
      processed(),
      rejected,
      failed,
    );
    const row = fc
      .tuple(key, fc.constantFrom(entry, rejection, failure), fc.boolean())
      .map(([image, make, named]): Item => {
        const { SourceImage, ImageKey, ...nameless } = make(image);
        return named ? make(image) : nameless;
      });
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 20 }),
        fc.array(fc.tuple(key, outcome), { maxLength: 30 }),
        fc.array(row, { maxLength: 40 }),
        fc.constantFrom(200, 10_000_000),
        async (manifest, pairs, items, memoryBytes) => {
          const outcomes = pairs.map(([image, came]) => record(image, came));
          const { kinds, totals } = await reconciled({ manifest, outcomes, items }, { memoryBytes });
          expect(kinds).toEqual(naiveKinds({ manifest, outcomes, items }));
          const counted = RECONCILED_KINDS.map((kind) => Object.values(kinds).filter((each) => each === kind).length);
          expect(RECONCILED_KINDS.map((kind) => totals.counts[kind])).toEqual(counted);
          expect(totals.images).toBe(new Set(manifest).size);
          expect(Object.values(totals.records).reduce((sum, count) => sum + count)).toBe(items.length);
        },
      ),
      { numRuns: 150 },
    );
  });
});

function naiveKinds({ manifest, outcomes = [], items = [] }: World): Record<string, string> {
  const kinds: Record<string, string> = {};
  const nameOf = (item: Item) => {
    const value = 'RecordType' in item ? item.ImageKey : item.SourceImage;
    return value && 'S' in value ? value.S : undefined;
  };
  const named = items.flatMap((item) => {
    const name = nameOf(item);
    return name === undefined ? [] : [name];
  });
  for (const key of new Set([...manifest, ...outcomes.map((each) => each.key), ...named])) {
    const own = items.filter((item) => nameOf(item) === key);
    const has = (is: (item: Item) => boolean) => own.some(is);
    const isFailure = (item: Item) => 'RecordType' in item;
    const isRejection = (item: Item) => 'Rejected' in item;
    const came = outcomes.findLast((each) => each.key === key)?.outcome.kind;
    const there = {
      processed: has((item) => !isFailure(item) && !isRejection(item)) ? 'with-rows' : 'without-rows',
      rejected: has(isRejection) ? 'with-record' : 'without-record',
      failed: has(isFailure) ? 'with-record' : 'without-record',
    };
    if (!manifest.includes(key)) kinds[key] = came ? 'outcome-not-in-manifest' : 'not-in-manifest';
    else if (came === 'no-rows') kinds[key] = `processed-${there.processed}`;
    else if (came === 'gone') kinds[key] = 'gone';
    else if (came) kinds[key] = `${came}-${there[came]}`;
    else kinds[key] = own.length > 0 ? 'rows-without-outcome' : 'neither';
  }
  return kinds;
}
