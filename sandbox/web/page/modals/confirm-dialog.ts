import { type ComponentChildren, h } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import { plainText } from '../blocks/text.ts';
import { Dialog } from './dialog.ts';

/** Asks for confirmation. The action is sent only after it. */
export function ConfirmDialog({
  confirm,
  onAnswer,
}: {
  confirm: JsonRecord;
  onAnswer: (yes: boolean) => void;
}): ComponentChildren {
  const yes = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => yes.current?.focus(), []);
  const title = plainText(confirm.title);
  return h(Dialog, {
    role: 'alertdialog',
    label: title,
    className: 'confirm',
    onClose: () => onAnswer(false),
    children: [
      h('header', {}, h('h2', {}, title)),
      h('div', { class: 'dialog-body' }, h('p', {}, plainText(confirm.text))),
      h('footer', { class: 'actions end' }, [
        h('button', { type: 'button', class: 'button', onClick: () => onAnswer(false) }, plainText(confirm.deny)),
        h(
          'button',
          {
            type: 'button',
            class: `button ${textOf(confirm.style) ?? 'primary'}`,
            ref: yes,
            'data-confirm': 'yes',
            onClick: () => onAnswer(true),
          },
          plainText(confirm.confirm),
        ),
      ]),
    ],
  });
}
