import { type ComponentChildren, h } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../slack/json.ts';
import { post } from './api.ts';
import type { Workspace } from './workspace.ts';

/** The words that a command's hint names: `help | backup | pace 60` offers `/rescan help`, … */
export function completionsOf(commands: readonly JsonRecord[], typed: string): readonly string[] {
  if (!typed.startsWith('/')) return [];
  const all = commands.flatMap((command) => {
    const name = textOf(command.command) ?? '';
    const hint = textOf(command.usageHint) ?? textOf(command.usage_hint) ?? '';
    const words = hint
      .split('|')
      .map((part) => part.trim())
      .filter((part) => part !== '' && part !== '…');
    return [name, ...words.map((word) => `${name} ${word}`)];
  });
  return all.filter((line) => line.startsWith(typed) && line !== typed).slice(0, 8);
}

/** Where a person writes: messages, and commands with what they may become. */
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
  const [chosen, setChosen] = useState(0);
  const said = useRef<readonly string[]>([]);
  const offered = threadTs === undefined ? completionsOf(workspace.commands, text) : [];
  const id = threadTs === undefined ? 'composer' : 'thread-composer';

  const send = async () => {
    const line = text.trim();
    if (line === '') return;
    setText('');
    said.current = [...said.current, line].slice(-20);
    const answer = line.startsWith('/')
      ? await post('/sandbox/command', { user, channel, text: line })
      : await post('/sandbox/message', { user, channel, text: line, ...(threadTs === undefined ? {} : { threadTs }) });
    onAnswer(answer);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const pick = offered[chosen];
    if (event.key === 'Tab' && pick !== undefined && !event.shiftKey) {
      event.preventDefault();
      setText(pick);
      setChosen(0);
    } else if (event.key === 'ArrowDown' && offered.length > 0) {
      event.preventDefault();
      setChosen((chosen + 1) % offered.length);
    } else if (event.key === 'ArrowUp' && offered.length > 0) {
      event.preventDefault();
      setChosen((chosen + offered.length - 1) % offered.length);
    } else if (event.key === 'ArrowUp' && text === '') {
      setText(said.current.at(-1) ?? '');
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      void send();
    }
  };
  return h(
    'form',
    {
      class: 'composer',
      onSubmit: (event: Event) => {
        event.preventDefault();
        void send();
      },
    },
    [
      offered.length === 0
        ? null
        : h(
            'ul',
            { class: 'completions', role: 'listbox', id: `${id}-offered`, 'aria-label': 'Commands' },
            offered.map((line, at) =>
              h(
                'li',
                {
                  key: line,
                  role: 'option',
                  id: `${id}-option-${at}`,
                  'aria-selected': at === chosen,
                  onMouseDown: (event: Event) => {
                    event.preventDefault();
                    setText(line);
                  },
                },
                line,
              ),
            ),
          ),
      h('label', { for: id, class: 'hidden' }, threadTs === undefined ? 'Message or command' : 'Reply'),
      h('textarea', {
        id,
        rows: 1,
        value: text,
        placeholder: threadTs === undefined ? 'Message, or /rescan …' : 'Reply…',
        role: 'combobox',
        'aria-expanded': offered.length > 0,
        'aria-controls': `${id}-offered`,
        'aria-autocomplete': 'list',
        ...(offered.length > 0 ? { 'aria-activedescendant': `${id}-option-${chosen}` } : {}),
        onInput: (event: Event) => {
          if (event.target instanceof HTMLTextAreaElement) setText(event.target.value);
          setChosen(0);
        },
        onKeyDown,
      }),
      h('button', { type: 'submit', class: 'button primary' }, 'Send'),
    ],
  );
}
