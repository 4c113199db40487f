import { describe, expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { createSharedWeekFinder } from '../../../src/results/report/shared-weeks.ts';
import { judgeValidation } from '../../../src/results/report/validation.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { folder, inOneFolder } from '../reconcile/reconcile-rig.ts';

inOneFolder();

type Options = Partial<Parameters<typeof createSharedWeekFinder>[0]>;
async function found(items: readonly Item[], options: Options = {}) {
  const finder = createSharedWeekFinder({ keys: PIPELINE_KEYS, bucket: 'sheets', folder, ...options });
  try {
    for (let at = 0; at < items.length; at += 100) await finder.add(items.slice(at, at + 100));
    return await finder.found();
  } finally {
    await finder.dispose();
  }
}
/** `index` makes the key unique. */
const entry = (index: number, person: string, image: string, more: Item = {}): Item =>
  timesheetEntry(index, { ResourceName: { S: person }, SourceImage: { S: image }, ...more });
const without = (item: Item, ...names: readonly string[]): Item =>
  Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)));
const NONE = { weeks: 0, examples: [] };

describe('the weeks that hold records of two images', () => {
  test('are found with the exact hours of each image', async () => {
    const items = [
      entry(1, 'Ana_Bel', 'a.png'),
      entry(2, 'Ana_Bel', 'b.png', { Hours: { N: '0.1' } }),
      entry(3, 'Ana_Bel', 'a.png'),
      entry(4, 'Ana_Bel', 'b.png', { Hours: { S: '0.2' } }),
      entry(5, 'Nik_Coultas', 'c.png'),
      entry(6, 'Nik_Coultas', 'd.png', { WeekStartDate: { S: '2025-10-06' } }),
    ];
    const images = [
      { image: 'a.png', hours: '15' },
      { image: 'b.png', hours: '0.3' },
    ];
    const example = { person: 'Ana_Bel', week: '2025-09-29', images, otherImages: 0 };
    expect(await found(items)).toEqual({ weeks: 1, examples: [example] });
  });

  test('include a zero-hour week beside entries, and hours that are not a number are not added up', async () => {
    const zeroHours = { DateProjectCode: { S: 'WEEK#2025-09-29' }, IsZeroHourTimesheet: { BOOL: true } };
    const items = [
      without(entry(1, 'Ana_Bel', 'zero.png', zeroHours), 'Date', 'Hours', 'ProjectCode'),
      entry(2, 'Ana_Bel', 'odd.png'),
      entry(3, 'Ana_Bel', 'odd.png', { Hours: { S: 'seven' } }),
      entry(4, 'Ana_Bel', 'odd.png'),
    ];
    const { examples } = await found(items);
    expect(examples[0]?.images).toEqual([{ image: 'odd.png' }, { image: 'zero.png', hours: '0' }]);
  });

  test('are counted from Monday to Sunday where a record has only a date', async () => {
    const on = (index: number, day: string) =>
      without(entry(index, 'Ana_Bel', `${day}.png`, { Date: { S: day } }), 'WeekStartDate');
    const { weeks, examples } = await found([on(1, '2025-09-28'), on(2, '2025-09-29'), on(3, '2025-10-05')]);
    expect(weeks).toBe(1);
    expect(examples).toMatchObject([
      { week: '2025-09-29', images: [{ image: '2025-09-29.png' }, { image: '2025-10-05.png' }] },
    ]);
  });

  test('are not those with another spelling of one image, a rejected sheet, a failed image, coverage, or no image', async () => {
    const rejected = { DateProjectCode: { S: 'REJECTED#2025-09-29' }, Rejected: { BOOL: true } };
    const items = [
      entry(1, 'Ana_Bel', 'week 1/a.png'),
      entry(2, 'Ana_Bel', 'week%201/a.png'),
      entry(3, 'Ana_Bel', 's3://sheets/week 1/a.png'),
      entry(4, 'Ana_Bel', 'draft.png', rejected),
      entry(5, 'Ana_Bel', ''),
      without(entry(6, 'Ana_Bel', 'none'), 'SourceImage'),
      without(entry(7, 'Ana_Bel', 'no-day.png', { DateProjectCode: { S: 'X' } }), 'Date', 'WeekStartDate'),
      failedImage(1),
      coverage(1),
    ];
    expect(await found(items)).toEqual(NONE);
  });

  test('are read by the names of the table’s keys, and by the person’s name where the hash key names the record', async () => {
    const items = [entry(1, 'Ana_Bel', 'a.png'), entry(2, 'Ana_Bel', 'b.png')];
    const named = items.map(({ ResourceName = { S: '' }, DateProjectCode = { S: '' }, ...rest }) => ({
      ...rest,
      Who: ResourceName,
      What: DateProjectCode,
    }));
    expect(await found(named, { keys: { hash: 'Who', range: 'What', profile: TIMESHEETS } })).toMatchObject({
      weeks: 1,
      examples: [{ person: 'Ana_Bel' }],
    });
    const hashOnly = items.map(({ DateProjectCode: _, ...rest }, index) => ({
      ...rest,
      ResourceName: { S: `Ana_Bel/${index}` },
      ResourceNameDisplay: { S: 'Ana Bel' },
    }));
    expect(await found(hashOnly, { keys: { hash: 'ResourceName', profile: TIMESHEETS } })).toMatchObject({
      weeks: 1,
      examples: [{ person: 'Ana Bel' }],
    });
  });

  test('are only those with an image of the scope, with all images of the week', async () => {
    const items = ['Ana_Bel', 'Nik_Coultas'].flatMap((person, at) => [
      entry(at * 2, person, `${person}-1.png`),
      entry(at * 2 + 1, person, `${person}-2.png`),
    ]);
    const inScope = (item: Item) => JSON.stringify(item.SourceImage).includes('Nik_Coultas-2.png');
    const { weeks, examples } = await found(items, { covers: inScope });
    expect(weeks).toBe(1);
    expect(examples[0]?.images.map(({ image }) => image)).toEqual(['Nik_Coultas-1.png', 'Nik_Coultas-2.png']);
    expect(await found(items, { covers: () => false })).toEqual(NONE);
  });

  test('are all counted, with five examples of at most three images, in little memory', async () => {
    const items = Array.from({ length: 4_000 }, (_, index) =>
      entry(index, `Person_${String(index % 1_000).padStart(4, '0')}`, `${Math.floor(index / 1_000)}.png`),
    );
    const { weeks, examples } = await found(items, { memoryBytes: 20_000 });
    expect(weeks).toBe(1_000);
    expect(examples.map(({ person }) => person)).toEqual(
      ['0000', '0001', '0002', '0003', '0004'].map((number) => `Person_${number}`),
    );
    expect(examples[4]).toMatchObject({
      images: [{ image: '0.png', hours: '7.5' }, { image: '1.png' }, { image: '2.png' }],
      otherImages: 1,
    });
  });

  test('make the verdict of a validation something to check', () => {
    const counts = { entry: 2, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 2 };
    const facts = { now: counts, backup: { id: '01-a', startedAt: 1, counts }, people: [] };
    expect(judgeValidation({ ...facts, sharedWeeks: NONE })).toEqual({ verdict: 'good', problems: [] });
    expect(judgeValidation({ ...facts, sharedWeeks: { weeks: 2, examples: [] } })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'shared-weeks', weeks: 2, examples: [], weight: 'doubt' }],
    });
  });
});
