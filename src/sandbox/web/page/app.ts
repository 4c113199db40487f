import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { post } from './api.ts';
import { Blocks } from './blocks.ts';
import { Composer } from './composer.ts';
import { Message } from './message.ts';
import { Modal } from './modal.ts';
import { Sidebar } from './sidebar.ts';
import { useKept, useWorkspace, type Workspace } from './workspace.ts';
import { World } from './world.ts';

const SUGGESTED = ['/rescan autopilot', '/rescan start keep limit=40', '/rescan help'];
const HOME = 'home';

const idOf = (workspace: Workspace, name: string): string =>
  textOf(workspace.users.find((user) => user.name === name)?.id) ?? '';

/** The whole page: a small Slack, and the world beside it. */
export function App(): ComponentChildren {
  const workspace = useWorkspace();
  const [user, setUser] = useKept('person', 'operator');
  const [theme, setTheme] = useKept('theme', matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const [place, setPlace] = useKept('place', 'C0TIMESHEET');
  const [seen, setSeen] = useState<Readonly<Record<string, number>>>({});
  const [thread, setThread] = useState<string | undefined>();
  const [trouble, setTrouble] = useState('');
  const userId = idOf(workspace, user);
  document.documentElement.dataset.theme = theme;

  const onAnswer = (answer: JsonRecord) => {
    setTrouble(answer.ok === false ? `${textOf(answer.message) ?? String(answer.error ?? answer.reason)}` : '');
  };
  const inChannel = (channelId: string) =>
    [...workspace.messages, ...workspace.ephemerals.filter(({ onlyFor }) => onlyFor === userId)]
      .filter(
        ({ channelId: its, threadTs, ts, isBroadcast }) =>
          its === channelId && (threadTs === undefined || threadTs === ts || isBroadcast === true),
      )
      .sort((a, b) => Number(a.ts) - Number(b.ts));
  const messages = inChannel(place);
  const newest = Number(messages.at(-1)?.ts ?? 0);
  useEffect(() => {
    setSeen((before) => ({ ...before, [`${user}/${place}`]: newest }));
  }, [user, place, newest]);
  useEffect(() => {
    if (place === HOME) void post('/sandbox/home', { user }).then(onAnswer);
  }, [place, user]);
  const unread = (channelId: string): number => {
    const until = seen[`${user}/${channelId}`] ?? 0;
    return channelId === place ? 0 : inChannel(channelId).filter(({ ts }) => Number(ts) > until).length;
  };
  const [modal] = recordsOf(workspace.views[userId]).slice(-1);
  const common = { workspace, user, onAnswer };
  return h('div', { class: 'layout' }, [
    h(Sidebar, {
      workspace,
      user,
      userId,
      setUser,
      theme,
      setTheme,
      place,
      setPlace(next: string) {
        setThread(undefined);
        setPlace(next);
      },
      unread,
    }),
    h('main', { 'aria-label': 'Conversation' }, [
      trouble === ''
        ? null
        : h('p', { class: 'trouble', role: 'alert' }, [
            trouble,
            h('button', { type: 'button', class: 'icon', 'aria-label': 'Dismiss', onClick: () => setTrouble('') }, '✕'),
          ]),
      place === HOME
        ? h(HomeTab, { ...common, userId })
        : [
            h('h1', {}, `#${workspace.names.channel(place) ?? '…'}`),
            h(MessageList, { ...common, messages, openThread: setThread }),
            messages.length === 0 ? h(Suggestions, { user, channel: place, onAnswer }) : null,
            h(Composer, { ...common, key: place, channel: place }),
          ],
    ]),
    thread === undefined
      ? null
      : h(Thread, { ...common, channel: place, ts: thread, close: () => setThread(undefined) }),
    h(World, { isBotUp: workspace.isBotUp }),
    modal ? h(Modal, { ...common, key: textOf(modal.id), view: modal }) : null,
  ]);
}

interface Common {
  readonly workspace: Workspace;
  readonly user: string;
  readonly onAnswer: (answer: JsonRecord) => void;
}

/** Messages, the newest in sight as long as one has not scrolled up. */
function MessageList({
  messages,
  openThread,
  ...common
}: Common & { messages: readonly JsonRecord[]; openThread?: (ts: string) => void }): ComponentChildren {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const { current } = list;
    if (current && atEnd.current) current.scrollTop = current.scrollHeight;
  });
  return h(
    'div',
    {
      class: 'messages',
      ref: list,
      role: 'log',
      'aria-live': 'polite',
      'aria-label': 'Messages',
      tabIndex: 0,
      onScroll() {
        const { current } = list;
        if (current) atEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < 60;
      },
    },
    messages.map((message) =>
      h(Message, { key: textOf(message.ts), message, ...common, ...(openThread ? { openThread } : {}) }),
    ),
  );
}

function Thread({
  channel,
  ts,
  close,
  ...common
}: Common & { channel: string; ts: string; close: () => void }): ComponentChildren {
  const messages = common.workspace.messages.filter(
    (message) => message.channelId === channel && (message.ts === ts || message.threadTs === ts),
  );
  return h('aside', { class: 'thread', 'aria-label': 'Thread' }, [
    h('header', {}, [
      h('h2', {}, 'Thread'),
      h('button', { type: 'button', class: 'icon', 'aria-label': 'Close the thread', onClick: close }, '✕'),
    ]),
    h(MessageList, { ...common, messages }),
    h(Composer, { ...common, channel, threadTs: ts }),
  ]);
}

/** The Home tab as the app published it for this person. */
function HomeTab({ userId, ...common }: Common & { userId: string }): ComponentChildren {
  const home = recordOf(common.workspace.homes[userId]);
  const id = textOf(home.id);
  return h('div', { class: 'home' }, [
    h('h1', {}, 'rescan-bot · Home'),
    id === undefined
      ? h('p', { class: 'quiet' }, 'The app draws its Home tab in a moment.')
      : h(Blocks, {
          blocks: recordsOf(home.blocks),
          surface: {
            id,
            place: { viewId: id },
            user: common.user,
            names: common.workspace.names,
            onAnswer: common.onAnswer,
          },
        }),
  ]);
}

/** What a newcomer may try first. */
function Suggestions({
  user,
  channel,
  onAnswer,
}: {
  user: string;
  channel: string;
  onAnswer: (answer: JsonRecord) => void;
}): ComponentChildren {
  return h('section', { class: 'suggestions', 'aria-label': 'Try it' }, [
    h('h2', {}, 'A whole pipeline stands ready: try it'),
    ...SUGGESTED.map((text) =>
      h(
        'button',
        {
          type: 'button',
          class: 'button',
          key: text,
          onClick: () => void post('/sandbox/command', { user, channel, text }).then(onAnswer),
        },
        text,
      ),
    ),
    h(
      'p',
      { class: 'quiet' },
      'A flush needs a second person: switch to approver at the left. The dials at the right make things go wrong.',
    ),
  ]);
}
