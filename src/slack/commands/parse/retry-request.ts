import type { RetryRequest } from '../../../checklist/contracts/result-control.ts';
import { defined } from '../../../lib/defined.ts';
import { readLetterId } from '../../../lib/letter-id.ts';
import { suggestNearest } from '../../../lib/nearest.ts';
import { succeed } from '../../../lib/result.ts';
import { FAILURE_TYPES } from '../../../pipeline/invoke/invocation.ts';
import { CAUSE_ID_LENGTH } from '../../../results/failures/cause.ts';
import { isFailureType } from '../../../results/failures/failures.ts';
import type { EngineKind } from '../../../run/model/types.ts';
import { code } from '../../messages/kit/escape.ts';
import { counted } from '../../messages/kit/format.ts';
import { plainValues, type Read, readOptions, reject, splitArguments } from './options.ts';
import { readEngine } from './run-request.ts';
import { objectKey, plainWord } from './typed.ts';

/** A choice of images for a retry; `what`: the images in plain text. */
interface ReadRetry {
  readonly setting: RetryRequest;
  readonly what: string;
  readonly engine?: EngineKind;
}

/** Reads `type=TEXTRACT_ERROR`, `cause=1a2b3c4d5e`, or names of images. */
export function readRetry(rest: string): Read<ReadRetry> {
  const words = splitArguments(rest);
  return words.ok ? readRetryWords(words.value) : words;
}

/** The same from the words of a line. */
export function readRetryWords(words: readonly string[]): Read<ReadRetry> {
  const isEngine = (word: string) => plainWord(word.split('=')[0] ?? '') === 'engine' && word.includes('=');
  const given = readOptions(words.filter(isEngine), ['engine']);
  if (!given.ok) return given;
  const text = given.value.get('engine');
  const engine = text === undefined ? undefined : readEngine(text);
  if (engine && !engine.ok) return engine;
  const read = readImages(words.filter((word) => !isEngine(word)));
  return read.ok && engine ? succeed({ ...read.value, engine: engine.value }) : read;
}

function readImages(words: readonly string[]): Read<{ readonly setting: RetryRequest; readonly what: string }> {
  if (words.length === 1 && plainWord(words[0] ?? '') === 'review')
    return succeed({ setting: { kind: 'needs-review' }, what: 'images that need a review' });
  const isOption = (word: string) => /^(type|cause)$/.test(plainWord(word.split('=')[0] ?? '')) && word.includes('=');
  const options = readOptions(words.filter(isOption), ['type', 'cause']);
  if (!options.ok) return options;
  const images = words.filter((word) => !isOption(word)).map(objectKey);
  const { cause, type } = plainValues(options.value);
  const causeId = cause === undefined ? undefined : readLetterId(cause, CAUSE_ID_LENGTH);
  const failureType = type?.toUpperCase();
  if (images.length > 0 && options.value.size > 0) return reject('Name images or give `type=` and `cause=`, not both.');
  if (cause !== undefined && causeId === undefined)
    return reject(
      `${code(cause, 60)} is not the id of a cause. The CSV of \`/rescan export failures\` has the ids (ten letters).`,
    );
  if (failureType !== undefined && !isFailureType(failureType)) {
    const [near] = suggestNearest(failureType, FAILURE_TYPES);
    return reject(
      `There is no type ${code(failureType, 60)}. ${near === undefined ? `Types are ${FAILURE_TYPES.map((type) => `\`${type}\``).join(', ')}.` : `Did you mean \`${near}\`?`}`,
    );
  }
  const what = [
    ...(images.length > 0 ? [`${counted(images.length, 'image')} by name`] : []),
    ...(failureType === undefined ? [] : [`type ${failureType}`]),
    ...(causeId === undefined ? [] : [`cause ${causeId}`]),
  ];
  return succeed({
    setting: {
      kind: 'failed',
      choice: defined({ images: images.length > 0 ? new Set(images) : undefined, failureType, causeId }),
    },
    what: what.length === 0 ? 'every failed image' : what.join(', '),
  });
}
