import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { post, uploadFile } from './api.ts';
import type { Names } from './mrkdwn.ts';

/** Where blocks stand: a message or a view, seen by one person. */
export interface Surface {
  /** Unique on the page. */
  readonly id: string;
  /** How the people's side names it: `{ts, channel}` or `{viewId}`. */
  readonly place: JsonRecord;
  readonly user: string;
  readonly names: Names;
  /** What inputs hold, where the surface is a form that is sent as a whole; by block id. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly setValue?: (blockId: string, actionId: string, value: unknown) => void;
  readonly errors?: Readonly<Record<string, string>>;
  /** Told what an action came to. */
  readonly onAnswer: (answer: JsonRecord) => void;
}

interface ElementProps {
  readonly element: JsonRecord;
  readonly block: JsonRecord;
  readonly surface: Surface;
  readonly id?: string;
  readonly errorId?: string;
}

const plain = (value: unknown): string => textOf(recordOf(value).text) ?? '';
const optionsOf = (element: JsonRecord): readonly JsonRecord[] => [
  ...recordsOf(element.options),
  ...recordsOf(element.option_groups).flatMap((group) => recordsOf(group.options)),
];

/** One element of a block: it acts at once, or holds a value until its form is sent. */
export function Element({ element, block, surface, id, errorId }: ElementProps): ComponentChildren {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const actionId = textOf(element.action_id) ?? '';
  const blockId = textOf(block.block_id) ?? '';
  const act = async (value?: unknown) => {
    setBusy(true);
    const answer = await post('/sandbox/action', {
      ...surface.place,
      user: surface.user,
      actionId,
      blockId,
      ...(value === undefined ? {} : { value }),
    });
    setBusy(false);
    surface.onAnswer(answer);
  };
  const isInput = block.type === 'input';
  const change = (value: unknown) => (isInput ? surface.setValue?.(blockId, actionId, value) : void act(value));
  const held = surface.values?.[blockId];
  const labelled = {
    ...(id === undefined
      ? { 'aria-label': textOf(element.accessibility_label) ?? (plain(element.placeholder) || actionId) }
      : { id }),
    ...(errorId === undefined ? {} : { 'aria-invalid': true, 'aria-describedby': errorId }),
  };

  switch (element.type) {
    case 'button': {
      const confirm = element.confirm === undefined ? undefined : recordOf(element.confirm);
      return [
        h(
          'button',
          {
            type: 'button',
            class: `button ${textOf(element.style) ?? ''}`,
            disabled: busy,
            'data-action': actionId,
            onClick: () => (confirm ? setAsking(true) : void act()),
          },
          plain(element.text),
        ),
        confirm && asking
          ? h(ConfirmDialog, {
              confirm,
              onAnswer(yes: boolean) {
                setAsking(false);
                if (yes) void act();
              },
            })
          : null,
      ];
    }
    case 'static_select':
    case 'overflow':
      return h(
        'select',
        {
          ...labelled,
          disabled: busy,
          value: typeof held === 'string' ? held : (textOf(recordOf(element.initial_option).value) ?? ''),
          onChange: (event: Event) => change(enteredIn(event)),
        },
        [
          h('option', { value: '' }, plain(element.placeholder) || 'Choose…'),
          ...optionsOf(element).map((option) => h('option', { value: textOf(option.value) }, plain(option.text))),
        ],
      );
    case 'multi_static_select':
    case 'checkboxes':
      return h(Checkboxes, { element, held, id, onChange: change });
    case 'radio_buttons':
      return h(
        'div',
        { role: 'radiogroup', ...(id === undefined ? {} : { 'aria-labelledby': `${id}-label` }) },
        optionsOf(element).map((option) => {
          const value = textOf(option.value) ?? '';
          const chosen = typeof held === 'string' ? held : textOf(recordOf(element.initial_option).value);
          return h('label', { class: 'choice', key: value }, [
            h('input', {
              type: 'radio',
              name: `${surface.id}-${blockId}-${actionId}`,
              checked: value === chosen,
              onChange: () => change(value),
            }),
            h('span', {}, [plain(option.text), describe(option)]),
          ]);
        }),
      );
    case 'external_select':
      return h(ExternalSelect, { element, blockId, surface, labelled, onChange: change });
    case 'plain_text_input':
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input': {
      const value = typeof held === 'string' ? held : (textOf(element.initial_value) ?? '');
      const common = {
        ...labelled,
        value,
        placeholder: plain(element.placeholder),
        onInput: (event: Event) => change(enteredIn(event)),
      };
      return element.multiline === true
        ? h('textarea', { ...common, rows: 3 })
        : h('input', { ...common, type: element.type === 'number_input' ? 'number' : 'text' });
    }
    case 'datepicker':
    case 'timepicker':
      return h('input', {
        ...labelled,
        type: element.type === 'datepicker' ? 'date' : 'time',
        value: typeof held === 'string' ? held : (textOf(element.initial_date) ?? textOf(element.initial_time) ?? ''),
        onChange: (event: Event) => change(enteredIn(event)),
      });
    case 'file_input':
      return h('input', {
        ...labelled,
        type: 'file',
        multiple: element.max_files !== 1,
        async onChange(event: Event) {
          const { target } = event;
          if (!(target instanceof HTMLInputElement)) return;
          const ids: string[] = [];
          for (const file of target.files ?? []) {
            const answer = await uploadFile(surface.user, file);
            const uploaded = textOf(recordOf(answer.file).id);
            if (uploaded === undefined) surface.onAnswer(answer);
            else ids.push(uploaded);
          }
          change(ids);
        },
      });
    default:
      return h('pre', { class: 'unknown' }, JSON.stringify(element, null, 2));
  }
}

const enteredIn = (event: Event): string => {
  const { target } = event;
  return target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
    ? target.value
    : '';
};

const describe = (option: JsonRecord): ComponentChildren =>
  option.description === undefined ? null : h('span', { class: 'quiet' }, ` ${plain(option.description)}`);

function Checkboxes({
  element,
  held,
  id,
  onChange,
}: {
  element: JsonRecord;
  held: unknown;
  id: string | undefined;
  onChange: (value: unknown) => void;
}): ComponentChildren {
  const initial = recordsOf(element.initial_options).map((option) => textOf(option.value) ?? '');
  const chosen: readonly string[] = Array.isArray(held) ? held.map(String) : initial;
  return h(
    'div',
    { class: 'choices', role: 'group', ...(id === undefined ? {} : { 'aria-labelledby': `${id}-label` }) },
    optionsOf(element).map((option) => {
      const value = textOf(option.value) ?? '';
      return h('label', { class: 'choice', key: value }, [
        h('input', {
          type: 'checkbox',
          checked: chosen.includes(value),
          onChange: () =>
            onChange(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]),
        }),
        h('span', {}, [plain(option.text), describe(option)]),
      ]);
    }),
  );
}

/** A select whose options the app offers as one types. */
function ExternalSelect({
  element,
  blockId,
  surface,
  labelled,
  onChange,
}: {
  element: JsonRecord;
  blockId: string;
  surface: Surface;
  labelled: Record<string, unknown>;
  onChange: (value: unknown) => void;
}): ComponentChildren {
  const [offered, setOffered] = useState<readonly JsonRecord[]>([]);
  const actionId = textOf(element.action_id) ?? '';
  const list = `${surface.id}-${blockId}-offered`;
  return h('div', {}, [
    h('input', {
      ...labelled,
      list,
      placeholder: plain(element.placeholder) || 'Type to search',
      async onInput(event: Event) {
        const typed = enteredIn(event);
        const hit = offered.find((option) => plain(option.text) === typed);
        if (hit) return onChange(textOf(hit.value));
        const answer = await post('/sandbox/suggest', {
          ...surface.place,
          user: surface.user,
          actionId,
          blockId,
          value: typed,
        });
        setOffered(recordsOf(answer.options));
      },
    }),
    h(
      'datalist',
      { id: list },
      offered.map((option) => h('option', { value: plain(option.text) })),
    ),
  ]);
}

function ConfirmDialog({
  confirm,
  onAnswer,
}: {
  confirm: JsonRecord;
  onAnswer: (yes: boolean) => void;
}): ComponentChildren {
  return h(
    'div',
    { class: 'veil', onKeyDown: (event: KeyboardEvent) => event.key === 'Escape' && onAnswer(false) },
    h('div', { class: 'dialog', role: 'alertdialog', 'aria-modal': 'true', 'aria-label': plain(confirm.title) }, [
      h('h2', {}, plain(confirm.title)),
      h('p', {}, plain(confirm.text)),
      h('div', { class: 'actions end' }, [
        h('button', { type: 'button', class: 'button', onClick: () => onAnswer(false) }, plain(confirm.deny)),
        h(
          'button',
          {
            type: 'button',
            class: `button ${textOf(confirm.style) ?? 'primary'}`,
            ref: (button: HTMLElement | null) => button?.focus(),
            'data-confirm': 'yes',
            onClick: () => onAnswer(true),
          },
          plain(confirm.confirm),
        ),
      ]),
    ]),
  );
}
