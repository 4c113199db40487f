import { hash } from 'node:crypto';
import { letterId } from '../../lib/letter-id.ts';
import { redact } from '../../lib/redact.ts';

/** An error message without the parts that differ from image to image. */
export interface Cause {
  /** 10 letters (see `letterId`), the same for the same text in every process. */
  readonly id: string;
  readonly text: string;
}

/** The length of the id of a cause. */
export const CAUSE_ID_LENGTH = 10;
const MAX_TEXT = 200;
const REMOVED = '…';

/**
 * The fields of JSON and of Python dicts that describe an error. Their values are kept, other quoted text is removed.
 */
const DESCRIPTIVE_FIELDS =
  /(["'])(message|msg|error|error_?message|error_?type|error_?code|reason|details?|cause|code|type|status)\1\s{0,3}:\s{0,3}(?:"([^"\n]*)"|'([^'\n]*)')/gi;

/** Matches only at the beginning of a path or file name, so that no text is searched twice. */
const FROM_START = String.raw`(?<![\w.+%@()-])`;

/**
 * The parts that vary, in this order: longer forms before the forms they contain. Each pattern takes linear time,
 * because the message comes from outside.
 */
const VARIABLE_PARTS: readonly RegExp[] = [
  /\b(?:https?|s3|arn):\S+/gi,
  /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi,
  /\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?/g,
  /\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2}(?:,? \d{4})?\b/g,
  /\b\d{1,2}\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}(?: \d{4})?\b/g,
  // An apostrophe within a word does not start a quote.
  /"[^"\n]*"|(?<![\p{L}\p{N}])'[^'\n]*'(?![\p{L}\p{N}])|`[^`\n]*`|[“„][^“”\n]*[“”]|«[^»\n]*»|「[^」\n]*」/gu,
  // A key or a path.
  new RegExp(String.raw`${FROM_START}(?:[\w.+%@()-]+\/)+[\w.+%@()-]*`, 'g'),
  // The name of a file. The length limit bounds the backtracking.
  new RegExp(String.raw`${FROM_START}[\w.+%@()-]{1,200}\.(?:png|jpe?g|pdf|json|py|csv)\b`, 'gi'),
  /\b0x[0-9a-f]+\b/gi,
  /\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi,
  // A long id of AWS: letters and digits mixed.
  /(?<![A-Za-z0-9])(?=[A-Za-z]*\d+[A-Za-z]+\d)[A-Za-z0-9]{10,}(?![A-Za-z0-9])/g,
  /[+-]?\p{Nd}+(?:[.,:]\p{Nd}+)*/gu,
];

/**
 * The cause of a failure, by its error message. Links, ids, times, quoted texts, paths, numbers and the name of the
 * image are removed, so that similar errors have the same cause. Messages with different words have different causes.
 * Only the first 500 characters count, because a run stores no more, and the table and the run must agree.
 */
export function causeOf(message: string, imageKey = ''): Cause {
  let text = redact(message.toWellFormed())
    .replace(/\\+(["'])/g, '$1')
    .replace(/\\[nrt]/g, ' ');
  for (const name of namesOf(imageKey)) text = text.replaceAll(name, REMOVED);
  text = text.replace(
    DESCRIPTIVE_FIELDS,
    (_, _quote, key: string, double?: string, single?: string) => `${key.toLowerCase()}: ${double ?? single ?? ''}`,
  );
  // The message was cut within a quote: the beginning of the quote varies too.
  if (text.endsWith(REMOVED)) text = text.replace(/["“][^"“”]*…$/, REMOVED);
  for (const pattern of VARIABLE_PARTS) text = text.replace(pattern, REMOVED);
  text = text
    .replace(/\s+/g, ' ')
    .replace(/…(?:[\s,;:]*…)+/g, REMOVED)
    .trim()
    .slice(0, MAX_TEXT)
    .toWellFormed();
  const shown = text === '' ? 'no message' : text;
  return { id: letterId(hash('sha256', shown, 'hex').slice(0, CAUSE_ID_LENGTH)), text: shown };
}

/** The names by which a message may mention an image: its key, its file, the person in the file name. Longest first. */
function namesOf(key: string): readonly string[] {
  const file = key.slice(key.lastIndexOf('/') + 1);
  const stem = file.replace(/\.[^.]*$/, '');
  // A single word such as `document` may be an ordinary word of the message.
  const isName = /[\d_ ]|[^\p{ASCII}]/u.test(stem) && stem.length >= 4;
  const [person = ''] = /^\p{L}+(?:[_ ]\p{L}+)+/u.exec(stem) ?? [];
  const names = [key, file, ...(isName ? [stem] : []), person, person.replaceAll('_', ' ')];
  return [...new Set(names.flatMap((name) => [name, encoded(name)]))]
    .filter((name) => name.length >= 4)
    .sort((a, b) => b.length - a.length);
}

const encoded = (name: string): string => encodeURIComponent(name.toWellFormed());
