import { stringify } from 'csv-stringify/sync';
import { type CsvColumn, guardedCell } from './column.ts';

export type Rows<Row> = AsyncIterable<Row> | Iterable<Row>;

/** Several rows as text. Each ends with CRLF. */
export interface CsvBatch {
  readonly text: string;
  readonly rows: number;
  /** The same text, one row each. */
  lines(): readonly string[];
}

const BATCH_ROWS = 256;
const BATCH_CHARACTERS = 128 * 1024;

const linesOf = (records: readonly (readonly string[])[], columns: number): string =>
  stringify([...records], {
    record_delimiter: '\r\n',
    // A single CR or LF within a cell must be quoted too (RFC 4180, 2.6).
    quote_record_delimiter: true,
    // A row of one empty cell would be an empty line, which readers skip.
    quoted_empty: columns === 1,
  });

/** The line with the column names, no two of which are equal. */
export const csvHeader = (columns: readonly CsvColumn<never>[]): string =>
  linesOf([distinctNames(columns).map((name) => guardedCell(name, 'text'))], columns.length);

/** The names of the columns, each only once, case aside: many readers keep only one of two columns with one name. */
function distinctNames(columns: readonly CsvColumn<never>[]): readonly string[] {
  const taken = new Set<string>();
  const names = new Map<CsvColumn<never>, string>();
  const fixedFirst = [...columns].sort((a, b) => Number(a.isNameFromData ?? 0) - Number(b.isNameFromData ?? 0));
  for (const column of fixedFirst) {
    let name = column.name;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${column.name} (${number})`;
    taken.add(name.toLowerCase());
    names.set(column, name);
  }
  return columns.map((column) => names.get(column) ?? column.name);
}

/** Rows as text, a few hundred at a time. Rows are read only as fast as the result is. @throws `signal.reason` */
export async function* csvBatches<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: Rows<Row>,
  signal?: AbortSignal,
): AsyncGenerator<CsvBatch> {
  let records: string[][] = [];
  let characters = 0;
  const batch = (): CsvBatch => {
    const held = records;
    records = [];
    characters = 0;
    return {
      text: linesOf(held, columns.length),
      rows: held.length,
      lines: () => held.map((record) => linesOf([record], columns.length)),
    };
  };
  signal?.throwIfAborted();
  for await (const row of rows) {
    const record = columns.map(({ kind, read }) => guardedCell(read(row) ?? '', kind));
    for (const cell of record) characters += cell.length;
    records.push(record);
    if (records.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
    signal?.throwIfAborted();
    yield batch();
  }
  signal?.throwIfAborted();
  if (records.length > 0) yield batch();
}

/**
 * Rows as a CSV file: RFC 4180 (CRLF, doubled quotes), UTF-8 without a byte order mark, the column names first, cells
 * guarded against formulas. Rows are read only as fast as the result is, so memory does not grow with their number.
 * `Readable.from(csvBytes(…))` makes a stream of it. Without rows it is only the header.
 * @throws the error of `rows`; `signal.reason`
 */
export async function* csvBytes<Row>(
  columns: readonly CsvColumn<Row>[],
  rows: Rows<Row>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Buffer> {
  yield Buffer.from(csvHeader(columns));
  for await (const { text } of csvBatches(columns, rows, options.signal)) yield Buffer.from(text);
}
