import { type ComponentChildren, h } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { withEmoji } from '../blocks/emoji.ts';
import { plainText } from '../blocks/text.ts';
import { useAction } from './action.ts';
import { choicesOf, type ElementProps } from './surface.ts';

/** A button. A button with a URL opens it, too. Clicks are ignored while the previous one is being sent. */
export function Button(props: ElementProps): ComponentChildren {
  const { element } = props;
  const { trigger, busy, dialog } = useAction(props);
  const url = textOf(element.url);
  const label = textOf(element.accessibility_label);
  return [
    h(
      'button',
      {
        type: 'button',
        class: `button ${textOf(element.style) ?? ''}${busy ? ' busy' : ''}`,
        'aria-disabled': busy ? 'true' : undefined,
        'aria-label': label,
        'data-action': textOf(element.action_id),
        onClick() {
          if (url !== undefined && /^https?:\/\//.test(url) && !props.surface.names.follow?.(url))
            window.open(url, '_blank', 'noopener,noreferrer');
          trigger();
        },
      },
      [
        element.type === 'icon_button' ? h('span', { 'aria-hidden': 'true' }, '🗑 ') : null,
        withEmoji(plainText(element.text)),
        url === undefined ? null : h('span', { class: 'outward', 'aria-hidden': 'true' }, '↗'),
      ],
    ),
    dialog,
  ];
}

/** The two feedback buttons. */
export function FeedbackButtons(props: ElementProps): ComponentChildren {
  const { trigger, busy } = useAction(props);
  return [recordOf(props.element.positive_button), recordOf(props.element.negative_button)].map((button) =>
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        key: textOf(button.value),
        'aria-disabled': busy ? 'true' : undefined,
        onClick: () => trigger(textOf(button.value)),
      },
      plainText(button.text),
    ),
  );
}

/** The menu of an overflow element. */
export function Overflow(props: ElementProps): ComponentChildren {
  const { trigger, dialog } = useAction(props);
  const [isOpen, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  // Before the next key: the menu handles keys only while the focus is in it.
  useLayoutEffect(() => {
    if (isOpen) focusItem(menu.current, 0);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  const links = new Map(recordsOf(props.element.options).map(({ value, url }) => [textOf(value), textOf(url)]));
  return h('div', { class: 'overflow' }, [
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        ref: opener,
        'aria-label': 'More actions',
        'aria-haspopup': 'menu',
        'aria-expanded': isOpen,
        'data-action': textOf(props.element.action_id),
        onClick: () => setOpen(!isOpen),
      },
      '⋯',
    ),
    isOpen
      ? h(
          'div',
          {
            class: 'menu',
            role: 'menu',
            ref: menu,
            'aria-label': 'More actions',
            onKeyDown(event: KeyboardEvent) {
              if (event.key === 'Escape' || event.key === 'Tab') {
                event.preventDefault();
                event.stopPropagation();
                close();
              } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
                event.preventDefault();
                focusItem(menu.current, event.key === 'ArrowDown' ? 1 : -1);
              }
            },
          },
          choicesOf(props.element).map(({ value, text }) =>
            h(
              'button',
              {
                type: 'button',
                role: 'menuitem',
                tabIndex: -1,
                key: value,
                onClick() {
                  close();
                  const url = links.get(value);
                  if (url !== undefined && /^https?:\/\//.test(url)) window.open(url, '_blank', 'noopener,noreferrer');
                  trigger(value);
                },
              },
              withEmoji(text),
            ),
          ),
        )
      : null,
    dialog,
  ]);
}

/** Moves the focus in a menu by `step`, or to the first item when the focus is outside. */
function focusItem(menu: HTMLElement | null, step: number): void {
  const items = [...(menu?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
  const { activeElement } = document;
  const at = activeElement instanceof HTMLElement ? items.indexOf(activeElement) : -1;
  items[at < 0 ? 0 : (at + step + items.length) % items.length]?.focus();
}
