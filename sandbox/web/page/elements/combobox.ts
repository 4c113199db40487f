import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Choice, enteredIn } from './surface.ts';

export interface ComboboxProps {
  /** Unique on the page. */
  readonly id: string;
  /** The attributes that label the field. */
  readonly labelled: Readonly<Record<string, unknown>>;
  readonly placeholder: string;
  readonly chosen: readonly Choice[];
  readonly many: boolean;
  readonly most?: number;
  /** The choices for the typed text. */
  readonly search: (typed: string) => Promise<readonly Choice[]> | readonly Choice[];
  /** Shown instead of choices, for example that more characters are needed. */
  readonly advice?: (typed: string) => string | undefined;
  readonly focusOnLoad?: boolean;
  readonly actionId?: string;
  readonly onChange: (chosen: readonly Choice[]) => void;
}

/** Delay after the last key before the app is asked. */
const STOPPED_TYPING_MS = 200;

/**
 * A select with a search field: arrows move, Enter chooses, Escape closes. With `many`, the chosen items are shown
 * before the field.
 */
export function Combobox(props: ComboboxProps): ComponentChildren {
  const { id, chosen, many, onChange } = props;
  const [typed, setTyped] = useState('');
  const [isOpen, setOpen] = useState(false);
  const [offered, setOffered] = useState<readonly Choice[]>([]);
  const [at, setAt] = useState(0);
  const [isLooking, setLooking] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const asked = useRef(0);
  const advice = props.advice?.(typed);

  useEffect(() => {
    if (props.focusOnLoad) input.current?.focus();
  }, []);
  useEffect(() => {
    if (!isOpen) return;
    const question = ++asked.current;
    const take = (choices: readonly Choice[]) => {
      if (question !== asked.current) return;
      setOffered(choices);
      setAt(0);
      setLooking(false);
    };
    if (advice !== undefined) return take([]);
    const answer = () => {
      const found = props.search(typed);
      if (!(found instanceof Promise)) return take(found);
      setLooking(true);
      void found.then(take);
    };
    if (typed === '') return answer();
    const timer = setTimeout(answer, STOPPED_TYPING_MS);
    return () => clearTimeout(timer);
  }, [isOpen, typed]);
  useEffect(() => {
    document.getElementById(`${id}-option-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [at, offered]);

  const close = () => {
    setOpen(false);
    setTyped('');
  };
  const pick = (choice: Choice) => {
    const isChosen = chosen.some(({ value }) => value === choice.value);
    if (!many) {
      close();
      onChange([choice]);
    } else if (isChosen) onChange(chosen.filter(({ value }) => value !== choice.value));
    else if (chosen.length < (props.most ?? Number.POSITIVE_INFINITY)) onChange([...chosen, choice]);
    if (many) setTyped('');
  };
  const move = (by: number) => {
    if (!isOpen) setOpen(true);
    else if (offered.length > 0) setAt((at + by + offered.length) % offered.length);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const choice = offered[at];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      move(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Enter' && isOpen) {
      event.preventDefault();
      if (choice) pick(choice);
    } else if (event.key === 'Escape' && isOpen) {
      // Stopped here, so that the form stays open.
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === 'Backspace' && many && typed === '' && chosen.length > 0) onChange(chosen.slice(0, -1));
  };
  const shown = isOpen || many ? typed : (chosen[0]?.text ?? '');
  return h('div', { class: 'combobox' }, [
    many
      ? chosen.map((choice) =>
          h('span', { class: 'tag-chosen', key: choice.value }, [
            choice.text,
            h(
              'button',
              {
                type: 'button',
                'aria-label': `Remove ${choice.text}`,
                onClick: () => onChange(chosen.filter(({ value }) => value !== choice.value)),
              },
              '✕',
            ),
          ]),
        )
      : null,
    h('input', {
      ...props.labelled,
      type: 'text',
      ref: input,
      role: 'combobox',
      autoComplete: 'off',
      'data-action': props.actionId,
      'aria-autocomplete': 'list',
      'aria-expanded': isOpen,
      'aria-controls': `${id}-list`,
      ...(isOpen && offered.length > 0 ? { 'aria-activedescendant': `${id}-option-${at}` } : {}),
      placeholder: many && chosen.length > 0 ? '' : props.placeholder,
      value: shown,
      onInput(event: Event) {
        setTyped(enteredIn(event));
        setOpen(true);
      },
      onClick: () => setOpen(true),
      onBlur: close,
      onKeyDown,
    }),
    h(
      'div',
      { class: 'options', id: `${id}-list`, role: 'listbox', 'aria-label': 'Options', hidden: !isOpen },
      isOpen ? optionNodes(id, offered, chosen, at, pick) : null,
    ),
    isOpen && offered.length === 0
      ? h('div', { class: 'options advice', role: 'status' }, advice ?? (isLooking ? 'Searching…' : 'No match.'))
      : null,
  ]);
}

function optionNodes(
  id: string,
  offered: readonly Choice[],
  chosen: readonly Choice[],
  current: number,
  pick: (choice: Choice) => void,
): ComponentChildren {
  return offered.flatMap((choice, at) => [
    choice.group !== undefined && choice.group !== offered[at - 1]?.group
      ? h('div', { class: 'option-group', role: 'presentation' }, choice.group)
      : null,
    h(
      'div',
      {
        role: 'option',
        key: choice.value,
        id: `${id}-option-${at}`,
        class: at === current ? 'option current' : 'option',
        'aria-selected': chosen.some(({ value }) => value === choice.value),
        // Runs before the blur event, which closes the list.
        onMouseDown(event: Event) {
          event.preventDefault();
          pick(choice);
        },
      },
      [choice.text, choice.description === undefined ? null : h('span', { class: 'option-note' }, choice.description)],
    ),
  ]);
}
