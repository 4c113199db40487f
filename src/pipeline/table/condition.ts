import type { Item } from './item.ts';

/** DynamoDB, "Expression parameters": operators and functions of one expression, and bytes of its text. */
const MAX_OPERATORS = 300;
const MAX_EXPRESSION_BYTES = 4_096;
const MAX_CACHED_SHAPES = 1_000;

/** What the conditions of all records with the same attribute names have in common. */
interface Shape {
  /** The members `ConditionExpression` and `ExpressionAttributeNames`. */
  readonly json: string;
  /** Compared attributes: the value of `compared[3]` is `:3`. */
  readonly compared: readonly string[];
}

/**
 * Writes the condition that a record still is its expected version: every attribute but the key is equal (DynamoDB compares
 * lists, maps and sets in full, and numbers by value), and no other name of `attributeNames` is there. A record of more attributes
 * than an expression can hold (about 150; 300 operators, where each comparison, function and AND counts, and 4 KB of text) is
 * compared in as many as fit: those it has come first, in their order.
 */
export function createConditions(attributeNames: ReadonlySet<string>): {
  /** Members of a request's JSON object, without braces: the expression, its names and its values. */
  conditionFor(key: Item, expected: Item | undefined): string;
} {
  const shapes = new Map<string, Shape>();
  let namesThen = attributeNames.size;
  const shapeOf = (key: Item, expected: Item): Shape => {
    if (namesThen !== attributeNames.size || shapes.size >= MAX_CACHED_SHAPES) shapes.clear();
    namesThen = attributeNames.size;
    const id = JSON.stringify(Object.keys(expected));
    const shape = shapes.get(id) ?? buildShape(key, expected, attributeNames);
    shapes.set(id, shape);
    return shape;
  };
  return {
    conditionFor(key, expected) {
      const [hashName = ''] = Object.keys(key);
      if (expected === undefined) return headJson('attribute_not_exists(#k)', { '#k': hashName });
      const shape = shapeOf(key, expected);
      const values = shape.compared.map((name, index) => `":${index}":${JSON.stringify(expected[name])}`);
      const valuesJson = values.length > 0 ? `,"ExpressionAttributeValues":{${values.join(',')}}` : '';
      return shape.json + valuesJson;
    },
  };
}

const headJson = (expression: string, names: Readonly<Record<string, string>>): string =>
  `"ConditionExpression":${JSON.stringify(expression)},"ExpressionAttributeNames":${JSON.stringify(names)}`;

function buildShape(key: Item, expected: Item, attributeNames: ReadonlySet<string>): Shape {
  const own = Object.keys(expected).filter((name) => !Object.hasOwn(key, name));
  const absent = [...attributeNames].filter((name) => !Object.hasOwn(key, name) && !Object.hasOwn(expected, name));
  const clauses: string[] = [];
  const names: Record<string, string> = {};
  let bytes = 0;
  const add = (placeholder: string, name: string, clause: string): boolean => {
    const joined = clause.length + (clauses.length > 0 ? ' AND '.length : 0);
    // With n clauses before it, this one makes n + 1 comparisons or functions and n ANDs.
    if (clauses.length * 2 >= MAX_OPERATORS || bytes + joined > MAX_EXPRESSION_BYTES) return false;
    bytes += joined;
    names[placeholder] = name;
    clauses.push(clause);
    return true;
  };
  const compared = own.filter((name, index) => add(`#${index}`, name, `#${index}=:${index}`));
  const [hashName = ''] = Object.keys(key);
  // Without a comparison the record could be gone.
  if (own.length === 0) add('#k', hashName, 'attribute_exists(#k)');
  for (const [index, name] of absent.entries()) add(`#n${index}`, name, `attribute_not_exists(#n${index})`);
  return { json: headJson(clauses.join(' AND '), names), compared };
}
