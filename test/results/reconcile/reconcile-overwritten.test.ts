import { describe, expect, test } from 'vitest';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { entry, inOneFolder, reconciled, record, rejection } from './reconcile-rig.ts';

inOneFolder();

/** `lost.png` was processed and claims rows of one week; the table has `items`. */
async function reasonFor(items: readonly Item[], claim: { resourceName?: string; dateRange?: string } = WEEK) {
  const { images } = await reconciled({
    manifest: ['lost.png'],
    outcomes: [record('lost.png', { kind: 'processed', entriesStored: 3, ...claim })],
    items,
  });
  const image = images.find(({ key }) => key === 'lost.png');
  return image && 'why' in image ? image.why : image?.kind;
}

const WEEK = { resourceName: 'Nik Coultas', dateRange: '2025-09-29 to 2025-10-05' };
/** Rows of another image. The invocation of `lost.png` began four minutes after the start of the run. */
const other = (range: string, at: number, person = 'Nik_Coultas') => entry('other.png', { range, at, person });
const untimed = (range: string): Item => {
  const { ProcessingTimestamp: _, ...item } = other(range, 0);
  return item;
};

describe('a processed image without rows', () => {
  test.each<[string, readonly Item[], string]>([
    ['the person has no rows', [], 'missing'],
    ['a newer image of the person and week wrote rows', [other('2025-10-01#PJ1', 5)], 'unclear'],
    ['a newer image of the week has no hours', [other('WEEK#2025-09-29', 5)], 'unclear'],
    [
      'a newer image of the week was rejected',
      [{ ...rejection('other.png'), DateProjectCode: { S: 'REJECTED#2025-09-29' } }],
      'unclear',
    ],
    ['the rows of the week are older than the invocation', [other('2025-10-01#PJ1', -60)], 'missing'],
    ['newer rows of the person are of another week', [other('2025-10-06#PJ1', 5)], 'missing'],
    ['newer rows of the week are of another person', [other('2025-10-01#PJ1', 5, 'Zoe_Quill')], 'missing'],
    ['the rows of the week have no time', [untimed('2025-10-01#PJ1')], 'unclear'],
    [
      'only the coverage record of the person is newer',
      [
        {
          ResourceName: { S: 'Nik_Coultas' },
          DateProjectCode: { S: 'COVERAGE#2025-09-29' },
          WeeksSubmitted: { SS: ['2025-09-29'] },
          ProcessingTimestamp: { S: '2025-11-24T10:05:00Z' },
        },
      ],
      'missing',
    ],
  ])('when %s', async (_, items, why) => {
    expect(await reasonFor(items)).toBe(why);
  });

  test('whose reply has no dates may be overwritten by any newer row of the person', async () => {
    const claim = { resourceName: 'Nik Coultas' };
    expect(await reasonFor([other('2025-10-06#PJ1', 5)], claim)).toBe('unclear');
    expect(await reasonFor([other('2025-10-06#PJ1', -60)], claim)).toBe('missing');
  });

  test('whose reply names no person may be overwritten by any newer row of the table', async () => {
    const claim = { dateRange: WEEK.dateRange };
    expect(await reasonFor([other('2025-10-06#PJ1', 5, 'Zoe_Quill')], claim)).toBe('unclear');
    expect(await reasonFor([other('2025-10-06#PJ1', -60, 'Zoe_Quill')], claim)).toBe('missing');
  });

  test('is lost when the run found that its rows are missing, whatever was written since', async () => {
    const { images } = await reconciled({
      manifest: ['lost.png'],
      outcomes: [
        record('lost.png', { kind: 'processed', entriesStored: 3, ...WEEK }),
        record('lost.png', { kind: 'no-rows', entriesStored: 3, ...WEEK }),
      ],
      items: [other('2025-10-01#PJ1', 5)],
    });
    expect(images).toMatchObject([{ kind: 'processed-without-rows', why: 'missing' }, { key: 'other.png' }]);
  });
});

test('A processed image with rows of an earlier attempt only is lost, unless a newer image wrote the same week', async () => {
  const own = entry('lost.png', { range: '2025-09-30#PJ1', at: -60 });
  expect(await reasonFor([own])).toBe('missing');
  expect(await reasonFor([own, other('2025-10-01#PJ1', 5)])).toBe('unclear');
  expect(await reasonFor([own, entry('lost.png', { range: '2025-10-01#PJ1' })])).toBe('processed-with-rows');
});

test('A zero-hour week is a row of its image', async () => {
  expect(await reasonFor([entry('lost.png', { range: 'WEEK#2025-09-29' })])).toBe('processed-with-rows');
});
