/** One column of a CSV file. */
export interface CsvColumn<Row> {
  readonly name: string;
  /**
   * `number`: a plain decimal number (`-7.5` too) is written as it is, because it cannot be a formula and a spreadsheet
   * must be able to add it. Any other cell of such a column is guarded like `text`.
   */
  readonly kind: 'text' | 'number';
  /** The cell; undefined when it is empty. Numbers are text, so that none becomes a JavaScript number. */
  readonly read: (row: Row) => string | undefined;
}

/**
 * The beginning of a cell that a spreadsheet reads as a formula (OWASP, "CSV Injection"; ASVS 1.2.10 for NUL): the
 * ASCII signs, the full-width signs that some spreadsheets treat alike, and control characters that spreadsheets skip.
 */
const FORMULA = /^[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]/;
const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * The cell as it is written: with a leading `'` when it could be a formula. What a text file cannot contain becomes
 * U+FFFD: lone surrogates, and NUL, which makes readers reject the whole file.
 */
export function guardedCell(text: string, kind: CsvColumn<unknown>['kind']): string {
  const valid = text.toWellFormed().replaceAll('\0', '\uFFFD');
  if (!FORMULA.test(text) || (kind === 'number' && PLAIN_NUMBER.test(valid))) return valid;
  return `'${valid}`;
}
