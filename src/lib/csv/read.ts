import { guardedCell } from './column.ts';

const SEPARATORS = [',', ';', '\t'] as const;

/** The cells of a CSV text, row by row; cells in quotes may hold separators, line ends and doubled quotes (RFC 4180). */
function* rowsOf(text: string, separator: string): Generator<readonly string[]> {
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (character === '"' && cell === '') isQuoted = true;
    else if (character === separator) {
      row.push(cell);
      cell = '';
    } else if (character === '\n' || character === '\r') {
      if (character === '\r' && text[at + 1] === '\n') at += 1;
      yield [...row, cell];
      row = [];
      cell = '';
    } else cell += character;
  }
  if (cell !== '' || row.length > 0) yield [...row, cell];
}

/** Without the `'` that `guardedCell` writes before what could be a formula. */
const withoutGuard = (cell: string): string =>
  cell.startsWith("'") && guardedCell(cell.slice(1), 'text') === cell ? cell.slice(1) : cell;

/**
 * The values of one column of a CSV file, with commas, semicolons or tabs; of a file without such a column every line is one value.
 * Empty values are left out. A byte order mark is skipped.
 */
export function* readColumn(text: string, name: string): Generator<string> {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text;
  for (const separator of SEPARATORS) {
    const rows = rowsOf(content, separator);
    const header: readonly string[] = rows.next().value ?? [];
    const column = header.findIndex((cell) => cell.trim() === name);
    if (column < 0) continue;
    for (const row of rows) {
      const cell = row[column] ?? '';
      if (cell !== '') yield withoutGuard(cell);
    }
    return;
  }
  for (const line of content.split(/\r\n|\n|\r/)) {
    const value = line.trim();
    if (value !== '') yield value;
  }
}
