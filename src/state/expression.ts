import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Change, Condition } from './control-table.ts';

type Values = Record<string, AttributeValue>;

export interface Expression {
  /** The update expression of a change; undefined if it changes nothing. */
  update(change: Change): string | undefined;
  /** The condition expression; undefined if anything will do. */
  condition(condition: Condition): string | undefined;
  /** Names and values that the expressions made so far refer to. */
  words(): { ExpressionAttributeNames?: Record<string, string>; ExpressionAttributeValues?: Values };
}

/** Writes update and condition expressions in which every attribute name is an alias: no name is a reserved word. */
export function createExpression(): Expression {
  const names = new Map<string, string>();
  const values: unknown[] = [];
  const name = (attribute: string): string => {
    const alias = names.get(attribute) ?? `#a${names.size}`;
    names.set(attribute, alias);
    return alias;
  };
  const value = (given: unknown): string => `:v${values.push(given) - 1}`;

  return {
    update({ set = {}, remove = [], add = {} }) {
      const clause = (word: string, parts: string[]) => (parts.length > 0 ? [`${word} ${parts.join(', ')}`] : []);
      const sets = Object.entries(set).filter(([, to]) => to !== undefined);
      const clauses = [
        ...clause(
          'SET',
          sets.map(([attribute, to]) => `${name(attribute)} = ${value(to)}`),
        ),
        ...clause('REMOVE', remove.map(name)),
        ...clause(
          'ADD',
          Object.entries(add).map(([attribute, by]) => `${name(attribute)} ${value(by)}`),
        ),
      ];
      return clauses.length > 0 ? clauses.join(' ') : undefined;
    },

    condition({ exists, equals = {}, absent = [], in: among = {}, lessThan = {} }) {
      const parts: string[] = [];
      if (exists !== undefined) parts.push(`${exists ? 'attribute_exists' : 'attribute_not_exists'}(${name('pk')})`);
      for (const [attribute, to] of Object.entries(equals)) parts.push(`${name(attribute)} = ${value(to)}`);
      for (const attribute of absent) parts.push(`attribute_not_exists(${name(attribute)})`);
      for (const [attribute, allowed] of Object.entries(among))
        parts.push(
          allowed.length > 0
            ? `${name(attribute)} IN (${allowed.map(value).join(', ')})`
            : // Nothing is allowed: a condition that never holds.
              `(attribute_exists(${name('pk')}) AND attribute_not_exists(${name('pk')}))`,
        );
      for (const [attribute, limit] of Object.entries(lessThan)) parts.push(`${name(attribute)} < ${value(limit)}`);
      return parts.length > 0 ? parts.join(' AND ') : undefined;
    },

    words() {
      return {
        ...(names.size > 0
          ? { ExpressionAttributeNames: Object.fromEntries([...names].map(([attribute, alias]) => [alias, attribute])) }
          : {}),
        ...(values.length > 0
          ? {
              ExpressionAttributeValues: marshall(Object.fromEntries(values.map((given, at) => [`:v${at}`, given])), {
                removeUndefinedValues: true,
              }),
            }
          : {}),
      };
    },
  };
}
