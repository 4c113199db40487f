import type { Profile } from '../../pipeline/profile/profile.ts';
import type { AttributeValue } from '../../pipeline/table/item.ts';
import type { FieldChange } from './diff-entry.ts';

/** What a change is: `field` and `empty` are noise. */
export type ChangeKind = 'meaningful' | 'field' | 'empty';

/**
 * Sorts changes into noise, which says nothing about what a record stands for, and others. `fields`: those that are noise; a name that
 * ends with `*` stands for every name with that beginning. `emptyIsAbsent`: a field that is absent, NULL or an empty text on both sides
 * has not changed.
 */
export function changeKinds(
  fields: readonly string[],
  { emptyIsAbsent }: Pick<Profile, 'emptyIsAbsent'>,
): (change: FieldChange) => ChangeKind {
  const names = new Set(fields.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = fields.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return ({ name, before, after }) => {
    if (names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) return 'field';
    return emptyIsAbsent && isEmpty(before) && isEmpty(after) ? 'empty' : 'meaningful';
  };
}

const isEmpty = (value: AttributeValue | undefined): boolean =>
  value === undefined || 'NULL' in value || ('S' in value && value.S === '');
