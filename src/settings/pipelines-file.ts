import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar } from 'yaml';
import {
  type Contradiction,
  isSecret,
  problemLine,
  readValues,
  type Schema,
  type ValuesOf,
} from '../lib/environment.ts';
import { suggestNearest } from '../lib/nearest.ts';
import { redact } from '../lib/redact.ts';
import { type Result, refuse, succeed } from '../lib/result.ts';
import { PROFILE_KEY } from './profiles.ts';

/** A pipeline of the file. */
export interface PipelineEntry<S extends Schema, C extends Schema> {
  readonly name: string;
  readonly values: ValuesOf<S>;
  readonly connection: ValuesOf<C>;
}

/** A setting of a pipeline that is not allowed beside one of another pipeline. */
export interface Clash {
  readonly name: string;
  readonly variable: string;
  readonly allowed: string;
}

/** A setting as the file has it. */
interface Given {
  readonly text: string;
  readonly line: number;
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$/;
const NAME_ALLOWED = '1 to 30 of a-z 0-9 -, neither first nor last a -';
const TOP_KEYS = ['defaults', 'pipelines'];

/**
 * Reads the file of pipelines: `pipelines` holds the settings of each pipeline under its name, `defaults` what applies to
 * each that does not set it. The keys are the names of the environment variables. Every value is read as the text that the
 * file shows: `0010` stays `0010`; a list stands for its parts, separated by commas. A map under `profile` is left to `profileOf`.
 * @returns the pipelines in the order of the file, or one line for each problem: file, line, pipeline, setting, allowed
 */
export function readPipelinesFile<S extends Schema, C extends Schema>(parts: {
  readonly file: string;
  /** @throws when the file cannot be read */
  readonly readFile: (path: string) => string;
  readonly schema: S;
  readonly connection: C;
  /** What belongs in the environment and not in the file. */
  readonly process: Schema;
  readonly contradictions: (settings: Partial<ValuesOf<S>>) => readonly Contradiction[];
  readonly clashes: (pipelines: readonly PipelineEntry<S, C>[]) => readonly Clash[];
}): Result<readonly PipelineEntry<S, C>[], readonly string[]> {
  const { file, schema, connection } = parts;
  let text: string;
  try {
    text = parts.readFile(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refuse([`PIPELINES_FILE is ${JSON.stringify(file)}, which cannot be read: ${why}. Allowed: a YAML file.`]);
  }
  const problems: string[] = [];
  const report = (line: number, pipeline: string | undefined, problem: string) =>
    problems.push(`${file} line ${line}: ${pipeline === undefined ? '' : `${pipeline}: `}${problem}`);
  const pairsOf = createMapReader(text, report);
  const variables = [...Object.values(schema), ...Object.values(connection)].map(({ variable }) => variable);
  const ofProcess = new Set(Object.values(parts.process).map(({ variable }) => variable));

  function readSettings(pipeline: string, node: Node | undefined, line: number): ReadonlyMap<string, Given> {
    const given = new Map<string, Given>();
    for (const [key, value, at] of pairsOf(node, line, pipeline)) {
      if (key === PROFILE_KEY && pipeline !== 'defaults' && isMap(value)) continue;
      if (ofProcess.has(key) || (isSecret(key) && !variables.includes(key)))
        report(at, pipeline, `${key} does not belong in this file. Allowed: in the environment of the process.`);
      else if (!variables.includes(key)) report(at, pipeline, unknownKey(key, variables));
      else {
        const found = textOf(value);
        if (found === undefined)
          report(
            at,
            pipeline,
            `${key} has no value. Allowed: a text, a number or a list of them. Else remove the key.`,
          );
        else given.set(key, { text: found, line: at });
      }
    }
    return given;
  }

  const top = new Map<string, { readonly node: Node | undefined; readonly line: number }>();
  for (const [key, node, line] of pairsOf('document', 1, undefined))
    if (TOP_KEYS.includes(key)) top.set(key, { node, line });
    else report(line, undefined, unknownKey(key, TOP_KEYS));
  const defaults = top.get('defaults');
  const common = defaults ? readSettings('defaults', defaults.node, defaults.line) : new Map<string, Given>();
  const listed = top.get('pipelines');
  const entries: PipelineEntry<S, C>[] = [];
  /** Where each pipeline begins, and what it sets, also those with problems. */
  const starts = new Map<string, number>();
  const texts = new Map<string, (variable: string) => Given | undefined>();

  for (const [name, node, line] of listed ? pairsOf(listed.node, listed.line, undefined) : []) {
    if (!NAME.test(name) || name === 'defaults')
      report(
        line,
        undefined,
        `the pipeline name is ${JSON.stringify(name)}. Allowed: ${NAME_ALLOWED}, and not defaults.`,
      );
    const own = readSettings(name, node, line);
    const find = (variable: string) => own.get(variable) ?? common.get(variable);
    const lineOf = (variable: string) => find(variable)?.line ?? line;
    const givenText = (variable: string) => find(variable)?.text ?? '';
    const values = readValues(schema, givenText, parts.contradictions);
    const account = readValues(connection, givenText, () => []);
    for (const read of [values, account])
      if (!read.ok) for (const problem of read.refusal) report(lineOf(problem.variable), name, redact(problem.line));
    texts.set(name, find);
    starts.set(name, line);
    if (values.ok && account.ok) entries.push({ name, values: values.value, connection: account.value });
  }
  if (starts.size === 0 && problems.length === 0)
    report(listed?.line ?? 1, undefined, 'no pipeline is described. Allowed: at least one name under `pipelines`.');
  const defaultOf = new Map(Object.values(schema).map(({ variable, defaultText }) => [variable, defaultText]));
  for (const { name, variable, allowed } of parts.clashes(entries)) {
    const given = texts.get(name)?.(variable);
    const line = given?.line ?? starts.get(name) ?? 1;
    report(line, name, problemLine(variable, given?.text ?? '', allowed, defaultOf.get(variable)));
  }
  return problems.length > 0 ? refuse(problems) : succeed(entries);
}

function unknownKey(key: string, known: readonly string[]): string {
  const [nearest] = suggestNearest(key, known);
  return `${JSON.stringify(key.slice(0, 60))} is not known. Allowed: ${nearest ?? `a setting of docs/settings.md, such as ${known[0]}`}.`;
}

/** The text of a value; undefined for nothing and for what is neither a text nor a list of texts. */
function textOf(node: Node | undefined): string | undefined {
  if (isScalar(node)) {
    const text = typeof node.value === 'string' ? node.value.trim() : '';
    // Only quotes say that an empty text is meant.
    return text === '' && node.type === Scalar.PLAIN ? undefined : text;
  }
  if (!isSeq(node)) return undefined;
  const parts = node.items.map((item) => (isScalar(item) && typeof item.value === 'string' ? item.value.trim() : ''));
  return parts.length === 0 || parts.some((part) => part === '' || part.includes(',')) ? undefined : parts.join(',');
}

type Pair = readonly [key: string, value: Node | undefined, line: number];

/** Reads the maps of a YAML text. Nothing is lost: what is no map, no key or given twice is reported. */
function createMapReader(
  text: string,
  report: (line: number, pipeline: string | undefined, problem: string) => void,
): (node: Node | undefined | 'document', line: number, pipeline: string | undefined) => readonly Pair[] {
  const counter = new LineCounter();
  // Every plain value is a text, so that ids and versions stay as they are written.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: counter, uniqueKeys: false });
  for (const { message, pos } of document.errors)
    report(counter.linePos(pos[0]).line, undefined, `this is not YAML: ${message.split('\n')[0] ?? ''}`);
  const isBroken = document.errors.length > 0;

  return (asked, line, pipeline) => {
    if (isBroken) return [];
    const node = asked === 'document' ? (document.contents ?? undefined) : asked;
    const map = isAlias(node) ? node.resolve(document) : node;
    if (!isMap(map)) {
      report(line, pipeline, 'settings are expected here. Allowed: lines of the form NAME: value.');
      return [];
    }
    const seen = new Map<string, number>();
    return map.items.flatMap(({ key, value }): Pair[] => {
      const at = isScalar(key) && key.range ? counter.linePos(key.range[0]).line : line;
      const name = isScalar(key) && typeof key.value === 'string' ? key.value : '';
      const before = seen.get(name);
      if (before !== undefined) {
        report(at, pipeline, `${JSON.stringify(name)} is given twice, first in line ${before}. Allowed: once.`);
        return [];
      }
      seen.set(name, at);
      const found = isAlias(value) ? value.resolve(document) : value;
      return [[name, isScalar(found) || isSeq(found) || isMap(found) ? found : undefined, at]];
    });
  };
}
