import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { defined } from '../../lib/defined.ts';
import { previousNamesOf } from './previous-names.ts';

/**
 * What must hold for a write: all of it. An absent attribute is equal to nothing and less than nothing. An attribute is
 * also found under its names of earlier versions.
 */
export interface Condition {
  /** Whether the entry exists. */
  readonly exists?: boolean;
  readonly equals?: Record<string, string | number | boolean>;
  readonly absent?: string[];
  readonly in?: Record<string, (string | number)[]>;
  readonly lessThan?: Record<string, number>;
  /** Holds also where the attribute is absent. */
  readonly atMost?: Record<string, number>;
}

export interface Change {
  /**
   * Attributes whose value is undefined are ignored. Setting an attribute removes it under the names of earlier
   * versions.
   */
  readonly set?: Record<string, unknown>;
  /** Removes the attributes under the names of earlier versions, too. */
  readonly remove?: string[];
  /** Numbers that are added to the attributes; an absent attribute counts as 0. */
  readonly add?: Record<string, number>;
}

export interface ExpressionBuilder {
  /** The update expression of a change; undefined when it changes nothing. */
  update(change: Change): string | undefined;
  /** The condition expression; undefined when the condition always holds. */
  condition(condition: Condition): string | undefined;
  /** The attribute names and values of all expressions that were built so far. */
  parameters(): {
    ExpressionAttributeNames?: Record<string, string>;
    ExpressionAttributeValues?: Record<string, AttributeValue>;
  };
}

const withPreviousNames = (attribute: string): readonly string[] => [attribute, ...previousNamesOf(attribute)];

/** Builds update and condition expressions. Every attribute name gets an alias, so reserved words can be used. */
export function createExpressionBuilder(): ExpressionBuilder {
  const aliases = new Map<string, string>();
  const values: unknown[] = [];
  const aliasOf = (attribute: string): string => {
    const alias = aliases.get(attribute) ?? `#a${aliases.size}`;
    aliases.set(attribute, alias);
    return alias;
  };
  const parameterFor = (value: unknown): string => `:v${values.push(value) - 1}`;
  const underAnyName = (attribute: string, condition: (alias: string) => string): string => {
    const conditions = withPreviousNames(attribute).map((name) => condition(aliasOf(name)));
    return conditions.length === 1 ? conditions.join() : `(${conditions.join(' OR ')})`;
  };

  return {
    update({ set = {}, remove = [], add = {} }) {
      const clause = (keyword: string, parts: string[]) => (parts.length > 0 ? [`${keyword} ${parts.join(', ')}`] : []);
      const toSet = Object.entries(set).filter(([, value]) => value !== undefined);
      const removed = [
        ...remove.flatMap(withPreviousNames),
        ...toSet.flatMap(([attribute]) => previousNamesOf(attribute)),
      ];
      const clauses = [
        ...clause(
          'SET',
          toSet.map(([attribute, value]) => `${aliasOf(attribute)} = ${parameterFor(value)}`),
        ),
        ...clause('REMOVE', removed.map(aliasOf)),
        ...clause(
          'ADD',
          Object.entries(add).map(([attribute, amount]) => `${aliasOf(attribute)} ${parameterFor(amount)}`),
        ),
      ];
      return clauses.length > 0 ? clauses.join(' ') : undefined;
    },

    condition({ exists, equals = {}, absent = [], in: oneOf = {}, lessThan = {}, atMost = {} }) {
      const parts: string[] = [];
      if (exists !== undefined) parts.push(`${exists ? 'attribute_exists' : 'attribute_not_exists'}(${aliasOf('pk')})`);
      for (const [attribute, value] of Object.entries(equals))
        parts.push(underAnyName(attribute, (name) => `${name} = ${parameterFor(value)}`));
      for (const attribute of absent.flatMap(withPreviousNames))
        parts.push(`attribute_not_exists(${aliasOf(attribute)})`);
      for (const [attribute, allowed] of Object.entries(oneOf))
        parts.push(
          allowed.length > 0
            ? underAnyName(attribute, (name) => `${name} IN (${allowed.map(parameterFor).join(', ')})`)
            : // No value is allowed: a condition that never holds.
              `(attribute_exists(${aliasOf('pk')}) AND attribute_not_exists(${aliasOf('pk')}))`,
        );
      for (const [attribute, limit] of Object.entries(lessThan))
        parts.push(underAnyName(attribute, (name) => `${name} < ${parameterFor(limit)}`));
      for (const [attribute, limit] of Object.entries(atMost))
        parts.push(`(attribute_not_exists(${aliasOf(attribute)}) OR ${aliasOf(attribute)} <= ${parameterFor(limit)})`);
      return parts.length > 0 ? parts.join(' AND ') : undefined;
    },

    parameters() {
      const names = Object.fromEntries([...aliases].map(([attribute, alias]) => [alias, attribute]));
      const named = Object.fromEntries(values.map((value, index) => [`:v${index}`, value]));
      return defined({
        ExpressionAttributeNames: aliases.size > 0 ? names : undefined,
        ExpressionAttributeValues: values.length > 0 ? marshall(named, { removeUndefinedValues: true }) : undefined,
      });
    },
  };
}
