import { type ComponentChild, type ComponentChildren, h } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import { nearDay } from '../blocks/dates.ts';
import { threadKey, type Workspace } from '../workspace.ts';
import { Message, timeOf } from './message.ts';

const NEAR_END_PX = 60;

/**
 * The messages. The list follows new messages at its end. After scrolling up, it keeps its position and shows how many
 * are new.
 */
export function MessageList({
  messages,
  newSince,
  shown,
  ...common
}: {
  messages: readonly JsonRecord[];
  workspace: Workspace;
  user: string;
  pane: string;
  onAnswer: (answer: JsonRecord) => void;
  dismiss: (ts: string) => void;
  openThread?: (ts: string) => void;
  /** Messages after this time were unread when the list was opened. */
  newSince?: number | undefined;
  /** The message to scroll to. */
  shown?: { readonly ts: string } | undefined;
}): ComponentChildren {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [behind, setBehind] = useState(0);
  const drawn = useRef(new Map<string, Drawn>());
  const count = messages.length;
  const before = useRef(count);
  const toEnd = () => {
    const { current } = list;
    if (current) current.scrollTop = current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
    else if (count > before.current) setBehind((behindNow) => behindNow + count - before.current);
    before.current = count;
  });
  useEffect(() => {
    // Pictures, opened files and charts change their height after they were rendered.
    const { current } = list;
    if (!current) return;
    const grown = new ResizeObserver(() => {
      if (atEnd.current) toEnd();
    });
    for (const child of current.children) grown.observe(child);
    grown.observe(current);
    return () => grown.disconnect();
  }, [count]);
  useEffect(() => {
    if (!shown) return;
    const found = list.current?.querySelector(`[data-ts="${CSS.escape(shown.ts)}"]`);
    found?.scrollIntoView({ block: 'center' });
    found?.classList.add('pointed-at');
  }, [shown]);
  const onScroll = () => {
    const { current } = list;
    if (!current) return;
    atEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR_END_PX;
    if (atEnd.current) setBehind(0);
  };
  return h('div', { class: 'message-pane' }, [
    h(
      'div',
      {
        class: 'messages',
        ref: list,
        role: 'log',
        'aria-live': 'polite',
        'aria-relevant': 'additions',
        'aria-label': 'Messages',
        tabIndex: 0,
        onScroll,
      },
      messages.flatMap((message, at) => [
        ...dividers(message, messages[at - 1], newSince),
        drawnOnce(drawn.current, message, common.workspace, () =>
          h(Message, { key: textOf(message.ts), message, ...common }),
        ),
      ]),
    ),
    behind > 0
      ? h(
          'button',
          { type: 'button', class: 'jump', onClick: toEnd },
          `↓ ${behind} new ${behind === 1 ? 'message' : 'messages'}`,
        )
      : null,
  ]);
}

interface Drawn {
  readonly looks: string;
  readonly node: ComponentChild;
}

/**
 * Returns the previous node of a message when nothing visible has changed, so that an edit renders one message and not
 * a thousand. Its event handlers must therefore not depend on values from the time of rendering.
 */
function drawnOnce(
  drawn: Map<string, Drawn>,
  message: JsonRecord,
  { replies, users, channels, files }: Workspace,
  draw: () => ComponentChild,
): ComponentChild {
  const answers = replies.get(threadKey(message.channelId, message.ts));
  const around = [answers?.length, answers?.at(-1)?.ts, users.length, channels.length, files.length];
  const looks = JSON.stringify([message.editedTs, message.reactions, message.files, around]);
  const ts = textOf(message.ts) ?? '';
  const before = drawn.get(ts);
  if (before?.looks === looks) return before.node;
  const node = draw();
  drawn.set(ts, { looks, node });
  return node;
}

/** A heading for each new day, and the line above the first new message. */
function dividers(
  message: JsonRecord,
  before: JsonRecord | undefined,
  newSince: number | undefined,
): ComponentChildren[] {
  const ts = textOf(message.ts) ?? '';
  const earlier = textOf(before?.ts);
  const day = timeOf(ts).toDateString();
  const isNewDay = earlier === undefined || timeOf(earlier).toDateString() !== day;
  const isFirstNew =
    newSince !== undefined && Number(ts) > newSince && earlier !== undefined && Number(earlier) <= newSince;
  return [
    isNewDay ? h('div', { class: 'day', key: `day-${day}` }, h('span', {}, formatDay(timeOf(ts)))) : null,
    isFirstNew ? h('div', { class: 'new-line', key: 'new' }, h('span', {}, 'New')) : null,
  ];
}

function formatDay(date: Date): string {
  const near = nearDay(date, new Date());
  if (near !== undefined) return `${near.slice(0, 1).toUpperCase()}${near.slice(1)}`;
  return date.toLocaleDateString('en-US', { weekday: 'long', month: 'long', day: 'numeric' });
}
