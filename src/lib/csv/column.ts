/** One column of a CSV file. */
export interface CsvColumn<Row> {
  readonly name: string;
  /** The name comes from the data. Where a fixed name is equal to it, this one gets a number: `Id (2)`. */
  readonly isNameFromData?: true;
  /**
   * `number`: a plain decimal number (`-7.5` too) is written as it is, because it cannot be a formula and a spreadsheet
   * must be able to add it. Any other cell of such a column is guarded like `text`.
   */
  readonly kind: 'text' | 'number';
  /** The cell; undefined when it is empty. Numbers are text, so that none becomes a JavaScript number. */
  readonly read: (row: Row) => string | undefined;
}

/** The signs with which a formula begins (OWASP, "CSV Injection"), also full-width and small, which some spreadsheets treat alike. */
const SIGN = /[=+\-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b]/;
/** What spreadsheets skip before a formula: spaces, control characters (ASVS 1.2.10 for NUL), invisible characters. */
const SKIPPED = /[\s\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
/**
 * Where another cell begins when a spreadsheet splits at `;` or tab, as in countries with a decimal comma: the quotes around
 * our cell do not count there, so a line end within it begins a row.
 */
const SEPARATOR = /[;\t\r\n]/;
const PLAIN_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * The cell as it is written: with a `'` before what could be a formula, at its beginning or after a `;`, tab or line end. What
 * a text file cannot contain becomes U+FFFD: lone surrogates, and NUL, which makes readers reject the whole file.
 */
export function guardedCell(text: string, kind: CsvColumn<unknown>['kind']): string {
  const valid = text.toWellFormed().replaceAll('\0', '\uFFFD');
  if (kind === 'number' && PLAIN_NUMBER.test(valid)) return valid;
  const startsControlled = /^[\t\r\n\0]/.test(text);
  if (!startsControlled && !SIGN.test(text)) return valid;
  const starts = [...(startsControlled ? [0] : []), ...formulaStarts(text.toWellFormed())];
  let guarded = '';
  let end = 0;
  for (const start of new Set(starts)) {
    guarded += `${valid.slice(end, start)}'`;
    end = start;
  }
  return guarded + valid.slice(end);
}

/** Where a part of the cell begins that a spreadsheet could read as a formula, in ascending order. */
function formulaStarts(text: string): number[] {
  const starts: number[] = [];
  let at = 0;
  /** Where the part began of which only skipped characters were seen; undefined within its text. */
  let start: number | undefined = 0;
  for (const character of text) {
    if (start === undefined || character === ';') {
      if (SEPARATOR.test(character)) start = at + 1;
    } else if (SIGN.test(character)) {
      starts.push(start);
      start = undefined;
    } else if (!SKIPPED.test(character)) start = undefined;
    at += character.length;
  }
  return starts;
}
