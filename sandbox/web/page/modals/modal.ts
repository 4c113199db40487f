import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';
import { Blocks } from '../blocks/blocks.ts';
import { plainText } from '../blocks/text.ts';
import { commonSurface } from '../chat/common-surface.ts';
import type { Workspace } from '../workspace.ts';
import { Dialog } from './dialog.ts';

interface ModalProps {
  readonly workspace: Workspace;
  readonly user: string;
  readonly onAnswer: (answer: JsonRecord) => void;
}

const closeView = (user: string, viewId: string, clear: boolean) =>
  post('/sandbox/close', { user, viewId, ...(clear ? { clear } : {}) });

/** The open views of a person, up to three. The top one is visible; the others keep their typed values. */
export function Modals({ views, ...props }: ModalProps & { views: readonly JsonRecord[] }): ComponentChildren {
  const top = views.at(-1);
  const topId = textOf(top?.id) ?? '';
  return h(Dialog, {
    role: 'dialog',
    label: plainText(recordOf(top?.body).title) || 'Form',
    className: 'modal',
    onClose: () => void closeView(props.user, topId, false).then(props.onAnswer),
    children: views.map((view, at) =>
      h(Form, { ...props, key: textOf(view.id), view, isTop: at === views.length - 1, isFirst: at === 0 }),
    ),
  });
}

/** One view: its title, its blocks, its buttons. */
function Form({
  view,
  isTop,
  isFirst,
  workspace,
  user,
  onAnswer,
}: ModalProps & { view: JsonRecord; isTop: boolean; isFirst: boolean }): ComponentChildren {
  const id = textOf(view.id) ?? '';
  const [entered, setEntered] = useState<Readonly<Record<string, unknown>>>({});
  const [sending, setSending] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const body = recordOf(view.body);
  const blocks = recordsOf(view.blocks);
  const errors = Object.fromEntries(
    Object.entries(recordOf(view.errors)).map(([block, text]) => [block, String(text)]),
  );
  const wrong = Object.keys(errors).join(' ');
  useEffect(() => {
    if (isTop) focusFirst(form.current, '.modal-body');
  }, [isTop]);
  useEffect(() => {
    // The view got new fields while no field had the focus.
    if (isTop && !document.activeElement?.matches('input, textarea, select, button'))
      focusFirst(form.current, '.modal-body');
  }, [view.hash]);
  useEffect(() => {
    if (wrong !== '') focusFirst(form.current, '.has-error');
  }, [wrong, view.errors]);
  const submit = async () => {
    if (sending || body.submit_disabled === true) return;
    setSending(true);
    const answer = await post('/sandbox/submit', { user, viewId: id, values: valuesOf(blocks, entered) });
    setSending(false);
    // The view itself shows errors at fields and missing answers.
    const isShown = answer.result === 'refused-by-client' || answer.result === 'not-acknowledged';
    if (!isShown) onAnswer(answer);
  };
  const close = (clear: boolean) => void closeView(user, id, clear).then(onAnswer);
  const notice = textOf(view.notice);
  return h(
    'form',
    {
      class: 'form',
      ref: form,
      noValidate: true,
      hidden: !isTop,
      'aria-busy': sending,
      'data-view': id,
      onSubmit(event: Event) {
        event.preventDefault();
        void submit();
      },
    },
    [
      h('header', {}, [
        h('h2', {}, plainText(body.title)),
        h(
          'button',
          { type: 'button', class: 'icon', 'aria-label': 'Close all forms', onClick: () => close(true) },
          '✕',
        ),
      ]),
      h('div', { class: 'modal-body dialog-body', tabIndex: 0, role: 'region', 'aria-label': 'Form' }, [
        notice === undefined ? null : h('p', { class: 'error notice', role: 'alert' }, notice),
        h(Blocks, {
          blocks,
          surface: {
            ...commonSurface(workspace, user, onAnswer),
            id,
            place: { viewId: id },
            held: (blockId, actionId) => entered[fieldKey(blockId, actionId)],
            hold: (blockId, actionId, value) =>
              setEntered((held) => ({ ...held, [fieldKey(blockId, actionId)]: value })),
            errors,
          },
        }),
      ]),
      h('footer', { class: 'actions end' }, [
        h(
          'button',
          { type: 'button', class: 'button', 'data-close': 'yes', onClick: () => close(false) },
          plainText(body.close) || (isFirst ? 'Cancel' : 'Back'),
        ),
        body.submit === undefined || body.submit === null
          ? null
          : h(
              'button',
              {
                type: 'submit',
                class: `button primary${sending ? ' busy' : ''}`,
                disabled: body.submit_disabled === true,
                'aria-disabled': sending ? 'true' : undefined,
                'data-submit': 'yes',
              },
              plainText(body.submit),
            ),
      ]),
    ],
  );
}

const fieldKey = (blockId: string, actionId: string) => JSON.stringify([blockId, actionId]);

/** The values of the fields that the view has now. An update may have removed some. */
function valuesOf(blocks: readonly JsonRecord[], entered: Readonly<Record<string, unknown>>): JsonRecord {
  const values: Record<string, JsonRecord> = {};
  for (const block of blocks) {
    const blockId = textOf(block.block_id) ?? '';
    const actionId = textOf(recordOf(block.element).action_id) ?? '';
    const value = entered[fieldKey(blockId, actionId)];
    if (block.type === 'input' && value !== undefined) values[blockId] = { [actionId]: value };
  }
  return values;
}

function focusFirst(form: HTMLElement | null, within: string): void {
  const places = `${within} input, ${within} textarea, ${within} select`;
  const first = form?.querySelector(places) ?? form?.querySelector('.modal-body');
  if (first instanceof HTMLElement) first.focus();
}
