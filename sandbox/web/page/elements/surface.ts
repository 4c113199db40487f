import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import type { Names } from '../blocks/mrkdwn.ts';
import { plainText } from '../blocks/text.ts';

/** Where blocks stand: a message or a view, seen by one person. */
export interface Surface {
  /** Unique on the page. */
  readonly id: string;
  /** How the people's side names it: `{ts, channel}` or `{viewId}`. */
  readonly place: JsonRecord;
  readonly user: string;
  readonly names: Names;
  /** Whom and what a select of people or channels offers. */
  readonly people: readonly Choice[];
  readonly channels: readonly Choice[];
  /** What a form holds until it is sent as a whole; undefined where nothing was entered. */
  readonly held?: (blockId: string, actionId: string) => unknown;
  readonly hold?: (blockId: string, actionId: string, value: unknown) => void;
  /** By block id. */
  readonly errors?: Readonly<Record<string, string>>;
  /** Told what an action came to. */
  readonly onAnswer: (answer: JsonRecord) => void;
}

/** How an element of an input block hangs together with its label, its hint and its error. */
export interface Field {
  readonly id: string;
  readonly invalid: boolean;
  readonly describedBy?: string;
}

export interface ElementProps {
  readonly element: JsonRecord;
  readonly block: JsonRecord;
  readonly surface: Surface;
  /** Only in an input block. */
  readonly field?: Field;
}

/** Something that can be chosen. */
export interface Choice {
  readonly value: string;
  readonly text: string;
  readonly description?: string;
  readonly group?: string;
}

/** The options of an element, those of its groups with the group's name. */
export const choicesOf = (element: JsonRecord): readonly Choice[] => [
  ...recordsOf(element.options).map((option) => choice(option)),
  ...recordsOf(element.option_groups).flatMap((group) =>
    recordsOf(group.options).map((option) => choice(option, plainText(group.label))),
  ),
];

const choice = (option: JsonRecord, group?: string): Choice => ({
  value: textOf(option.value) ?? '',
  text: plainText(option.text),
  ...(option.description === undefined ? {} : { description: plainText(option.description) }),
  ...(group === undefined ? {} : { group }),
});

/** What names an element to who cannot see it: its field's label, or a label of its own. */
export function labelled({ element, field }: ElementProps, otherwise: string): Record<string, unknown> {
  if (field === undefined)
    return { 'aria-label': textOf(element.accessibility_label) ?? (plainText(element.placeholder) || otherwise) };
  return {
    id: field.id,
    ...(field.invalid ? { 'aria-invalid': true } : {}),
    ...(field.describedBy === undefined ? {} : { 'aria-describedby': field.describedBy }),
  };
}

/** The same for a group of boxes, which no label can point at. */
export const labelledGroup = ({ element, field }: ElementProps, otherwise: string): Record<string, unknown> =>
  field === undefined
    ? { 'aria-label': plainText(element.placeholder) || otherwise }
    : {
        id: field.id,
        'aria-labelledby': `${field.id}-label`,
        ...(field.describedBy === undefined ? {} : { 'aria-describedby': field.describedBy }),
      };

export const enteredIn = (event: Event): string => {
  const { target } = event;
  return target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
    ? target.value
    : '';
};
