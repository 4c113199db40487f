import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvColumn, guardedCell } from '../../../src/lib/csv/column.ts';
import { csvBytes } from '../../../src/lib/csv/write.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { hostileText, parseCsv } from './arbitrary-cells.ts';

type Row = readonly string[];
const columns: readonly CsvColumn<Row>[] = [
  { name: 'Key', kind: 'text', read: (row) => row[0] },
  { name: 'Hours', kind: 'number', read: (row) => row[1] },
  { name: 'Note', kind: 'text', read: (row) => row[2] },
];
async function written(rows: AsyncIterable<Row> | Iterable<Row>, of = columns): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of csvBytes(of, rows)) chunks.push(chunk);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}

describe('the column names of a CSV', () => {
  const named = (name: string, isNameFromData?: true): CsvColumn<Row> => ({
    name,
    kind: 'text',
    read: () => '',
    ...(isNameFromData && { isNameFromData }),
  });
  test('are different from each other, and a name from the data gives way to a fixed one', async () => {
    expect(await written([], [named('Change'), named('Id', true), named('Id')])).toBe('Change,Id (2),Id\r\n');
    expect(await written([], [named('ID', true), named('id', true), named('Id (2)'), named('Id')])).toBe(
      'ID (3),id (4),Id (2),Id\r\n',
    );
  });
});

describe('a CSV cell', () => {
  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '-7.5 hours'])(
    'that begins like %j is guarded in a text column',
    (text) => expect(guardedCell(text, 'text')).toBe(`'${text}`),
  );
  test.each([' =1', '\u00a0=1', '\u200b=1', '\ufeff+1', '\u2800@x', '\u3164-1', '\u00ad =1', '\u3000＝1', '﹦1'])(
    'that begins like %j, behind what spreadsheets skip, is guarded',
    (text) => expect(guardedCell(text, 'text')).toBe(`'${text}`),
  );
  test.each([
    ['a;=1+1', "a;'=1+1"],
    ['a; \u200b=1', "a;' \u200b=1"],
    ['a;b;@x', "a;b;'@x"],
    [';=1;+1', ";'=1;'+1"],
    ['a\n=1', "a\n'=1"],
    ['a\t-1', "a\t'-1"],
    ['";=1', '";\'=1'],
  ])('%j is guarded for spreadsheets that split at `;`, tab and line ends', (text, guarded) =>
    expect(guardedCell(text, 'text')).toBe(guarded),
  );
  test('of many skipped characters and separators is guarded in linear time', () => {
    const begin = cpuMs();
    for (const unit of ['\t', ' ', ';', '; ', '\u200b']) guardedCell(`${unit.repeat(500_000)}=`, 'text');
    expect(cpuMs() - begin).toBeLessThan(10_000);
  });
  test.each(['', 'a=1', 'a =1', '1-1', 'a; b', ' a', ';', 'arn:a-b;c', "'=1", '#1', '😀'])(
    '%j needs no guard',
    (text) => expect(guardedCell(text, 'text')).toBe(text),
  );
  test.each(['-7.5', '-0', '12', '0.00123', '-1E-9', '1e+3'])('%j is written as it is in a column of numbers', (text) =>
    expect(guardedCell(text, 'number')).toBe(text),
  );
  test.each(['+7', '-', '-1+1', '=1', '-1,5', '-1 ', '-0x1', '--1', '-1\n'])(
    '%j is guarded in a column of numbers too',
    (text) => expect(guardedCell(text, 'number')).toBe(`'${text}`),
  );
  test('with a lone surrogate or a NUL gets a replacement character', () => {
    expect(guardedCell('a\ud800b\0c', 'text')).toBe('a\ufffdb\ufffdc');
    expect(guardedCell('\0=1', 'text')).toBe("'\ufffd=1");
  });
});

describe('a CSV file', () => {
  test('has a header, CRLF after every line, and quotes where needed', async () => {
    const text = await written([
      ['2025/a "b", c.png', '-7.5', '<!channel>'],
      ['two\nlines', '', 'a\rb'],
      ['=cmd', '=1', '日本'],
    ]);
    expect(text).toBe(
      'Key,Hours,Note\r\n"2025/a ""b"", c.png",-7.5,<!channel>\r\n"two\nlines",,"a\rb"\r\n\'=cmd,\'=1,日本\r\n',
    );
  });

  test('without rows is only the header', async () => expect(await written([])).toBe('Key,Hours,Note\r\n'));

  test('with one column keeps its empty cells', async () => {
    const one = columns.slice(0, 1);
    expect(parseCsv(await written([[''], ['a'], ['']], one))).toEqual([['Key'], [''], ['a'], ['']]);
  });

  test('gives back every cell, guarded, whatever its content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(hostileText, hostileText, hostileText), { maxLength: 40 }), async (rows) => {
        const wanted = rows.map((row) => row.map((cell, at) => guardedCell(cell, columns[at]?.kind ?? 'text')));
        expect(parseCsv(await written(rows))).toEqual([['Key', 'Hours', 'Note'], ...wanted]);
      }),
    );
  });

  test('reads its rows only as fast as it is read', async () => {
    let asked = 0;
    async function* endless() {
      for (;;) {
        asked += 1;
        yield [`image ${asked}.png`, '1', ''];
      }
    }
    const stream = Readable.from(csvBytes(columns, endless()));
    const [first] = await stream.take(1).toArray();
    expect(String(first)).toBe('Key,Hours,Note\r\n');
    expect(asked).toBeLessThan(20_000);
  });

  test('ends with the reason when it is stopped, and closes its rows', async () => {
    const stop = new AbortController();
    let released = false;
    async function* rows() {
      try {
        for (;;) yield ['a', '1', ''];
      } finally {
        released = true;
      }
    }
    const reading = (async () => {
      for await (const chunk of csvBytes(columns, rows(), { signal: stop.signal }))
        if (!String(chunk).startsWith('Key')) stop.abort(new Error('stopped'));
    })();
    await expect(reading).rejects.toThrow('stopped');
    expect(released).toBe(true);
  });

  test('throws the error of its rows', async () => {
    async function* rows() {
      yield ['a', '1', ''];
      throw new Error('the scan broke');
    }
    await expect(written(rows())).rejects.toThrow('the scan broke');
  });
});
