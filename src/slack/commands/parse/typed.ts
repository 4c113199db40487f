/** How phones and word processors change what people type: capitals, kinds of space, quotes and dash, a full stop at the end. */

const INVISIBLE = /\p{Cf}/gu;
const DASH = /\p{Pd}|\u2212/gu;
const SIGNS_AROUND = /^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu;
const QUOTES_BEFORE = /^[\s"'“”„‘’‚«»`]+/u;
const SIGNS_AFTER = /[\s"'“”„‘’‚«»`.,;:!?…]+$/u;

/** The line in plain letters: no invisible characters, one kind of dash and of space. */
export const plainText = (typed: string): string =>
  typed.normalize('NFKC').replace(INVISIBLE, '').replace(DASH, '-').replace(/\s+/gu, ' ').trim();

/** A word of a fixed vocabulary as it is meant: `Native.`, `“native”` and `--native` are `native`. */
export const plainWord = (typed: string): string => plainText(typed).replace(SIGNS_AROUND, '').toLowerCase();

/**
 * A number, a time or an id as it is meant: `50.` is `50`. A sign in front stays, so that `-1` can be refused. Not for keys, names
 * and patterns, where every character counts.
 */
export const plainValue = (typed: string): string =>
  plainText(typed).replace(QUOTES_BEFORE, '').replace(SIGNS_AFTER, '').toLowerCase();

/** The key of an object as it was typed. It ends with a file extension, so a full stop after it is not part of it. */
export const objectKey = (typed: string): string => typed.replace(/[.…]+$/u, '');

/** Whether nothing but spaces and signs was typed. */
export const isBlank = (typed: string): boolean => plainWord(typed) === '';
