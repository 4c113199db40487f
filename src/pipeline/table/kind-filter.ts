import type { Condition } from '../profile/profile.ts';
import type { RecordKind } from '../profile/record-kinds.ts';
import type { AttributeValue, Item } from './item.ts';
import { failedName, type RecordShape } from './records.ts';
import type { Filter } from './scan.ts';

/** DynamoDB's filter of a scan for the records of failed images. */
export const failedFilter = (shape: RecordShape): Filter => filterOf(['failed'], shape);

/** The filter for the records that count as growth of the table. Records of failed images never do. */
export const growthFilter = (shape: RecordShape): Filter => filterOf(shape.profile.growth, shape);

/** The filter for the records to which `kindOfRecord` gives one of these kinds: either entries or failed images are among them, and not both. */
function filterOf(wanted: readonly RecordKind[], shape: RecordShape): Filter {
  const parts = createParts();
  const { profile } = shape;
  const rules = [
    { kind: 'failed' as const, when: [{ attribute: failedName(profile, 'RecordType'), is: profile.failed.mark }] },
    ...profile.kinds,
  ];
  // From the last rule to the first: a rule decides about the records that no rule before it describes.
  const expression = rules.reduceRight((rest: string | boolean, { kind, when }) => {
    const isWanted = wanted.includes(kind);
    if (rest === isWanted) return rest;
    const terms = when.map((condition) => termOf(condition, isWanted, shape, parts));
    const rule = joined(terms, isWanted ? ' AND ' : ' OR ');
    return typeof rest === 'boolean' ? rule : joined([rule, rest], isWanted ? ' OR ' : ' AND ');
  }, wanted.includes('entry'));
  if (typeof expression === 'boolean') throw new Error(`A filter of ${wanted.join()} chooses every record, or none.`);
  return { expression, names: parts.names, values: parts.values };
}

/** DynamoDB refuses parentheses around a single term, and around a whole expression in parentheses. */
const joined = (terms: readonly string[], sign: ' AND ' | ' OR '): string =>
  terms.map((term) => (terms.length > 1 && / AND | OR /.test(term) ? `(${term})` : term)).join(sign);

/** A condition, or its contrary, as an expression. */
function termOf(
  condition: Condition,
  holds: boolean,
  { hash, range }: RecordShape,
  { nameOf, valueFor }: ReturnType<typeof createParts>,
): string {
  if ('key' in condition) {
    // Without a sort key no record begins with the text. Every record has a partition key.
    if (condition.key === 'sort' && range === undefined)
      return `attribute_${holds ? 'not_exists' : 'exists'}(${nameOf(hash)})`;
    const attribute = condition.key === 'partition' ? hash : (range ?? hash);
    return `${holds ? '' : 'NOT '}begins_with(${nameOf(attribute)}, ${valueFor({ S: condition.startsWith })})`;
  }
  const name = nameOf(condition.attribute);
  if ('exists' in condition) return `attribute_${condition.exists === holds ? 'exists' : 'not_exists'}(${name})`;
  if ('startsWith' in condition)
    return `${holds ? '' : 'NOT '}begins_with(${name}, ${valueFor({ S: condition.startsWith })})`;
  const value = valueFor(typeof condition.is === 'boolean' ? { BOOL: condition.is } : { S: condition.is });
  return holds ? `${name} = ${value}` : `attribute_not_exists(${name}) OR ${name} <> ${value}`;
}

/** Names and values of an expression, each once. */
function createParts() {
  const names: Record<string, string> = {};
  const values: Record<string, Item[string]> = {};
  return {
    names,
    values,
    nameOf(attribute: string): string {
      const known = Object.keys(names).find((short) => names[short] === attribute);
      const short = known ?? `#k${Object.keys(names).length}`;
      names[short] = attribute;
      return short;
    },
    valueFor(value: AttributeValue): string {
      const short = `:k${Object.keys(values).length}`;
      values[short] = value;
      return short;
    },
  };
}
