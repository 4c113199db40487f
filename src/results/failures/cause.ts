import { hash } from 'node:crypto';
import { redact } from '../../lib/redact.ts';

/** What an error message says once everything is out of it that differs from image to image. */
export interface Cause {
  /** The same for the same text, in every process: 10 hexadecimal digits. */
  readonly id: string;
  readonly text: string;
}

const MOST_TEXT = 200;
const GONE = '…';

/** What JSON and Python's dicts call the part of an error that says what happened: its value stays, others go. */
const TELLING =
  /(["'])(message|msg|error|error_?message|error_?type|error_?code|reason|details?|cause|code|type|status)\1\s{0,3}:\s{0,3}(?:"([^"\n]*)"|'([^'\n]*)')/gi;

/** Of a run of characters that make up paths and names of files: tried from its beginning alone, so that none is searched twice. */
const FROM_START = String.raw`(?<![\w.+%@()-])`;

/**
 * What varies, in this order: the longer forms before what they are made of. Each is linear in the length of the message, which
 * comes from outside.
 */
const VARYING: readonly RegExp[] = [
  /\b(?:https?|s3|arn):\S+/gi,
  /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi,
  /\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?/g,
  /\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2}(?:,? \d{4})?\b/g,
  /\b\d{1,2}\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}(?: \d{4})?\b/g,
  // An apostrophe within a word opens nothing.
  /"[^"\n]*"|(?<![\p{L}\p{N}])'[^'\n]*'(?![\p{L}\p{N}])|`[^`\n]*`|[“„][^“”\n]*[“”]|«[^»\n]*»|「[^」\n]*」/gu,
  // A key or a path: pieces with a slash between them.
  new RegExp(String.raw`${FROM_START}(?:[\w.+%@()-]+\/)+[\w.+%@()-]*`, 'g'),
  // The name of a file. How long it may be bounds what is tried again.
  new RegExp(String.raw`${FROM_START}[\w.+%@()-]{1,200}\.(?:png|jpe?g|pdf|json|py|csv)\b`, 'gi'),
  /\b0x[0-9a-f]+\b/gi,
  /\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi,
  // An id of AWS's: letters between digits, at length.
  /(?<![A-Za-z0-9])(?=[A-Za-z]*\d+[A-Za-z]+\d)[A-Za-z0-9]{10,}(?![A-Za-z0-9])/g,
  /[+-]?\p{Nd}+(?:[.,:]\p{Nd}+)*/gu,
];

/**
 * The cause behind an error message: links, ids, times, quoted texts, paths, hexadecimal and other numbers are taken out, and the
 * name of the image where it is given, so that like errors fall together. Two messages that differ in their words stay apart. Of a
 * longer message the first 500 characters count: a run keeps no more of it, and both must come to the same cause.
 */
export function causeOf(message: string, imageKey = ''): Cause {
  let text = redact(message.toWellFormed())
    .replace(/\\+(["'])/g, '$1')
    .replace(/\\[nrt]/g, ' ');
  for (const name of namesOf(imageKey)) text = text.replaceAll(name, GONE);
  text = text.replace(
    TELLING,
    (_, _quote, key: string, double?: string, single?: string) => `${key.toLowerCase()}: ${double ?? single ?? ''}`,
  );
  // Cut in the middle of a quote: the rest of it is as varying as the whole.
  if (text.endsWith(GONE)) text = text.replace(/["“][^"“”]*…$/, GONE);
  for (const pattern of VARYING) text = text.replace(pattern, GONE);
  text = text
    .replace(/\s+/g, ' ')
    .replace(/…(?:[\s,;:]*…)+/g, GONE)
    .trim()
    .slice(0, MOST_TEXT)
    .toWellFormed();
  const shown = text === '' ? 'no message' : text;
  return { id: hash('sha256', shown, 'hex').slice(0, 10), text: shown };
}

/** How messages may name an image: by its key, by its file, by whom the file is called after. The longest first. */
function namesOf(key: string): readonly string[] {
  const file = key.slice(key.lastIndexOf('/') + 1);
  const stem = file.replace(/\.[^.]*$/, '');
  // A single word may be one of the message too: `document.png`.
  const isName = /[\d_ ]|[^\p{ASCII}]/u.test(stem) && stem.length >= 4;
  const [person = ''] = /^\p{L}+(?:[_ ]\p{L}+)+/u.exec(stem) ?? [];
  const names = [key, file, ...(isName ? [stem] : []), person, person.replaceAll('_', ' ')];
  return [...new Set(names.flatMap((name) => [name, encoded(name)]))]
    .filter((name) => name.length >= 4)
    .sort((a, b) => b.length - a.length);
}

const encoded = (name: string): string => encodeURIComponent(name.toWellFormed());
