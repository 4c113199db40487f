import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import type { Names } from '../blocks/mrkdwn.ts';
import { plainText } from '../blocks/text.ts';

/** The message or view that contains the blocks, as one person sees it. */
export interface Surface {
  /** Unique on the page. */
  readonly id: string;
  /** Identifies it in requests to the local Slack: `{ts, channel}` or `{viewId}`. */
  readonly place: JsonRecord;
  readonly user: string;
  readonly names: Names;
  /** The choices of a select of people or channels. */
  readonly people: readonly Choice[];
  readonly channels: readonly Choice[];
  /** The value that a form keeps until it is submitted; undefined when nothing was entered. */
  readonly held?: (blockId: string, actionId: string) => unknown;
  readonly hold?: (blockId: string, actionId: string, value: unknown) => void;
  /** By block id. */
  readonly errors?: Readonly<Record<string, string>>;
  /** Called with the answer to an action. */
  readonly onAnswer: (answer: JsonRecord) => void;
}

/** Connects an element of an input block with its label, hint and error. */
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

/** One choice of a select. */
export interface Choice {
  readonly value: string;
  readonly text: string;
  readonly description?: string;
  readonly group?: string;
}

/** The options of an element. Options of a group carry the name of the group. */
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

/** The attributes that label an element for screen readers: the label of its field, or its own. */
export function labelled({ element, field }: ElementProps, otherwise: string): Record<string, unknown> {
  if (field === undefined)
    return { 'aria-label': textOf(element.accessibility_label) ?? (plainText(element.placeholder) || otherwise) };
  return {
    id: field.id,
    ...(field.invalid ? { 'aria-invalid': true } : {}),
    ...(field.describedBy === undefined ? {} : { 'aria-describedby': field.describedBy }),
  };
}

/** The same for a group of inputs, which a label element cannot reference. */
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
