import { hash } from 'node:crypto';

/** What an error message says once everything is out of it that differs from image to image. */
export interface Cause {
  /** The same for the same text, in every process: 10 hexadecimal digits. */
  readonly id: string;
  readonly text: string;
}

const MOST_TEXT = 200;

/** In this order: the longer forms before what they are made of. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b(?:https?|s3|arn):\S+/gi, '…'],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '…'],
  [/\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?/g, '…'],
  [/"[^"\n]*"|'[^'\n]*'|`[^`\n]*`|“[^”\n]*”/g, '…'],
  // A key or a path: two pieces with a slash, or a file's name.
  [/(?:[\w.+%@()-]+\/)+[\w.+%@()-]*/g, '…'],
  [/\b[\w.+%@()-]+\.(?:png|jpe?g|pdf|json|py|csv)\b/gi, '…'],
  [/\b0x[0-9a-f]+\b/gi, '…'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, '…'],
  [/[+-]?\d+(?:[.,:]\d+)*/g, '…'],
];

/**
 * The cause behind an error message: links, ids, times, quoted texts, paths, hexadecimal and other numbers are taken out, so that
 * like errors fall together. Two messages that differ in their words stay apart.
 */
export function causeOf(message: string): Cause {
  let text = message.toWellFormed();
  for (const [pattern, put] of VARYING) text = text.replace(pattern, put);
  text = text
    .replace(/\s+/g, ' ')
    .replace(/…(?:[\s,;:]*…)+/g, '…')
    .trim()
    .slice(0, MOST_TEXT)
    .toWellFormed();
  const shown = text === '' ? 'no message' : text;
  return { id: hash('sha256', shown, 'hex').slice(0, 10), text: shown };
}
