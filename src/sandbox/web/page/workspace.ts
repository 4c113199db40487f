import { useEffect, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { get } from './api.ts';
import type { Names } from './mrkdwn.ts';

/** What the local Slack holds, as the page needs it. */
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
  /** Whether a bot is connected. */
  readonly isBotUp: boolean;
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
  isBotUp: false,
  names: { user: () => undefined, channel: () => undefined },
};

function read(state: JsonRecord): Workspace {
  const users = recordsOf(state.users);
  const channels = recordsOf(state.channels);
  const nameIn = (list: readonly JsonRecord[]) => (id: string) => textOf(list.find((one) => one.id === id)?.name);
  return {
    users,
    channels,
    messages: recordsOf(state.messages),
    ephemerals: recordsOf(state.ephemerals),
    files: recordsOf(state.files),
    commands: recordsOf(state.commands),
    homes: recordOf(state.homes),
    views: recordOf(state.views),
    app: recordOf(state.app),
    isBotUp: recordsOf(state.connections).length > 0,
    names: { user: nameIn(users), channel: nameIn(channels) },
  };
}

/** Events that come close together are one look. */
const TOGETHER_MS = 60;

/** The workspace as it is now: taken whole, and again after each event. */
export function useWorkspace(): Workspace {
  const [workspace, setWorkspace] = useState(NOTHING);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLooking = false;
    let isStale = false;
    const look = async () => {
      if (isLooking) {
        isStale = true;
        return;
      }
      isLooking = true;
      const state = await get('/sandbox/state');
      isLooking = false;
      if (state) setWorkspace(read(state));
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
    const events = new EventSource('/sandbox/events');
    for (const type of EVENTS) events.addEventListener(type, soon);
    events.addEventListener('open', soon);
    return () => {
      clearTimeout(timer);
      events.close();
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
  'connection_opened',
  'connection_closed',
  'slack_world',
];

/** What the page remembers of itself in this browser. */
export function useKept(name: string, otherwise: string): readonly [string, (value: string) => void] {
  const key = `rescan-sandbox-${name}`;
  const [value, setValue] = useState(() => localStorage.getItem(key) ?? otherwise);
  return [
    value,
    (next) => {
      localStorage.setItem(key, next);
      setValue(next);
    },
  ];
}
