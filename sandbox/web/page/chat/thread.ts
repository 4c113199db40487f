import { type ComponentChildren, h } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { JsonRecord } from '../../../slack/rules/json.ts';
import { Composer } from '../composer/composer.ts';
import { threadKey, type Workspace } from '../workspace.ts';
import { MessageList } from './message-list.ts';

/**
 * A message and its replies beside the channel. Escape closes the pane and returns the focus to the element that opened
 * it.
 */
export function Thread({
  channel,
  ts,
  close,
  ephemerals,
  ...common
}: {
  channel: string;
  ts: string;
  close: () => void;
  /** The ephemeral messages of this thread. */
  ephemerals: readonly JsonRecord[];
  workspace: Workspace;
  user: string;
  onAnswer: (answer: JsonRecord) => void;
  dismiss: (ts: string) => void;
}): ComponentChildren {
  const { workspace } = common;
  const closer = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const opener = document.activeElement;
    closer.current?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [ts]);
  const parent = workspace.messages.filter((message) => message.channelId === channel && message.ts === ts);
  const replies = [...(workspace.replies.get(threadKey(channel, ts)) ?? []), ...ephemerals].sort(
    (a, b) => Number(a.ts) - Number(b.ts),
  );
  return h(
    'aside',
    {
      class: 'thread',
      'aria-label': 'Thread',
      onKeyDown: (event: KeyboardEvent) => event.key === 'Escape' && !event.defaultPrevented && close(),
    },
    [
      h('header', { class: 'pane-head' }, [
        h('h2', {}, ['Thread ', h('span', { class: 'quiet' }, `#${workspace.names.channel(channel) ?? ''}`)]),
        h(
          'button',
          { type: 'button', class: 'icon', ref: closer, 'aria-label': 'Close the thread', onClick: close },
          '✕',
        ),
      ]),
      h(MessageList, { ...common, key: `${common.user}/${ts}`, pane: 'thread', messages: [...parent, ...replies] }),
      h(Composer, { workspace, user: common.user, onAnswer: common.onAnswer, channel, threadTs: ts }),
    ],
  );
}
