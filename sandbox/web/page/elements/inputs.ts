import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { uploadFile } from '../api.ts';
import { plainText } from '../blocks/text.ts';
import { useAction, useValue } from './action.ts';
import { type ElementProps, enteredIn, labelled } from './surface.ts';

/**
 * A text input. A number is a text input, too: Slack or the app then shows an error at the field when it is not a
 * number.
 */
export function TextInput(props: ElementProps): ComponentChildren {
  const { element, block, surface } = props;
  const { trigger } = useAction(props);
  const field = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const blockId = textOf(block.block_id) ?? '';
  const actionId = textOf(element.action_id) ?? '';
  const held = surface.held?.(blockId, actionId);
  const value = typeof held === 'string' ? held : initialText(element.initial_value);
  useEffect(() => {
    if (element.focus_on_load === true) field.current?.focus();
  }, []);
  const isArea = element.multiline === true || element.type === 'rich_text_input';
  const common = {
    ...labelled(props, 'Text'),
    ref: field,
    value,
    placeholder: plainText(element.placeholder),
    'data-action': actionId,
    onInput: (event: Event) => surface.hold?.(blockId, actionId, enteredIn(event)),
    onKeyDown(event: KeyboardEvent) {
      if (event.key === 'Enter' && !isArea && block.dispatch_action === true) {
        event.preventDefault();
        trigger(value);
      }
    },
  };
  if (isArea) return h('textarea', { ...common, rows: 3 });
  return h('input', {
    ...common,
    type: 'text',
    autoComplete: 'off',
    inputMode: element.type === 'number_input' ? 'decimal' : element.type === 'email_text_input' ? 'email' : 'text',
  });
}

/** The text of an initial value; for rich text without its formatting. */
function initialText(value: unknown): string {
  if (typeof value === 'string') return value;
  const parts = recordsOf(recordOf(value).elements).flatMap((part) => recordsOf(part.elements));
  return parts.map((part) => textOf(part.text) ?? '').join('');
}

/** Date and time inputs of the browser. */
export function DateInput(props: ElementProps): ComponentChildren {
  const { element } = props;
  const isBoth = element.type === 'datetimepicker';
  const initial = isBoth ? element.initial_date_time : (element.initial_date ?? element.initial_time);
  const { value, change, dialog } = useValue(props, initial);
  const shown = isBoth ? localTime(value) : (textOf(value) ?? '');
  return [
    h('input', {
      ...labelled(props, 'Date'),
      type: isBoth ? 'datetime-local' : element.type === 'datepicker' ? 'date' : 'time',
      value: shown,
      onChange(event: Event) {
        const entered = enteredIn(event);
        change(isBoth && entered !== '' ? Math.floor(new Date(entered).getTime() / 1000) : entered);
      },
    }),
    dialog,
  ];
}

function localTime(seconds: unknown): string {
  if (typeof seconds !== 'number') return '';
  const date = new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
}

interface Uploaded {
  readonly id: string;
  readonly name: string;
}

/** The files of a form. Each is uploaded when it is chosen, and can be removed. */
export function FileInput(props: ElementProps): ComponentChildren {
  const { element, surface } = props;
  const { change } = useValue(props, undefined);
  const [files, setFiles] = useState<readonly Uploaded[]>([]);
  const [isBusy, setBusy] = useState(false);
  const most = typeof element.max_files === 'number' ? element.max_files : 10;
  const types = Array.isArray(element.filetypes) ? element.filetypes.map((type) => `.${String(type)}`) : [];
  const keep = (next: readonly Uploaded[]) => {
    setFiles(next);
    change(next.map(({ id }) => id));
  };
  const take = async (chosen: readonly File[]) => {
    setBusy(true);
    const taken: Uploaded[] = [];
    for (const file of chosen) {
      const answer = await uploadFile({ user: surface.user, file });
      const id = textOf(recordOf(answer.file).id);
      if (id === undefined) surface.onAnswer(answer);
      else taken.push({ id, name: file.name });
    }
    setBusy(false);
    keep((most === 1 ? taken : [...files, ...taken]).slice(0, most));
  };
  return h('div', { class: 'file-input' }, [
    h('input', {
      ...labelled(props, 'Files'),
      type: 'file',
      multiple: most !== 1,
      ...(types.length === 0 ? {} : { accept: types.join(',') }),
      onChange(event: Event) {
        const { target } = event;
        if (target instanceof HTMLInputElement) void take([...(target.files ?? [])]);
      },
    }),
    isBusy ? h('p', { class: 'hint', role: 'status' }, 'Uploading…') : null,
    files.map((file) =>
      h('span', { class: 'tag-chosen', key: file.id }, [
        file.name,
        h(
          'button',
          {
            type: 'button',
            'aria-label': `Remove ${file.name}`,
            onClick: () => keep(files.filter(({ id }) => id !== file.id)),
          },
          '✕',
        ),
      ]),
    ),
  ]);
}
