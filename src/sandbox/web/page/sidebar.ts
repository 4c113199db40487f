import { type ComponentChildren, h } from 'preact';
import { textOf } from '../../slack/json.ts';
import { PEOPLE } from './people.ts';
import type { Workspace } from './workspace.ts';

/** Where one may go, who one is, and how the page looks. */
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
  theme: string;
  setTheme: (theme: string) => void;
  place: string;
  setPlace: (place: string) => void;
  unread: (channelId: string) => number;
}): ComponentChildren {
  const channels = workspace.channels.filter(
    ({ kind, members }) => kind !== 'im' || (Array.isArray(members) && members.includes(userId)),
  );
  return h('nav', { class: 'sidebar', 'aria-label': 'Workspace' }, [
    h('p', { class: 'team' }, 'Sandbox'),
    h('fieldset', { class: 'people' }, [
      h('legend', {}, 'You are'),
      ...PEOPLE.map((name) =>
        h('label', { class: 'choice', key: name }, [
          h('input', {
            type: 'radio',
            name: 'person',
            checked: user === name,
            'data-person': name,
            onChange: () => setUser(name),
          }),
          h('span', {}, name),
        ]),
      ),
    ]),
    h('ul', {}, [
      ...channels.map((channel) => {
        const id = textOf(channel.id) ?? '';
        const waiting = unread(id);
        return h('li', { key: id }, [
          h(
            'button',
            {
              type: 'button',
              class: waiting > 0 ? 'channel unread' : 'channel',
              'aria-current': place === id ? 'page' : undefined,
              onClick: () => setPlace(id),
            },
            [
              channel.kind === 'im' ? '✉ rescan-bot' : `# ${textOf(channel.name) ?? id}`,
              waiting > 0 ? h('span', { class: 'badge', 'aria-label': `${waiting} unread` }, String(waiting)) : null,
            ],
          ),
        ]);
      }),
      h(
        'li',
        {},
        h(
          'button',
          {
            type: 'button',
            class: 'channel',
            'aria-current': place === 'home' ? 'page' : undefined,
            onClick: () => setPlace('home'),
          },
          '⌂ rescan-bot Home',
        ),
      ),
    ]),
    h(
      'button',
      { type: 'button', class: 'button theme', onClick: () => setTheme(theme === 'dark' ? 'light' : 'dark') },
      theme === 'dark' ? 'Light' : 'Dark',
    ),
  ]);
}
