import { type ComponentChildren, h } from 'preact';
import { useEffect } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { post } from '../api.ts';
import { Blocks } from '../blocks/blocks.ts';
import type { Workspace } from '../workspace.ts';
import { commonSurface } from './common-surface.ts';

/** The Home tab that the app published for this person. Opening it sends the event to the app. */
export function HomeTab({
  workspace,
  user,
  userId,
  onAnswer,
}: {
  workspace: Workspace;
  user: string;
  userId: string;
  onAnswer: (answer: JsonRecord) => void;
}): ComponentChildren {
  useEffect(() => {
    void post('/sandbox/home', { user }).then(onAnswer);
  }, [user, workspace.isBotUp]);
  const home = recordOf(workspace.homes[userId]);
  const id = textOf(home.id);
  return h(
    'div',
    { class: 'home', tabIndex: 0, role: 'region', 'aria-label': 'Home' },
    id === undefined
      ? h('p', { class: 'quiet', role: 'status' }, 'Waiting for the app to publish its Home tab…')
      : h(
          'div',
          { class: 'home-page' },
          h(Blocks, {
            blocks: recordsOf(home.blocks),
            surface: { ...commonSurface(workspace, user, onAnswer), id, place: { viewId: id } },
          }),
        ),
  );
}
