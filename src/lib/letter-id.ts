/**
 * The 16 letters of an id, one for each hexadecimal digit. None of them is a hexadecimal digit, so an id of letters and an id
 * of digits are never the same text. Without digits and vowels an id is not a number, a date, a formula or a word: a
 * spreadsheet that opens a CSV keeps it, where it turns `0618657363` into 618657363 and `1e52345678` into a float.
 */
const LETTERS = 'ghjkmnpqrstvwxyz';
const HEX = '0123456789abcdef';

/** The id of letters for hexadecimal digits, one letter per digit. */
export const letterId = (hex: string): string => translate(hex, HEX, LETTERS);

/**
 * The id of letters that a person or an older record gives: as `letterId` writes it, or in hexadecimal digits as older versions
 * wrote it, also without the zeros at its beginning that a spreadsheet removed. Undefined where it is neither, or not `length` long.
 */
export function readLetterId(text: string, length: number): string | undefined {
  const id = text.trim().toLowerCase();
  if (id.length === length && isMadeOf(id, LETTERS)) return id;
  if (id.length === length && isMadeOf(id, HEX)) return letterId(id);
  return /^\d+$/.test(id) && id.length < length ? letterId(id.padStart(length, '0')) : undefined;
}

const isMadeOf = (text: string, alphabet: string) => [...text].every((character) => alphabet.includes(character));
const translate = (text: string, from: string, to: string) =>
  [...text].map((character) => to.charAt(from.indexOf(character))).join('');
