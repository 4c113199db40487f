/** One column of a CSV file. */
export interface CsvColumn<Row> {
  readonly name: string;
  /**
   * `number`: a cell that is a plain decimal number stands as it is, `-7.5` too: it can be no formula, and a spreadsheet is to
   * add it up. Whatever else such a column holds is guarded like `text`.
   */
  readonly kind: 'text' | 'number';
  /** The cell; undefined for an empty one. Numbers come as text, so that none passes through a JavaScript number. */
  readonly read: (row: Row) => string | undefined;
}

/**
 * How a cell begins that a spreadsheet takes for a formula (OWASP, "CSV Injection"; ASVS 1.2.10 for NUL): the ASCII signs, the
 * full-width ones that some spreadsheets fold into them, and the control characters that are skipped before looking.
 */
const FORMULA = /^[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]/;
const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * A cell as it may be written: guarded by a leading `'` where it could be a formula; what no text file can hold (lone surrogates,
 * NUL, at which readers give the whole file up) stands as U+FFFD.
 */
export function guardedCell(text: string, kind: CsvColumn<unknown>['kind']): string {
  const sound = text.toWellFormed().replaceAll('\0', '\uFFFD');
  if (!FORMULA.test(text) || (kind === 'number' && PLAIN_NUMBER.test(sound))) return sound;
  return `'${sound}`;
}
