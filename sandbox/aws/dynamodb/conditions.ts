import { type Condition, type Item, matches, type Value, validationError, valueAt } from './store.ts';

const MAX_OPERATORS = 300;
const MAX_EXPRESSION_BYTES = 4_096;

/** @throws DynamoDbError as DynamoDB does for an expression beyond its limits (4 KB of text). */
export function refuseLongExpression(expression: unknown, parameter: string): void {
  const size = typeof expression === 'string' ? Buffer.byteLength(expression) : 0;
  if (size > MAX_EXPRESSION_BYTES)
    throw validationError(
      `Invalid ${parameter}: Expression size has exceeded the maximum allowed size; expression size: ${size}`,
    );
}

/** @throws DynamoDbError as DynamoDB does for more than 300 operators; each comparison, function, AND, OR and NOT counts. */
export function refuseManyOperators(condition: Condition): void {
  const count = countOperators(condition);
  if (count > MAX_OPERATORS)
    throw validationError(
      `Invalid ConditionExpression: The expression contains too many operators; operator count: ${count}`,
    );
}

function countOperators(root: Condition): number {
  let count = 0;
  const left: Condition[] = [root];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    count += 1;
    left.push(...node.args.filter(isCondition));
  }
  return count;
}

const isCondition = (operand: unknown): operand is Condition =>
  typeof operand === 'object' && operand !== null && 'args' in operand;
const isPath = (operand: unknown): operand is readonly unknown[] => Array.isArray(operand);
const isValue = (operand: unknown): operand is Value => typeof operand === 'object' && operand !== null;

/** Whether the condition holds for an item. dynalite does not compare lists, maps and sets as DynamoDB does: that is done here. */
export function holds(item: Item, condition: Condition): boolean {
  const [first, ...others] = condition.args;
  switch (condition.type) {
    case 'and':
      return condition.args.every((part) => isCondition(part) && holds(item, part));
    case 'or':
      return condition.args.some((part) => isCondition(part) && holds(item, part));
    case 'not':
      return !(isCondition(first) && holds(item, first));
    case '=':
    case '<>':
    case 'in': {
      if (condition.args.some(isCondition)) return matches(item, condition);
      const value = operandValue(item, first);
      const isEqual = others.some((other) => sameValue(value, operandValue(item, other)));
      return condition.type === '<>' ? !isEqual : isEqual;
    }
    default:
      return matches(item, condition);
  }
}

const operandValue = (item: Item, operand: unknown): Value | undefined =>
  isPath(operand) ? valueAt(operand, item) : isValue(operand) ? operand : undefined;

const sameValue = (a: Value | undefined, b: Value | undefined): boolean =>
  a !== undefined && b !== undefined && comparable(a) === comparable(b);

/** The same text for values that DynamoDB holds equal. */
function comparable(value: Value): string {
  const [[type, content] = ['', undefined]] = Object.entries(value);
  switch (type) {
    case 'N':
      return `N ${plainNumber(String(content))}`;
    case 'B':
      return `B ${plainBinary(String(content))}`;
    case 'SS':
      return `SS ${JSON.stringify(texts(content).toSorted())}`;
    case 'NS':
      return `NS ${JSON.stringify(texts(content).map(plainNumber).toSorted())}`;
    case 'BS':
      return `BS ${JSON.stringify(texts(content).map(plainBinary).toSorted())}`;
    case 'L':
      return `L ${JSON.stringify((Array.isArray(content) ? content : []).map(comparable))}`;
    case 'M':
      return `M ${JSON.stringify(
        Object.entries(isMap(content) ? content : {})
          .map(([name, member]) => [name, comparable(member)] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      )}`;
    default:
      return `${type} ${JSON.stringify(content)}`;
  }
}

const isMap = (content: unknown): content is Readonly<Record<string, Value>> =>
  typeof content === 'object' && content !== null;
const texts = (content: unknown): string[] => (Array.isArray(content) ? content.map(String) : []);
const plainBinary = (base64: string): string => Buffer.from(base64, 'base64').toString('base64');

function plainNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign === '-' ? '-' : ''}${significant}E${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
