import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { post } from './api.ts';
import { Blocks } from './blocks.ts';
import type { Workspace } from './workspace.ts';

type Values = Readonly<Record<string, unknown>>;

const FOCUSABLE = 'button:not(:disabled), [href], input, select, textarea';

/** The top modal that a person has open. */
export function Modal({
  view,
  workspace,
  user,
  onAnswer,
}: {
  view: JsonRecord;
  workspace: Workspace;
  user: string;
  onAnswer: (answer: JsonRecord) => void;
}): ComponentChildren {
  const id = textOf(view.id) ?? '';
  const [values, setValues] = useState<Values>({});
  const [actions, setActions] = useState<Readonly<Record<string, string>>>({});
  const [sending, setSending] = useState(false);
  const [notice, setNotice] = useState<string | undefined>();
  const frame = useRef<HTMLDivElement>(null);
  const body = recordOf(view.body);
  const title = textOf(recordOf(body.title).text) ?? '';
  useEffect(() => {
    const before = document.activeElement;
    frame.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [id]);
  const errors = Object.fromEntries(
    Object.entries(recordOf(view.errors)).map(([block, text]) => [block, String(text)]),
  );
  const submit = async () => {
    setSending(true);
    setNotice(undefined);
    const entered = Object.fromEntries(
      Object.entries(values).map(([block, value]) => [block, { [actions[block] ?? block]: value }]),
    );
    const answer = await post('/sandbox/submit', { user, viewId: id, values: entered });
    setSending(false);
    if (answer.result === 'refused-by-client')
      setNotice(
        `Slack does not send this: ${JSON.stringify(answer.problems ?? answer.errors ?? answer.message ?? '')}`,
      );
    else if (answer.ok === false) onAnswer(answer);
  };
  const close = () => void post('/sandbox/close', { user, viewId: id }).then(onAnswer);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return close();
    if (event.key !== 'Tab') return;
    const stops = [...(frame.current?.querySelectorAll(FOCUSABLE) ?? [])].filter((one) => one instanceof HTMLElement);
    const [first] = stops;
    const last = stops.at(-1);
    if (event.shiftKey && document.activeElement === first) {
      event.preventDefault();
      last?.focus();
    } else if (!event.shiftKey && document.activeElement === last) {
      event.preventDefault();
      first?.focus();
    }
  };
  return h('div', { class: 'veil', onKeyDown }, [
    h(
      'div',
      {
        class: 'dialog modal',
        role: 'dialog',
        'aria-modal': 'true',
        'aria-label': title,
        tabIndex: -1,
        ref: frame,
        'data-view': id,
      },
      [
        h('header', {}, [
          h('h2', {}, title),
          h('button', { type: 'button', class: 'icon', 'aria-label': 'Close the form', onClick: close }, '✕'),
        ]),
        h('div', { class: 'modal-body', tabIndex: 0, role: 'region', 'aria-label': 'Form' }, [
          textOf(view.notice) === undefined ? null : h('p', { class: 'error', role: 'alert' }, textOf(view.notice)),
          notice === undefined ? null : h('p', { class: 'error', role: 'alert' }, notice),
          h(Blocks, {
            blocks: recordsOf(view.blocks),
            surface: {
              id,
              place: { viewId: id },
              user,
              names: workspace.names,
              values,
              setValue(blockId: string, actionId: string, value: unknown) {
                setValues((held) => ({ ...held, [blockId]: value }));
                setActions((held) => ({ ...held, [blockId]: actionId }));
              },
              errors,
              onAnswer,
            },
          }),
        ]),
        h('footer', { class: 'actions end' }, [
          h(
            'button',
            { type: 'button', class: 'button', onClick: close },
            textOf(recordOf(body.close).text) ?? 'Cancel',
          ),
          body.submit === undefined
            ? null
            : h(
                'button',
                {
                  type: 'button',
                  class: 'button primary',
                  disabled: sending,
                  'data-submit': 'yes',
                  onClick: () => void submit(),
                },
                textOf(recordOf(body.submit).text) ?? 'Submit',
              ),
        ]),
      ],
    ),
  ]);
}
