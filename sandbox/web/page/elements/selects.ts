import { type ComponentChildren, h } from 'preact';
import { useRef } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';
import { plainText } from '../blocks/text.ts';
import { useValue } from './action.ts';
import { Combobox } from './combobox.ts';
import { type Choice, choicesOf, type ElementProps, labelled } from './surface.ts';

/** Slack's client asks the app after three characters, unless the element sets another number. */
const USUAL_QUERY_LENGTH = 3;

const optionChoices = (options: unknown): readonly Choice[] => choicesOf({ options });
const inText = (choices: readonly Choice[], typed: string): readonly Choice[] => {
  const wanted = typed.toLowerCase();
  return choices.filter(({ text }) => text.toLowerCase().includes(wanted));
};

/** The source of the choices of a select, and its initial value. */
interface Source {
  readonly initial: readonly Choice[];
  readonly search: (typed: string) => Promise<readonly Choice[]> | readonly Choice[];
  readonly advice?: (typed: string) => string | undefined;
}

function sourceOf(props: ElementProps): Source {
  const { element, surface } = props;
  const kind = String(element.type).replace(/^multi_/, '');
  const among = (choices: readonly Choice[], ids: unknown): Source => ({
    initial: (Array.isArray(ids) ? ids : [ids]).flatMap((id) => choices.filter(({ value }) => value === id)),
    search: (typed) => inText(choices, typed),
  });
  switch (kind) {
    case 'users_select':
      return among(surface.people, element.initial_users ?? element.initial_user);
    case 'channels_select':
      return among(surface.channels, element.initial_channels ?? element.initial_channel);
    case 'conversations_select':
      return among(surface.channels, element.initial_conversations ?? element.initial_conversation);
    default: {
      const initial = optionChoices(
        element.initial_options ?? (element.initial_option === undefined ? [] : [element.initial_option]),
      );
      if (kind !== 'external_select') return { initial, search: (typed) => inText(choicesOf(element), typed) };
      const least = typeof element.min_query_length === 'number' ? element.min_query_length : USUAL_QUERY_LENGTH;
      return {
        initial,
        search: (typed) => suggestions(props, typed),
        advice: (typed) =>
          typed.length < least ? `Type at least ${least} character${least === 1 ? '' : 's'}.` : undefined,
      };
    }
  }
}

async function suggestions({ element, block, surface }: ElementProps, typed: string): Promise<readonly Choice[]> {
  const answer = await post('/sandbox/suggest', {
    ...surface.place,
    user: surface.user,
    actionId: textOf(element.action_id) ?? '',
    blockId: textOf(block.block_id) ?? '',
    value: typed,
  });
  if (answer.ok === false) surface.onAnswer(answer);
  const groups = recordsOf(answer.optionGroups);
  return choicesOf(groups.length > 0 ? { option_groups: groups } : { options: answer.options });
}

/** All selects: static, external, of people or of channels, with one or many choices. */
export function Select(props: ElementProps): ComponentChildren {
  const { element, block, surface } = props;
  const many = String(element.type).startsWith('multi_');
  const source = sourceOf(props);
  const { value, change, dialog } = useValue(props, undefined);
  // The texts of suggested options are known only at the time of the choice.
  const picked = useRef<readonly Choice[]>([]);
  const known = [...picked.current, ...source.initial, ...choicesOf(element), ...surface.people, ...surface.channels];
  const chosen =
    value === undefined
      ? source.initial
      : (Array.isArray(value) ? value : [value]).flatMap((one) => known.find((choice) => choice.value === one) ?? []);
  const most = element.max_selected_items;
  return [
    h(Combobox, {
      id: `${surface.id}-${textOf(block.block_id) ?? ''}-${textOf(element.action_id) ?? ''}`,
      labelled: labelled(props, 'Choose'),
      placeholder: plainText(element.placeholder) || 'Choose…',
      chosen,
      many,
      ...(typeof most === 'number' ? { most } : {}),
      search: source.search,
      ...(source.advice ? { advice: source.advice } : {}),
      focusOnLoad: element.focus_on_load === true,
      actionId: textOf(element.action_id) ?? '',
      onChange(choices) {
        picked.current = [...picked.current, ...choices];
        change(many ? choices.map((one) => one.value) : choices[0]?.value);
      },
    }),
    dialog,
  ];
}

/** Checkboxes and radio buttons. */
export function Boxes(
  props: ElementProps & { many: boolean; group: Readonly<Record<string, unknown>> },
): ComponentChildren {
  const { element, block, surface, many, group } = props;
  const initial: JsonRecord[] = many ? [...recordsOf(element.initial_options)] : [recordOf(element.initial_option)];
  const initialValues = initial.flatMap(({ value }) => textOf(value) ?? []);
  const { value, change, dialog } = useValue(props, many ? initialValues : initialValues[0]);
  const chosen: readonly string[] = Array.isArray(value)
    ? value.map(String)
    : value === undefined
      ? []
      : [String(value)];
  return h('div', { class: 'choices', role: many ? 'group' : 'radiogroup', ...group }, [
    choicesOf(element).map((one) =>
      h('label', { class: 'choice', key: one.value }, [
        h('input', {
          type: many ? 'checkbox' : 'radio',
          name: `${surface.id}-${textOf(block.block_id) ?? ''}-${textOf(element.action_id) ?? ''}`,
          value: one.value,
          checked: chosen.includes(one.value),
          onChange() {
            if (!many) change(one.value);
            else if (chosen.includes(one.value)) change(chosen.filter((other) => other !== one.value));
            else change([...chosen, one.value]);
          },
        }),
        h('span', {}, [
          one.text,
          one.description === undefined ? null : h('span', { class: 'option-note' }, one.description),
        ]),
      ]),
    ),
    dialog,
  ]);
}
