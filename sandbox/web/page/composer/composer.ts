import { type ComponentChildren, h } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { post, uploadFile } from '../api.ts';
import { enteredIn } from '../elements/surface.ts';
import type { Workspace } from '../workspace.ts';
import { type Completion, completionsOf, knownLines } from './completions.ts';

const MOST_REMEMBERED = 50;

/** The input field for messages, files and commands, with completion of commands. */
export function Composer({
  workspace,
  user,
  channel,
  threadTs,
  onAnswer,
}: {
  workspace: Workspace;
  user: string;
  channel: string;
  threadTs?: string;
  onAnswer: (answer: JsonRecord) => void;
}): ComponentChildren {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(-1);
  const [closedFor, setClosedFor] = useState('');
  const said = useRef<readonly string[]>([]);
  const back = useRef(0);
  const field = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const isThread = threadTs !== undefined;
  const id = isThread ? 'thread-composer' : 'composer';
  const name = workspace.names.channel(channel) ?? '';
  const isCommand = text.startsWith('/');
  const { commands, messages, ephemerals } = workspace;
  const known = useMemo(
    () => (isCommand ? knownLines(commands, [...messages, ...ephemerals]) : []),
    [isCommand, commands.length, messages.length, ephemerals.length],
  );
  const offered = isThread || closedFor === text ? [] : completionsOf(known, text);
  useEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [text]);

  const write = (next: string) => {
    setText(next);
    setChosen(-1);
  };
  const send = async () => {
    const line = text.trim();
    if (line === '') return;
    // Slack does not accept commands here either. The typed text is kept.
    if (isThread && line.startsWith('/'))
      return onAnswer({ ok: false, message: 'Slack does not accept commands in a thread.' });
    write('');
    back.current = 0;
    said.current = [...said.current, line].slice(-MOST_REMEMBERED);
    onAnswer(
      line.startsWith('/')
        ? await post('/sandbox/command', { user, channel, text: line })
        : await post('/sandbox/message', {
            user,
            channel,
            text: withMentions(line, workspace),
            ...(isThread ? { threadTs } : {}),
          }),
    );
  };
  const attach = async (chosenFiles: readonly File[]) => {
    for (const file of chosenFiles)
      onAnswer(await uploadFile({ user, file, channel, ...(isThread ? { threadTs } : {}) }));
    if (files.current) files.current.value = '';
  };
  const recall = (by: number) => {
    back.current = Math.min(said.current.length, Math.max(0, back.current + by));
    write(said.current.at(-back.current || said.current.length) ?? '');
    if (back.current === 0) write('');
  };
  const take = (completion: Completion) => {
    write(completion.line);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const pick = offered[Math.max(chosen, 0)];
    const takes = event.key === 'Tab' ? !event.shiftKey : event.key === 'Enter' && chosen >= 0;
    if (takes && pick) {
      event.preventDefault();
      take(pick);
    } else if (event.key === 'Escape' && offered.length > 0) {
      event.preventDefault();
      setClosedFor(text);
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && offered.length > 0) {
      event.preventDefault();
      const by = event.key === 'ArrowDown' ? 1 : -1;
      setChosen((Math.max(chosen, by > 0 ? -1 : 0) + by + offered.length) % offered.length);
    } else if (event.key === 'ArrowUp' && (text === '' || back.current > 0)) {
      event.preventDefault();
      recall(1);
    } else if (event.key === 'ArrowDown' && back.current > 0) {
      event.preventDefault();
      recall(-1);
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void send();
    }
  };
  return h(
    'form',
    {
      class: 'composer',
      onSubmit(event: Event) {
        event.preventDefault();
        void send();
      },
    },
    [
      offered.length === 0 ? null : completionList(id, offered, chosen, take),
      h('div', { class: 'composer-frame' }, [
        h('label', { for: id, class: 'hidden' }, isThread ? 'Reply' : 'Message or command'),
        h('textarea', {
          id,
          ref: field,
          rows: 1,
          value: text,
          placeholder: isThread ? 'Reply…' : `Message #${name}, or / for commands`,
          'aria-haspopup': 'listbox',
          'aria-controls': `${id}-offered`,
          'aria-autocomplete': 'list',
          ...(offered.length > 0 && chosen >= 0 ? { 'aria-activedescendant': `${id}-option-${chosen}` } : {}),
          onInput(event: Event) {
            write(enteredIn(event));
            setClosedFor('');
          },
          onKeyDown,
        }),
        h('div', { class: 'composer-tools' }, [
          h('label', { class: 'attach', for: `${id}-files`, title: 'Attach files' }, [
            h('span', { 'aria-hidden': 'true' }, '+'),
            h('span', { class: 'hidden' }, 'Attach files'),
          ]),
          h('input', {
            id: `${id}-files`,
            class: 'hidden',
            type: 'file',
            multiple: true,
            ref: files,
            onChange(event: Event) {
              if (event.target instanceof HTMLInputElement) void attach([...(event.target.files ?? [])]);
            },
          }),
          h('span', { class: 'composer-hint', 'aria-hidden': 'true' }, [
            h('kbd', {}, 'Enter'),
            ' sends · ',
            h('kbd', {}, 'Tab'),
            ' completes · ',
            h('kbd', {}, '↑'),
            ' previous line',
          ]),
          h('button', { type: 'submit', class: 'send', 'aria-label': 'Send', disabled: text.trim() === '' }, [
            h(
              'svg',
              { viewBox: '0 0 20 20', 'aria-hidden': 'true' },
              h('path', { d: 'M3 3.2 17.6 10 3 16.8l1.4-5.6L11.5 10 4.4 8.8Z' }),
            ),
          ]),
        ]),
      ]),
    ],
  );
}

function completionList(
  id: string,
  offered: readonly Completion[],
  chosen: number,
  take: (completion: Completion) => void,
): ComponentChildren {
  return h(
    'ul',
    { class: 'completions', role: 'listbox', id: `${id}-offered`, 'aria-label': 'Commands' },
    offered.map((completion, at) =>
      h(
        'li',
        {
          key: completion.line,
          role: 'option',
          id: `${id}-option-${at}`,
          class: at === Math.max(chosen, 0) ? 'current' : '',
          'aria-selected': at === chosen,
          // Runs before the field loses the focus.
          onMouseDown(event: Event) {
            event.preventDefault();
            take(completion);
          },
        },
        [h('span', { class: 'line' }, completion.line), h('span', { class: 'option-note' }, completion.help)],
      ),
    ),
  );
}

/** Converts `@operator` and `#random` to mentions, as Slack's client does. */
function withMentions(text: string, workspace: Workspace): string {
  const idOf = (list: readonly JsonRecord[], name: string) => list.find((one) => one.name === name)?.id;
  return text
    .replaceAll(/(?<![\w<])@([\w-]+)/g, (whole, name: string) => {
      const found = idOf(workspace.users, name);
      return typeof found === 'string' ? `<@${found}>` : whole;
    })
    .replaceAll(/(?<![\w<])#([\w-]+)/g, (whole, name: string) => {
      const found = idOf(workspace.channels, name);
      return typeof found === 'string' ? `<#${found}>` : whole;
    });
}
