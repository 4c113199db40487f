import { defined } from '../../../lib/defined.ts';
import { succeed } from '../../../lib/result.ts';
import { ENGINE_KINDS, type EngineKind, type ImageSelection, type PaceSetting } from '../../../run/model/types.ts';
import { parsePace } from '../../../run/plan/pace-setting.ts';
import { code, escapeMrkdwn } from '../../messages/kit/escape.ts';
import { count } from '../../messages/kit/format.ts';
import { type Read, readOptions, reject, splitArguments } from './options.ts';
import { plainValue, plainWord } from './typed.ts';

/** The run that `/rescan start` or its form asks for. */
export interface RunRequest {
  readonly selection: ImageSelection;
  /** Undefined: the setting PACE. */
  readonly paceSetting?: PaceSetting;
  /** Undefined: the setting RUN_ENGINE. */
  readonly engine?: EngineKind;
  /** No flush is required: the table keeps its records. */
  readonly keep?: true;
}

export type RequestField = 'prefix' | 'limit' | 'sample' | 'seed' | 'pace' | 'engine';
export type RequestTexts = Readonly<Partial<Record<RequestField, string>>>;
export type RequestProblem = { readonly field: RequestField; readonly line: string };

const OPTIONS = ['prefix', 'limit', 'sample', 'seed', 'pace', 'batch', 'delay', 'engine'] as const;
const MOST_IMAGES = 1_000_000_000;
const MOST_SEED = 4_294_967_295;
/** S3's limit of a key, UTF-8 bytes. */
const MOST_PREFIX_BYTES = 1_024;

/** Reads `keep prefix=a/b limit=50 sample=20 seed=7 pace=60`, or `batch=20 delay=30s` for the pace. */
export function readStartText(line: string): Read<RunRequest> {
  const words = splitArguments(line);
  return words.ok ? readStartWords(words.value) : words;
}

/** The same from the words of a line. */
export function readStartWords(words: readonly string[]): Read<RunRequest> {
  const isKeep = (word: string) => plainWord(word) === 'keep';
  const options = readOptions(
    words.filter((word) => !isKeep(word)),
    OPTIONS,
    ['keep'],
  );
  if (!options.ok) return options;
  const { value: given } = options;
  const inBatches = (['batch', 'delay'] as const).filter((name) => given.has(name));
  if (inBatches.length > 0 && given.has('pace'))
    return reject('Give either `pace=` or `batch=` and `delay=`, not both.');
  const pace = given.get('pace') ?? inBatches.map((name) => `${name}=${given.get(name)}`).join(' ');
  const texts = { ...pick(given, ['prefix', 'limit', 'sample', 'seed', 'engine']), ...(pace === '' ? {} : { pace }) };
  const read = readRequest(texts);
  if (read.ok && words.some(isKeep)) return succeed({ ...read.value, keep: true });
  return read.ok ? read : reject(read.problems.map((problem) => problem.line).join('\n'));
}

/** Reads all fields and returns every problem with its field. */
export function readRequest(
  texts: RequestTexts,
): { ok: true; value: RunRequest } | { ok: false; problems: readonly RequestProblem[] } {
  const problems: RequestProblem[] = [];
  const whole = (field: 'limit' | 'sample' | 'seed', least: number, most: number): number | undefined => {
    const text = texts[field];
    if (text === undefined) return;
    const meant = plainValue(text);
    const n = /^-?\d{1,30}$/.test(meant) ? Number(meant) : Number.NaN;
    if (n >= least && n <= most) return n;
    problems.push({
      field,
      line: Number.isNaN(n)
        ? `${code(`${field}=${text}`, 60)} is not a whole number.`
        : `${code(`${field}=${text}`, 60)} is not from ${count(least)} to ${count(most)}.`,
    });
    return;
  };
  const limit = whole('limit', 1, MOST_IMAGES);
  const sample = whole('sample', 1, MOST_IMAGES);
  const seed = whole('seed', 0, MOST_SEED);
  const { prefix } = texts;
  if (prefix !== undefined && Buffer.byteLength(prefix) > MOST_PREFIX_BYTES)
    problems.push({
      field: 'prefix',
      line: `\`prefix=\` is longer than a key in S3 can be (${count(MOST_PREFIX_BYTES)} bytes).`,
    });
  if (texts.seed !== undefined && texts.sample === undefined)
    problems.push({ field: 'seed', line: '`seed=` works only with `sample=`.' });
  const pace = texts.pace === undefined ? undefined : parsePace(plainValue(texts.pace).split(' '));
  if (pace && !pace.ok) problems.push({ field: 'pace', line: escapeMrkdwn(pace.refusal) });
  const engine = texts.engine === undefined ? undefined : readEngine(texts.engine);
  if (engine && !engine.ok) problems.push({ field: 'engine', line: engine.line });
  if (problems.length > 0) return { ok: false, problems };
  const selection = defined({ prefix, limit, sample, seed });
  const paceSetting = pace?.ok ? pace.value : undefined;
  return succeed(defined({ selection, paceSetting, engine: engine?.ok ? engine.value : undefined }));
}

/** Reads what a person typed behind `engine=`. */
export function readEngine(text: string): Read<EngineKind> {
  const meant = plainValue(text)
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '-');
  const engine = ENGINE_KINDS.find((kind) => kind === meant);
  if (engine) return succeed(engine);
  return reject(`${code(`engine=${text}`, 60)} is no engine. Engines: \`local\` (the bot), \`step-functions\` (AWS).`);
}

function pick<Name extends string, Chosen extends Name>(
  values: ReadonlyMap<Name, string>,
  names: readonly Chosen[],
): Partial<Record<Chosen, string>> {
  const picked: Partial<Record<Chosen, string>> = {};
  for (const name of names) {
    const value = values.get(name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
