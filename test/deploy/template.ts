import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CollectionTag, parse, type ScalarTag } from 'yaml';
import { z } from 'zod';

const PATH = fileURLToPath(new URL('../../deploy/cloudformation.yml', import.meta.url));

/** A reference of the template to a parameter, a resource, a condition or a mapping. */
export interface Reference {
  readonly kind: 'Ref' | 'GetAtt' | 'Condition' | 'Mapping';
  readonly name: string;
}

const scalar = (tag: string): ScalarTag => ({
  tag: `!${tag}`,
  resolve: (text) => ({ [tag === 'Ref' ? tag : `Fn::${tag}`]: text }),
});
const list = (tag: string): CollectionTag => ({
  tag: `!${tag}`,
  collection: 'seq',
  resolve: (items) => ({ [`Fn::${tag}`]: items.toJSON() }),
});
const TAGS = [
  ...['Ref', 'Sub', 'GetAtt'].map(scalar),
  ...['If', 'Equals', 'Not', 'And', 'Or', 'Join', 'Sub', 'FindInMap'].map(list),
];

const anyObject = z.record(z.string(), z.unknown());
const templateSchema = z.object({
  Parameters: z.record(z.string(), z.looseObject({ Default: z.union([z.string(), z.number()]).optional() })),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.string()))),
  Conditions: anyObject,
  Resources: z.record(
    z.string(),
    z.looseObject({
      Type: z.string(),
      Properties: anyObject,
      Condition: z.string().optional(),
      DependsOn: z.string().optional(),
    }),
  ),
  Outputs: anyObject,
});
export type Template = z.infer<typeof templateSchema>;

export const templateText = (): string => readFileSync(PATH, 'utf8');

/** The template with its short forms (`!Ref X`) written in full (`{ Ref: X }`). */
export const readTemplate = (): Template =>
  templateSchema.parse(JSON.parse(JSON.stringify(parse(templateText(), { customTags: TAGS }))));

/** Every value inside a part of the template, also the part itself. */
export function* values(part: unknown): Generator<unknown> {
  yield part;
  if (typeof part === 'object' && part !== null) for (const value of Object.values(part)) yield* values(value);
}

/** The names in a text for `Fn::Sub`. */
const inText = (text: string): readonly Reference[] =>
  [...text.matchAll(/\$\{([^}!]+)\}/g)].map(([, name = '']) =>
    name.includes('.') ? { kind: 'GetAtt', name: name.slice(0, name.indexOf('.')) } : { kind: 'Ref', name },
  );

/** Everything that a part of the template refers to. */
export function references(part: unknown): readonly Reference[] {
  const found: Reference[] = [];
  for (const value of values(part)) {
    const parsed = z.record(z.string(), z.unknown()).safeParse(value);
    if (!parsed.success) continue;
    const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::Sub': text, 'Fn::If': choice, 'Fn::FindInMap': map } = parsed.data;
    if (typeof ref === 'string') found.push({ kind: 'Ref', name: ref });
    if (typeof attribute === 'string') found.push({ kind: 'GetAtt', name: attribute.split('.')[0] ?? '' });
    if (typeof text === 'string') found.push(...inText(text));
    if (Array.isArray(text)) {
      const own = Object.keys(z.record(z.string(), z.unknown()).parse(text[1]));
      found.push(...inText(String(text[0])).filter(({ name }) => !own.includes(name)));
    }
    if (Array.isArray(map)) found.push({ kind: 'Mapping', name: String(map[0]) });
    if (Array.isArray(choice) && typeof choice[0] === 'string') found.push({ kind: 'Condition', name: choice[0] });
  }
  return found;
}

const isObject = z.record(z.string(), z.unknown());

/**
 * The value of a part of the template: `Ref`, `Fn::Sub`, `Fn::If` and `Fn::FindInMap` are carried out. A name without a
 * given value stays as it is.
 */
export function evaluate(
  part: unknown,
  given: Readonly<Record<string, unknown>>,
  conditions: ReadonlySet<string>,
  mappings: Template['Mappings'] = {},
): unknown {
  const inner = (value: unknown) => evaluate(value, given, conditions, mappings);
  if (Array.isArray(part)) return part.map(inner).filter((item) => item !== undefined);
  const parsed = isObject.safeParse(part);
  if (!parsed.success) return part;
  const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::Sub': sub, 'Fn::If': choice, 'Fn::FindInMap': map } = parsed.data;
  if (ref === 'AWS::NoValue') return undefined;
  if (typeof attribute === 'string') return given[attribute] ?? attribute;
  if (typeof ref === 'string') return given[ref] ?? ref;
  if (Array.isArray(choice)) return inner(conditions.has(String(choice[0])) ? choice[1] : choice[2]);
  if (Array.isArray(map)) {
    const [name, first, second] = map.map((key) => String(inner(key)));
    return mappings[name ?? '']?.[first ?? '']?.[second ?? ''];
  }
  if (sub !== undefined) {
    const [text, own] = Array.isArray(sub) ? [String(sub[0]), isObject.parse(inner(sub[1]))] : [String(sub), {}];
    const values: Readonly<Record<string, unknown>> = { ...given, ...own };
    return text.replaceAll(/\$\{([^}!]+)\}/g, (_, name: string) => String(values[name] ?? name));
  }
  return Object.fromEntries(
    Object.entries(parsed.data)
      .map(([key, value]): [string, unknown] => [key, inner(value)])
      .filter(([, value]) => value !== undefined),
  );
}
