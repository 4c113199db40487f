import { useEffect, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/rules/json.ts';
import { get } from './api.ts';
import type { Names } from './blocks/mrkdwn.ts';

/** The state of the local Slack, as the page needs it. */
export interface Workspace {
  readonly users: readonly JsonRecord[];
  readonly channels: readonly JsonRecord[];
  readonly messages: readonly JsonRecord[];
  readonly ephemerals: readonly JsonRecord[];
  readonly files: readonly JsonRecord[];
  readonly commands: readonly JsonRecord[];
  readonly homes: JsonRecord;
  readonly views: JsonRecord;
  readonly app: JsonRecord;
  /** Replies, oldest first, by `channel/ts` of their parent. */
  readonly replies: ReadonlyMap<string, readonly JsonRecord[]>;
  /** Whether a bot is connected. */
  readonly isBotUp: boolean;
  /** Whether the sandbox answers. If not, the page shows the last known state. */
  readonly isThere: boolean;
  /** Ephemeral messages from before the page was opened. As in Slack, a reload removes them. */
  readonly gone: ReadonlySet<string>;
  readonly names: Names;
}

const NOTHING: Workspace = {
  users: [],
  channels: [],
  messages: [],
  ephemerals: [],
  files: [],
  commands: [],
  homes: {},
  views: {},
  app: {},
  replies: new Map(),
  isBotUp: false,
  isThere: true,
  gone: new Set(),
  names: { user: () => undefined, channel: () => undefined, group: () => undefined },
};

export const threadKey = (channelId: unknown, ts: unknown): string => `${String(channelId)}/${String(ts)}`;

function repliesIn(messages: readonly JsonRecord[]): ReadonlyMap<string, readonly JsonRecord[]> {
  const replies = new Map<string, JsonRecord[]>();
  for (const message of messages) {
    if (message.threadTs === undefined || message.threadTs === message.ts) continue;
    const key = threadKey(message.channelId, message.threadTs);
    const known = replies.get(key);
    if (known) known.push(message);
    else replies.set(key, [message]);
  }
  return replies;
}

function read(state: JsonRecord, gone: ReadonlySet<string>): Workspace {
  const users = recordsOf(state.users);
  const channels = recordsOf(state.channels);
  const nameIn = (list: readonly JsonRecord[]) => (id: string) => textOf(list.find((one) => one.id === id)?.name);
  return {
    users,
    channels,
    messages: recordsOf(state.messages),
    replies: repliesIn(recordsOf(state.messages)),
    ephemerals: recordsOf(state.ephemerals),
    files: recordsOf(state.files),
    commands: recordsOf(state.commands),
    homes: recordOf(state.homes),
    views: recordOf(state.views),
    app: recordOf(state.app),
    isBotUp: recordsOf(state.connections).length > 0,
    isThere: true,
    gone,
    names: {
      user: nameIn(users),
      channel: nameIn(channels),
      group: (id) => textOf(recordsOf(state.userGroups).find((group) => group.id === id)?.handle),
    },
  };
}

/** Events within this time lead to one read. */
const TOGETHER_MS = 60;
const LISTEN_AGAIN_MS = 1_000;

/** The current workspace: read completely, and again after each event. */
export function useWorkspace(): Workspace {
  const [workspace, setWorkspace] = useState(NOTHING);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLooking = false;
    let isStale = false;
    let gone: ReadonlySet<string> | undefined;
    const look = async () => {
      if (isLooking) {
        isStale = true;
        return;
      }
      isLooking = true;
      const state = await get('/sandbox/state');
      isLooking = false;
      if (state) {
        gone ??= new Set(recordsOf(state.ephemerals).map(({ ts }) => String(ts)));
        setWorkspace(read(state, gone));
      }
      if (isStale) {
        isStale = false;
        soon();
      }
    };
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void look();
      }, TOGETHER_MS);
    };
    void look();
    let events: EventSource | undefined;
    let later: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      const opened = new EventSource('/sandbox/events');
      events = opened;
      for (const type of EVENTS) opened.addEventListener(type, soon);
      opened.addEventListener('open', soon);
      opened.addEventListener('error', () => {
        setWorkspace((before) => ({ ...before, isThere: false }));
        // The browser reopens a broken stream by itself, but not one that was refused.
        if (opened.readyState === EventSource.CLOSED) later = setTimeout(listen, LISTEN_AGAIN_MS);
      });
    };
    listen();
    return () => {
      clearTimeout(timer);
      clearTimeout(later);
      events?.close();
    };
  }, []);
  return workspace;
}

const EVENTS = [
  'message',
  'message_changed',
  'message_deleted',
  'ephemeral',
  'ephemeral_changed',
  'ephemeral_deleted',
  'reaction_added',
  'file_shared',
  'view_opened',
  'view_updated',
  'view_pushed',
  'view_errors',
  'view_closed',
  'home_published',
  'channel_joined',
  'channel_changed',
  'connection_opened',
  'connection_closed',
  'slack_world',
];
