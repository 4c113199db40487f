import { isRecord, type JsonRecord } from './json.ts';

/** The surfaces that can show blocks. */
export type Surface = 'message' | 'modal' | 'home';

/** A rule for a value. Rules are data; `check` applies them. */
export type Rule =
  | { readonly kind: 'string'; readonly min?: number; readonly max?: number; readonly oneOf?: readonly string[] }
  | { readonly kind: 'number'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'anything' }
  | { readonly kind: 'text'; readonly types: readonly string[]; readonly max: number }
  | { readonly kind: 'list'; readonly of: Rule; readonly min: number; readonly max: number }
  | { readonly kind: 'fields'; readonly of: Fields }
  /** An object whose `type` is one of `allowed`, with the fields that `catalogue` lists for it. */
  | {
      readonly kind: 'typed';
      readonly catalogue: 'block' | 'element' | 'rich' | 'cell' | 'chart';
      readonly allowed: readonly string[];
    };

export interface Fields {
  readonly required?: Readonly<Record<string, Rule>>;
  readonly optional?: Readonly<Record<string, Rule>>;
  /** At least one of these fields is required. */
  readonly someOf?: readonly string[];
}

export type Catalogue = Readonly<Record<string, Fields>>;
export type Catalogues = Readonly<Record<'block' | 'element' | 'rich' | 'cell' | 'chart', Catalogue>>;

/** One problem and its place as a JSON pointer. */
export interface Problem {
  readonly message: string;
  readonly pointer: string;
}

export const string = (max?: number, min = 0): Rule => ({ kind: 'string', min, ...(max === undefined ? {} : { max }) });
export const oneOf = (...values: string[]): Rule => ({ kind: 'string', oneOf: values });
export const whole = (min: number, max: number): Rule => ({ kind: 'number', min, max });
export const boolean: Rule = { kind: 'boolean' };
export const anything: Rule = { kind: 'anything' };
export const plainText = (max: number): Rule => ({ kind: 'text', types: ['plain_text'], max });
export const mrkdwn = (max: number): Rule => ({ kind: 'text', types: ['mrkdwn'], max });
export const anyText = (max: number): Rule => ({ kind: 'text', types: ['plain_text', 'mrkdwn'], max });
export const list = (of: Rule, min: number, max: number): Rule => ({ kind: 'list', of, min, max });
export const object = (of: Fields): Rule => ({ kind: 'fields', of });
export const typed = (catalogue: keyof Catalogues, allowed: readonly string[]): Rule => ({
  kind: 'typed',
  catalogue,
  allowed,
});

const TEXT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  plain_text: ['type', 'text', 'emoji'],
  mrkdwn: ['type', 'text', 'verbatim'],
};

/** Every violation of `rule`, in Slack's wording, with its pointer. */
export function check(value: unknown, rule: Rule, pointer: string, catalogues: Catalogues): Problem[] {
  const wrong = (message: string, at = pointer): Problem[] => [{ message, pointer: at }];
  switch (rule.kind) {
    case 'anything':
      return [];
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('must be a boolean');
    case 'number':
      if (typeof value !== 'number') return wrong('must be a number');
      if (rule.min !== undefined && value < rule.min) return wrong(`must be greater than ${rule.min - 1}`);
      return rule.max !== undefined && value > rule.max ? wrong(`must be less than ${rule.max + 1}`) : [];
    case 'string':
      return typeof value === 'string' ? checkString(value, rule, wrong) : wrong('must be a string');
    case 'text': {
      if (!isRecord(value)) return wrong('must be an object');
      const allowed = TEXT_FIELDS[String(value.type)];
      if (!allowed || !rule.types.includes(String(value.type)))
        return wrong(`must be a valid enum value: ${rule.types.join(', ')}`, `${pointer}/type`);
      return [
        ...Object.keys(value)
          .filter((key) => !allowed.includes(key))
          .flatMap((key) => wrong(`invalid additional property: ${key}`)),
        ...check(value.text, string(rule.max, 1), `${pointer}/text`, catalogues),
      ];
    }
    case 'list':
      if (!Array.isArray(value)) return wrong('must be an array');
      if (value.length > rule.max) return wrong(`no more than ${rule.max} items allowed`);
      if (value.length < rule.min) return wrong(`no fewer than ${rule.min} items allowed`);
      return value.flatMap((entry, index) => check(entry, rule.of, `${pointer}/${index}`, catalogues));
    case 'fields':
      return isRecord(value) ? checkFields(value, rule.of, pointer, catalogues) : wrong('must be an object');
    case 'typed': {
      if (!isRecord(value)) return wrong('must be an object');
      const type = String(value.type);
      const fields = rule.allowed.includes(type) ? catalogues[rule.catalogue][type] : undefined;
      if (!fields) return wrong(`unsupported type: ${type}`, `${pointer}/type`);
      return checkFields(value, { ...fields, optional: { ...fields.optional, type: string() } }, pointer, catalogues);
    }
  }
}

function checkString(
  value: string,
  rule: Extract<Rule, { kind: 'string' }>,
  wrong: (message: string) => Problem[],
): Problem[] {
  if (rule.oneOf && !rule.oneOf.includes(value)) return wrong(`must be a valid enum value: ${rule.oneOf.join(', ')}`);
  // Slack counts code points: an emoji outside of the basic plane counts as one character.
  const length = value.length > (rule.max ?? Number.POSITIVE_INFINITY) ? [...value].length : value.length;
  if (rule.max !== undefined && length > rule.max) return wrong(`must be less than ${rule.max + 1} characters`);
  return rule.min !== undefined && length < rule.min ? wrong(`must be more than ${rule.min - 1} characters`) : [];
}

function checkFields(value: JsonRecord, fields: Fields, pointer: string, catalogues: Catalogues): Problem[] {
  const known = { ...fields.required, ...fields.optional };
  const problems: Problem[] = [];
  for (const name of Object.keys(fields.required ?? {}))
    if (value[name] === undefined) problems.push({ message: `missing required field: ${name}`, pointer });
  if (fields.someOf && !fields.someOf.some((name) => value[name] !== undefined))
    problems.push({ message: `must define at least one of: ${fields.someOf.join(', ')}`, pointer });
  for (const [name, entry] of Object.entries(value)) {
    const rule = known[name];
    if (!rule) problems.push({ message: `invalid additional property: ${name}`, pointer });
    else if (entry !== undefined) problems.push(...check(entry, rule, `${pointer}/${name}`, catalogues));
  }
  return problems;
}
