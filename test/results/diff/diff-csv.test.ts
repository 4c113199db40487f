import { describe, expect, test } from 'vitest';
import { csvBytes, csvHeader } from '../../../src/lib/csv/write.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { diffCsvColumns, diffRows } from '../../../src/results/diff/diff-csv.ts';
import { parseCsv } from '../../lib/csv/arbitrary-cells.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { all, changedTable, diffed, inOneWorld } from './diff-rig.ts';

inOneWorld();

describe('the CSV of a diff', () => {
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
