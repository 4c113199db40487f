import type { AttributeValue } from '../../pipeline/table/item.ts';
import type { FieldChange } from './diff-entry.ts';

/** Which changes of a record say nothing about what it stands for. They are counted apart from the others. */
export interface NoiseRules {
  /** Names of fields; a name that ends with `*` stands for every name with that beginning. */
  readonly fields: readonly string[];
  /**
   * A field that is absent, NULL or an empty text on both sides has not changed: the import of corrected entries writes an
   * empty ZeroHourReason into every row of its sheet, and the next rescan leaves the field out again (pipeline.md).
   */
  readonly emptyIsAbsent: boolean;
}

/** Fields that are different after every run over the same images. The setting DIFF_IGNORED_FIELDS takes their place. */
export const FIELDS_CHANGED_BY_EVERY_RUN: readonly string[] = [
  'ProcessingTimestamp',
  'ProcessingTimeSeconds',
  'CostEstimateUSD',
  'InputTokens',
  'OutputTokens',
  'ModelId',
  'OCR*',
  'LastUpdated',
];

/** What a change is: `field` and `empty` are noise. */
export type ChangeKind = 'meaningful' | 'field' | 'empty';

/** Sorts changes into noise and others, by these fields and the rules of this pipeline for the rest. */
export function changeKinds(
  fields: readonly string[] = FIELDS_CHANGED_BY_EVERY_RUN,
  { emptyIsAbsent }: Pick<NoiseRules, 'emptyIsAbsent'> = { emptyIsAbsent: true },
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
