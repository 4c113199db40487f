import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import type { Theme } from '../theme.ts';
import type { Workspace } from '../workspace.ts';
import { avatar } from './avatar.ts';
import { PEOPLE } from './people.ts';

export const HOME = 'home';

const ROLES: Readonly<Record<string, string>> = {
  operator: 'starts and stops runs',
  approver: 'approves flush and restore',
  viewer: 'read only',
};

/** The list of channels, the choice of the person, and the colour scheme. */
export function Sidebar({
  workspace,
  user,
  userId,
  setUser,
  theme,
  setTheme,
  place,
  setPlace,
  unread,
}: {
  workspace: Workspace;
  user: string;
  userId: string;
  setUser: (user: string) => void;
  theme: Theme;
  setTheme: (theme: Theme) => void;
  place: string;
  setPlace: (place: string) => void;
  unread: (channelId: string) => number;
}): ComponentChildren {
  const isMine = ({ members }: JsonRecord) => Array.isArray(members) && members.includes(userId);
  const channels = workspace.channels.filter(({ kind }) => kind !== 'im');
  const talks = workspace.channels.filter((channel) => channel.kind === 'im' && isMine(channel));
  const appName = textOf(workspace.app.name) ?? 'App';
  const entry = (id: string, sign: ComponentChildren, name: string, waiting: number) =>
    h('li', { key: id }, [
      h(
        'button',
        {
          type: 'button',
          class: waiting > 0 ? 'channel unread' : 'channel',
          'aria-current': place === id ? 'page' : undefined,
          'data-place': id,
          onClick: () => setPlace(id),
        },
        [
          h('span', { class: 'channel-sign', 'aria-hidden': 'true' }, sign),
          h('span', { class: 'channel-name' }, name),
          waiting > 0 ? h('span', { class: 'badge', 'aria-label': `${waiting} unread` }, String(waiting)) : null,
        ],
      ),
    ]);
  return h('nav', { class: 'sidebar', 'aria-label': 'Workspace' }, [
    h('p', { class: 'team' }, 'Sandbox'),
    h('h2', { class: 'side-title' }, 'Channels'),
    h(
      'ul',
      {},
      channels.map((channel) => {
        const id = textOf(channel.id) ?? '';
        return entry(id, '#', textOf(channel.name) ?? id, unread(id));
      }),
    ),
    h('h2', { class: 'side-title' }, 'Apps'),
    h('ul', {}, [
      entry(HOME, avatar(appName, true, 'small'), `${appName} Home`, 0),
      ...talks.map((channel) => {
        const id = textOf(channel.id) ?? '';
        return entry(id, avatar(appName, true, 'small'), `${appName} Messages`, unread(id));
      }),
    ]),
    h('fieldset', { class: 'people' }, [
      h('legend', { class: 'side-title' }, 'You are'),
      ...PEOPLE.map((name) =>
        h('label', { class: user === name ? 'person chosen' : 'person', key: name }, [
          h('input', {
            type: 'radio',
            name: 'person',
            value: name,
            checked: user === name,
            'data-person': name,
            onChange: () => setUser(name),
          }),
          avatar(name, false, 'small'),
          h('span', {}, [name, h('span', { class: 'role' }, ROLES[name] ?? '')]),
        ]),
      ),
    ]),
    h(
      'button',
      {
        type: 'button',
        class: 'theme',
        'aria-label': theme === 'dark' ? 'Use the light colours' : 'Use the dark colours',
        onClick: () => setTheme(theme === 'dark' ? 'light' : 'dark'),
      },
      theme === 'dark' ? '☀ Light' : '☾ Dark',
    ),
  ]);
}
