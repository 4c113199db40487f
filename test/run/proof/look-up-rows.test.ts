import { describe, expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { hashOfResource } from '../../../src/pipeline/table/image-rows.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { lookUpRows } from '../../../src/run/proof/look-up-rows.ts';
import type { RowClaim } from '../../../src/run/proof/row-proof.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';

const START = Date.parse('2025-11-24T10:00:00Z');
const row = (
  image: string,
  range: string,
  { minutes = 1, person = 'Nik_Coultas' }: { minutes?: number; person?: string } = {},
  more: Item = {},
): Item => ({
  ResourceName: { S: person },
  DateProjectCode: { S: range },
  SourceImage: { S: image },
  ProcessingTimestamp: { S: new Date(START + minutes * 60_000).toISOString() },
  ...more,
});
const claim: RowClaim = {
  key: 'a 1.png',
  startedAt: START,
  resourceName: 'Nik Coultas',
  dateRange: '2025-09-29 to 2025-10-05',
};

/** A table in memory. `small`: it may be scanned. */
function tableOf(items: readonly Item[], { small = true } = {}) {
  const reads: string[] = [];
  return {
    reads,
    ports: {
      keys: PIPELINE_KEYS,
      bucket: 'images',
      async *recordsOf(person: string) {
        reads.push(person);
        yield items.filter(
          (item) => JSON.stringify(item.ResourceName) === JSON.stringify({ S: hashOfResource(person, TIMESHEETS) }),
        );
      },
      recordsWith: async (attribute: string, names: readonly string[]) => {
        reads.push('scan');
        const named = (item: Item) =>
          names.some((name) => JSON.stringify(item[attribute]) === JSON.stringify({ S: name }));
        return small ? items.filter(named) : undefined;
      },
    },
  };
}
const proofOf = async (items: readonly Item[], change: Partial<RowClaim> = {}, options = {}) =>
  (await lookUpRows([{ ...claim, ...change }], tableOf(items, options).ports))[0];

describe('the rows of an image', () => {
  test.each<[string, readonly Item[], string]>([
    ['are found under its person', [row('a 1.png', '2025-09-29#PJ1')], 'found'],
    ['are found when the record names the image URL-encoded', [row('a%201.png', '2025-09-29#PJ1')], 'found'],
    ['are found when the record names the bucket, too', [row('s3://images/a 1.png', '2025-09-29#PJ1')], 'found'],
    ['are found as a week without hours', [row('a 1.png', 'WEEK#2025-09-29')], 'found'],
    ['are missing when the person has rows of another week only', [row('b.png', '2025-10-06#PJ1')], 'missing'],
    [
      'are missing when only rows of an earlier attempt are there',
      [row('a 1.png', '2025-09-29#PJ1', { minutes: -9 })],
      'missing',
    ],
    ['count as found when a newer image of the week replaced them', [row('b.png', '2025-09-30#PJ1')], 'found'],
    ['count as found when a newer image of the week has no hours', [row('b.png', 'WEEK#2025-09-29')], 'found'],
    [
      'count as found when a newer image of the week was rejected',
      [row('b.png', 'REJECTED#2025-09-29', {}, { Rejected: { BOOL: true } })],
      'found',
    ],
    [
      'are missing when the other image of the week is older',
      [row('b.png', '2025-09-30#PJ1', { minutes: -9 })],
      'missing',
    ],
    [
      'are not proven by a coverage record or a failed image',
      [
        row('b.png', '2025-10-06#PJ1'),
        row('a 1.png', 'COVERAGE', {}, { WeeksSubmitted: { SS: ['2025-09-29'] } }),
        row('a 1.png', 'failed', {}, { RecordType: { S: 'FAILED_IMAGE' } }),
      ],
      'missing',
    ],
  ])('%s', async (_, items, proof) => {
    expect(await proofOf(items)).toBe(proof);
  });

  test('are missing under a person without any record only where the whole small table has none', async () => {
    expect(await proofOf([])).toBe('missing');
    expect(await proofOf([row('a 1.png', '2025-09-29#PJ1', { person: 'nik@example.com' })])).toBe('found');
    expect(await proofOf([], {}, { small: false })).toBe('unknown');
  });

  test('are unknown where the reply names no person and the table has none, because they may be replaced', async () => {
    const { resourceName: _, ...nameless } = claim;
    const [found] = await lookUpRows([nameless], tableOf([row('a 1.png', '2025-09-29#PJ1')]).ports);
    const [none] = await lookUpRows([nameless], tableOf([]).ports);
    expect([found, none]).toEqual(['found', 'unknown']);
  });

  test('of several images of one person are found with one read', async () => {
    const table = tableOf([row('a 1.png', '2025-09-29#PJ1'), row('b.png', '2025-10-06#PJ1')]);
    const other = { ...claim, key: 'b.png', dateRange: '2025-10-06 to 2025-10-12' };
    const lost = { ...claim, key: 'c.png', dateRange: '2025-10-13 to 2025-10-19' };
    expect(await lookUpRows([claim, lost, other], table.ports)).toEqual(['found', 'missing', 'found']);
    expect(table.reads).toEqual(['Nik Coultas']);
  });

  test('of a person with very many records are not read to the end, and then unknown', async () => {
    let pages = 0;
    const ports = {
      ...tableOf([]).ports,
      async *recordsOf() {
        for (;;) {
          pages += 1;
          yield [row('b.png', '2025-10-06#PJ1')];
        }
      },
    };
    expect(await lookUpRows([claim], ports)).toEqual(['unknown']);
    expect(pages).toBe(10);
  });
});
