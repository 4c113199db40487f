import { describe, expect, test } from 'vitest';
import { saveToSupplement } from '../../../src/backup/write/supplement.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { countByKind } from '../../../src/pipeline/table/count.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import {
  compareEntryHours,
  type EntryHoursComparison,
  isWithoutLoss,
} from '../../../src/results/report/entry-hours.ts';
import { fewerEntries, judgeValidation } from '../../../src/results/report/validation.ts';
import { validationMessage } from '../../../src/slack/messages/results/validation-message.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { inOneWorld, put, remove, world } from '../diff/diff-rig.ts';

inOneWorld();

const entry = (index: number, hours: string): Item =>
  timesheetEntry(index, { DateProjectCode: { S: `2025-09-29#PJ${index}` }, Hours: { N: hours } });
const entries = (count: number, hours: string, from = 0) =>
  Array.from({ length: count }, (_, index) => entry(from + index, hours));

async function compared(
  before: readonly Item[],
  gone: readonly Item[],
  come: readonly Item[] = [],
  late: readonly Item[] = [],
) {
  const table = await world.table(before);
  const backup = await world.backup(table);
  await saveToSupplement(world.location, backup.id, late, { clock: systemClock, random: Math.random });
  await remove(table, ...gone);
  await put(table, ...come);
  const hours = await compareEntryHours(world, backup);
  const now = await countByKind(world.dynamodb, table, { keys: PIPELINE_KEYS });
  const facts = { now, backup, people: [], entryHours: hours };
  return { hours, now, backup, ...judgeValidation(facts) };
}

describe('fewer entries than in the backup', () => {
  test('are no problem when 1,260 of 2,100 entries had 0 hours and the hours are equal', async () => {
    const [withHours, without] = [entries(840, '7.5'), entries(1_260, '0', 840)];
    const { hours, verdict, problems, now, backup } = await compared(
      [...withHours, ...without, failedImage(1)],
      without,
    );
    expect(hours).toEqual({
      before: { entries: 2_100, withHours: 840, hours: '6300', unreadable: 0 },
      now: { entries: 840, withHours: 840, hours: '6300', unreadable: 0 },
    });
    expect(fewerEntries(backup, now)).toBe(1_260);
    expect({ verdict, problems }).toEqual({ verdict: 'good', problems: [] });
    const found = {
      verdict,
      problems,
      runIds: ['r-0001'],
      images: [],
      now,
      backup,
      people: [],
      profile: TIMESHEETS,
      entryHours: hours,
    };
    const { text } = validationMessage(found, Date.now());
    expect(text).toMatch(
      /Fewer entries, but the same hours: 2,100 entries and zero-hour weeks with 6300 h in the backup, 840 with 6300 h now/,
    );
    expect(text).not.toMatch(/fewer entries than/);
  });

  test('are a problem when hours are missing, even a millionth of one', async () => {
    const before = [entry(1, '7.5'), entry(2, '0'), entry(3, '0.000001')];
    const { problems, hours } = await compared(before, before.slice(1));
    expect(hours.now.hours).toBe('7.5');
    expect(problems).toMatchObject([{ kind: 'fewer-entries', entries: 2 }]);
  });

  test('are added up without rounding, with the versions of the supplement', async () => {
    const { hours } = await compared(
      [entry(1, '12345678901234567890123456789012345678'), entry(2, '0.1')],
      [entry(2, '0.1')],
      [],
      [entry(2, '0.2')],
    );
    expect(hours.before.hours).toBe('12345678901234567890123456789012345678.2');
    expect(hours.now.hours).toBe('12345678901234567890123456789012345678');
  });

  test.each<[string, Partial<EntryHoursComparison['before']>, Partial<EntryHoursComparison['now']>]>([
    ['other hours', {}, { hours: '8' }],
    ['equal hours in fewer entries with hours, where one may be lost and another booked twice', {}, { withHours: 1 }],
    ['unreadable hours in the backup', { unreadable: 1 }, {}],
    ['unreadable hours in the table', {}, { unreadable: 1 }],
  ])('are not without loss with %s', (_, before, now) => {
    const side = { entries: 3, withHours: 2, hours: '15', unreadable: 0 };
    expect(isWithoutLoss({ before: side, now: { ...side, entries: 2 } })).toBe(true);
    expect(isWithoutLoss({ before: { ...side, ...before }, now: { ...side, ...now } })).toBe(false);
  });
});
