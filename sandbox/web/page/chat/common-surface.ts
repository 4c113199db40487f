import { type JsonRecord, textOf } from '../../../slack/rules/json.ts';
import type { Choice, Surface } from '../elements/surface.ts';
import type { Workspace } from '../workspace.ts';

/** The properties that all blocks share that one person sees. */
export function commonSurface(
  workspace: Workspace,
  user: string,
  onAnswer: (answer: JsonRecord) => void,
): Pick<Surface, 'user' | 'names' | 'people' | 'channels' | 'onAnswer'> {
  const named = (list: readonly JsonRecord[], sign: string): readonly Choice[] =>
    list.map(({ id, name }) => ({ value: textOf(id) ?? '', text: `${sign}${textOf(name) ?? ''}` }));
  return {
    user,
    names: workspace.names,
    people: named(
      workspace.users.filter(({ isDeleted }) => isDeleted !== true),
      '@',
    ),
    channels: named(
      workspace.channels.filter(({ kind }) => kind !== 'im'),
      '#',
    ),
    onAnswer,
  };
}
