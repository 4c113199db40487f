import * as fc from 'fast-check';

/** Cells as hostile as keys and error messages can be. */
export const hostileText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '=cmd|"/c calc"!A1',
    '+1',
    '-7.5',
    '-1+1',
    '@SUM(A1)',
    '\tx',
    '\rx',
    '\nx',
    'a,b',
    'say "hi"',
    '"',
    "'",
    'two\nlines',
    'two\r\nlines',
    'a\rb',
    '<!channel>',
    '日本語/😀.png',
    '\ud800 alone',
    ' leading',
    '＝1+1',
  ),
);

/** An independent reader of RFC 4180: the rows of a file with unquoted cells. Throws on what the RFC does not allow. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const end = text.indexOf('"', at);
        if (end < 0) throw new Error('a quote that does not end');
        cell += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        cell += '"';
        at += 1;
      }
    } else {
      const end = text.slice(at).search(/[,\r\n"]/);
      const stop = end < 0 ? text.length : at + end;
      cell = text.slice(at, stop);
      at = stop;
    }
    row.push(cell);
    if (text[at] === ',') {
      at += 1;
      if (at === text.length) throw new Error('the last line does not end');
      continue;
    }
    if (text.slice(at, at + 2) !== '\r\n')
      throw new Error(`neither comma nor CRLF at ${at}: ${text.slice(at, at + 9)}`);
    at += 2;
    rows.push(row);
    row = [];
  }
  return rows;
}
