import { describe, expect, test } from 'vitest';
import { csvBytes, csvHeader } from '../../../src/lib/csv/write.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { diffCsvColumns, diffRows } from '../../../src/results/diff/diff-csv.ts';
import { parseCsv } from '../../lib/csv/arbitrary-cells.ts';
import { failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { all, changedTable, diffed, inOneWorld } from './diff-rig.ts';

inOneWorld();

describe('the CSV of a diff', () => {
  test('has no credential of a record, and its items stay DynamoDB JSON', async () => {
    const record = (more: Item): Item => ({ ...failedImage(1), ...more });
    const request = await changedTable(
      [record({ ErrorMessage: { S: 'password=hunter2-a refused' } }), timesheetEntry(1)],
      [
        record({ ErrorMessage: { L: [{ S: 'DB_PASSWORD=hunter2-b' }] }, StackTrace: { S: 'token xoxp-1-hunter2-c' } }),
        {
          ...failedImage(2),
          ErrorMessage: { S: 'The Canonical String for this request should have been hunter2-d' },
          StackTrace: { S: 'File "x.py"' },
        },
      ],
    );
    await diffed(request, async (diff) => {
      const text = Buffer.concat(await all(csvBytes(diffCsvColumns(diff.keys), diffRows(diff.entries())))).toString();
      expect(text).not.toContain('hunter2');
      const [, ...rows] = parseCsv(text);
      const [, changed, , added] = rows.map((row) => row.slice(-3));
      expect(rows.map(([change, , record]) => `${change} ${record}`)).toEqual([
        'removed entry',
        'changed failed',
        'changed failed',
        'added failed',
      ]);
      expect(changed).toEqual(['{"S":"password=[redacted] refused"}', '{"L":[{"S":"DB_PASSWORD=[redacted]"}]}', '']);
      expect(JSON.parse(added?.[2] ?? '')).toMatchObject({
        ErrorMessage: { S: '[canonical request]' },
        StackTrace: { S: 'File "x.py"' },
      });
    });
  });

  test('has every column name once, also for a table whose keys have the names of its own columns', () =>
    expect(csvHeader(diffCsvColumns({ hash: 'Id', range: 'field', profile: TIMESHEETS }))).toBe(
      'Change,Id,Record,Id (2),field (2),HoursBefore,HoursAfter,Field,Before,After,Item\r\n',
    ));

  test('has a line for each removed or added record and each changed field, and hours that can be summed', async () => {
    const request = await changedTable(
      [timesheetEntry(1, { ProjectName: { S: '=1+1' } }), timesheetEntry(2)],
      [timesheetEntry(2, { Hours: { N: '-8' }, ProjectCode: { N: '2' }, Note: { S: '<!channel>,\n"x"' } })],
    );
    await diffed(request, async (diff) => {
      const chunks = await all(csvBytes(diffCsvColumns(diff.keys), diffRows(diff.entries())));
      const [header, ...rows] = parseCsv(Buffer.concat(chunks).toString());
      expect(header).toEqual(
        'Change,Id,Record,ResourceName,DateProjectCode,HoursBefore,HoursAfter,Field,Before,After,Item'.split(','),
      );
      const [removed, ...changed] = rows.map((row) => row.toSpliced(1, 1));
      expect(removed?.slice(0, 9)).toEqual(['removed', 'entry', 'Person_1', '2025-09-02#PJ1', '7.5', '', '', '', '']);
      expect(JSON.parse(removed?.[9] ?? '')).toMatchObject({ ProjectName: { S: '=1+1' } });
      const of = ['changed', 'entry', 'Person_2', '2025-09-03#PJ2'];
      expect(changed).toEqual([
        [...of, '7.5', '-8', 'Hours', '7.5', "'-8", ''],
        [...of, '', '', 'Note', '', '<!channel>,\n"x"', ''],
        [...of, '', '', 'ProjectCode', '{"S":"PJ2"}', '{"N":"2"}', ''],
      ]);
    });
  });
});
