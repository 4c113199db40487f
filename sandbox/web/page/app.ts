import { type ComponentChildren, h } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type JsonRecord, recordsOf, textOf } from '../../slack/rules/json.ts';
import { HomeTab } from './chat/home.ts';
import { MessageList } from './chat/message-list.ts';
import { HOME, Sidebar } from './chat/sidebar.ts';
import { Thread } from './chat/thread.ts';
import { Composer } from './composer/composer.ts';
import { Suggestions } from './composer/suggestions.ts';
import { Modals } from './modals/modal.ts';
import { useSeen, useStored } from './stored.ts';
import { useTheme } from './theme.ts';
import { useWorkspace, type Workspace } from './workspace.ts';
import { World } from './world/world.ts';

const FIRST_PLACE = 'C0TIMESHEET';
const TITLE = 'rescan-bot sandbox';
/** Windows of this width or more have room for the World pane beside the conversation. */
const ROOM_FOR_WORLD = '(min-width: 1000px)';

/** The whole page: a small Slack with the World pane beside it. */
export function App(): ComponentChildren {
  const seenWorkspace = useWorkspace();
  const [user, setUser] = useStored('person', 'operator');
  const [theme, setTheme] = useTheme();
  const [storedPlace, storePlace] = useStored('place', FIRST_PLACE);
  const [thread, setThread] = useState<string | undefined>();
  const [shown, setShown] = useState<{ ts: string } | undefined>();
  const [error, setError] = useState('');
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const [isWorldOpen, setWorldOpen] = useState(() => matchMedia(ROOM_FOR_WORLD).matches);
  const [isSidebarOpen, setSidebarOpen] = useState(false);
  useEffect(() => {
    // A narrow window shows only the conversation, a wide one shows both.
    const room = matchMedia(ROOM_FOR_WORLD);
    const onChange = () => setWorldOpen(room.matches);
    room.addEventListener('change', onChange);
    return () => room.removeEventListener('change', onChange);
  }, []);
  const userId = textOf(seenWorkspace.users.find(({ name }) => name === user)?.id) ?? '';
  const isKnown = storedPlace === HOME || seenWorkspace.channels.some(({ id }) => id === storedPlace);
  const place = isKnown ? storedPlace : FIRST_PLACE;

  const go = (next: string, threadTs?: string) => {
    setThread(threadTs);
    setShown(undefined);
    setSidebarOpen(false);
    storePlace(next);
  };
  const latest = useRef(seenWorkspace);
  latest.current = seenWorkspace;
  const follow = (url: string): boolean => {
    const found = messageAt(url, latest.current);
    if (!found) return false;
    go(String(found.channelId), textOf(found.threadTs));
    setShown({ ts: String(found.ts) });
    return true;
  };
  const workspace: Workspace = { ...seenWorkspace, names: { ...seenWorkspace.names, follow } };
  const onAnswer = (answer: JsonRecord) => setError(errorIn(answer) ?? '');

  const mine = workspace.ephemerals.filter(
    ({ onlyFor, ts }) => onlyFor === userId && !workspace.gone.has(String(ts)) && !dismissed.has(String(ts)),
  );
  const { newSince, unread, messages } = useReading(workspace, { user, userId }, place, mine);
  const views = recordsOf(workspace.views[userId]);
  const common = {
    workspace,
    user,
    onAnswer,
    dismiss: (ts: string) => setDismissed((before) => new Set([...before, ts])),
  };
  const panes = `${thread === undefined ? '' : ' has-thread'}${isWorldOpen ? ' has-world' : ''}`;
  return h('div', { class: `layout${panes}${isSidebarOpen ? ' has-sidebar' : ''}` }, [
    h(Sidebar, { workspace, user, userId, setUser, theme, setTheme, place, setPlace: go, unread }),
    h('main', { 'aria-label': 'Conversation' }, [
      h('header', { class: 'pane-head main-head' }, [
        h(
          'button',
          {
            type: 'button',
            class: 'icon menu-toggle',
            'aria-label': 'Channels and people',
            'aria-expanded': isSidebarOpen,
            onClick() {
              setSidebarOpen(!isSidebarOpen);
              if (!matchMedia(ROOM_FOR_WORLD).matches) setWorldOpen(false);
            },
          },
          '☰',
        ),
        h('h1', {}, titleOf(workspace, place)),
        h('span', { class: 'you-are' }, ['as ', h('strong', {}, user)]),
        h(
          'button',
          {
            type: 'button',
            class: 'button small world-toggle',
            'aria-expanded': isWorldOpen,
            onClick() {
              setWorldOpen(!isWorldOpen);
              if (!isWorldOpen && !matchMedia('(min-width: 1360px)').matches) setThread(undefined);
            },
          },
          'World',
        ),
      ]),
      workspace.isThere
        ? null
        : h(
            'p',
            { class: 'page-error', role: 'alert' },
            'The sandbox does not answer. Start it with npm run sandbox; this page then reconnects.',
          ),
      error === ''
        ? null
        : h('p', { class: 'page-error', role: 'alert' }, [
            error,
            h('button', { type: 'button', class: 'icon', 'aria-label': 'Dismiss', onClick: () => setError('') }, '✕'),
          ]),
      place === HOME
        ? h(HomeTab, { ...common, userId })
        : [
            h(MessageList, {
              ...common,
              key: `${user}/${place}`,
              pane: 'channel',
              messages,
              openThread: setThread,
              newSince,
              shown: thread === undefined ? shown : undefined,
            }),
            messages.length === 0 ? h(Suggestions, { user, channel: place, onAnswer }) : null,
            h(Composer, { workspace, user, onAnswer, key: place, channel: place }),
          ],
    ]),
    thread === undefined || place === HOME
      ? null
      : h(Thread, {
          ...common,
          channel: place,
          ts: thread,
          ephemerals: mine.filter(({ threadTs }) => threadTs === thread),
          close: () => setThread(undefined),
        }),
    h(World, { isBotUp: workspace.isBotUp, user, channel: place === HOME ? FIRST_PLACE : place, isOpen: isWorldOpen }),
    views.length > 0 ? h(Modals, { ...common, key: textOf(views[0]?.id) ?? '', views }) : null,
  ]);
}

/**
 * The error to show for an answer. Undefined when Slack has already shown it to the person, in the channel or in the
 * form.
 */
function errorIn(answer: JsonRecord): string | undefined {
  if (answer.ok !== false) return undefined;
  const isShown = 'acknowledgedInMs' in answer || answer.error === 'unknown_command';
  return isShown ? undefined : String(answer.message ?? answer.error ?? answer.result);
}

const titleOf = (workspace: Workspace, place: string): string => {
  const app = textOf(workspace.app.name) ?? 'App';
  if (place === HOME) return `${app} · Home`;
  const channel = workspace.channels.find(({ id }) => id === place);
  return channel?.kind === 'im' ? `${app} · Messages` : `# ${textOf(channel?.name) ?? '…'}`;
};

/** The message that a permalink of the local Slack names: `…/archives/C0TIMESHEET/p1700000000000100`. */
function messageAt(url: string, workspace: Workspace): JsonRecord | undefined {
  const [, channelId, digits = ''] = /^https?:\/\/[^/]+\/archives\/(\w+)\/p(\d{7,})$/.exec(url) ?? [];
  const ts = `${digits.slice(0, -6)}.${digits.slice(-6)}`;
  return workspace.messages.find((message) => message.channelId === channelId && message.ts === ts);
}

/** The messages of a channel for this person, which of them are new, and how many are unread elsewhere. */
function useReading(
  workspace: Workspace,
  { user, userId }: { user: string; userId: string },
  place: string,
  mine: readonly JsonRecord[],
) {
  const [seen, setSeen] = useSeen();
  const inChannel = (channelId: string) =>
    [...workspace.messages, ...mine]
      .filter(
        ({ channelId: its, threadTs, ts, isBroadcast }) =>
          its === channelId && (threadTs === undefined || threadTs === ts || isBroadcast === true),
      )
      .sort((a, b) => Number(a.ts) - Number(b.ts));
  const messages = inChannel(place);
  const key = `${user}/${place}`;
  const newest = Number(messages.at(-1)?.ts ?? 0);
  // The line above the new messages stays where it was when the channel was opened.
  const [opened, setOpened] = useState<{ key: string; until: number }>({ key: '', until: 0 });
  if (opened.key !== key) setOpened({ key, until: seen[key] ?? 0 });
  useEffect(() => {
    if (newest > 0) setSeen(key, newest);
  }, [key, newest]);
  const unread = (channelId: string): number => {
    const until = seen[`${user}/${channelId}`] ?? 0;
    if (channelId === place) return 0;
    return inChannel(channelId).filter((message) => Number(message.ts) > until && message.userId !== userId).length;
  };
  const waiting = workspace.channels
    .filter(({ kind, members }) => kind !== 'im' || (Array.isArray(members) && members.includes(userId)))
    .reduce((sum, { id }) => sum + unread(String(id)), 0);
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) ${TITLE}` : TITLE;
  }, [waiting]);
  return { messages, unread, newSince: opened.until > 0 ? opened.until : undefined };
}
