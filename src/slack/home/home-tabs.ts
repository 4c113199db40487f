import type { HomeView } from '@slack/types';
import type { PublishHome } from '../client/view-client.ts';
import { CHOOSE_PIPELINE, type HomeTabs } from '../intake/listen.ts';
import { nameView } from '../messages/kit/pipeline-name.ts';
import type { Home } from './home.ts';

/** A pipeline that a Home tab can show. */
export interface ShowablePipeline {
  readonly name: string;
  readonly home: Pick<Home, 'opened' | 'forget'>;
  /** Whether this person sees it there: its operators and approvers do. Never throws. */
  readonly maySee: (person: string) => Promise<boolean>;
}

/** The Home tabs of several pipelines: each person sees one of those that they operate, and chooses which. */
export interface ManyHomeTabs extends HomeTabs {
  /** Publishes the tab of a pipeline, with the menu; does nothing where the person sees another pipeline now. */
  publishOf(pipeline: string): PublishHome;
}

const MOST_PEOPLE = 1_000;

/** With one pipeline the tab is that of the pipeline. */
export const singleHomeTab = (home: Pick<Home, 'opened'>): HomeTabs => ({ opened: home.opened, chose: () => {} });

export function createHomeTabs(ports: {
  readonly pipelines: () => readonly ShowablePipeline[];
  readonly publish: PublishHome;
  readonly onError: (error: unknown, message: string) => void;
}): ManyHomeTabs {
  /** What each person sees, and may see: by person, the one who opened the tab longest ago first. */
  const tabs = new Map<string, { readonly shown: string; readonly allowed: readonly string[] }>();

  async function open(person: string, wanted: string | undefined): Promise<void> {
    const all = ports.pipelines();
    const seen = await Promise.all(all.map(async (one) => ((await one.maySee(person)) ? [one] : [])));
    const allowed = seen.flat();
    const shown =
      allowed.find(({ name }) => name === wanted) ??
      allowed.find(({ name }) => name === tabs.get(person)?.shown) ??
      allowed[0];
    for (const other of all) if (other !== shown) other.home.forget(person);
    tabs.delete(person);
    if (!shown) return ports.publish(person, NOTHING);
    if (tabs.size >= MOST_PEOPLE) tabs.delete([...tabs.keys()][0] ?? '');
    tabs.set(person, { shown: shown.name, allowed: allowed.map(({ name }) => name) });
    shown.home.opened(person);
  }
  const start = (person: string, wanted?: string): void =>
    void open(person, wanted).catch((error: unknown) => ports.onError(error, 'a Home tab was not drawn'));

  return {
    opened: (person) => start(person),
    chose: (person, pipeline) => start(person, pipeline),
    publishOf: (pipeline) => async (person, view) => {
      const tab = tabs.get(person);
      if (tab?.shown !== pipeline) return;
      await ports.publish(person, withMenu(nameView(view, pipeline), pipeline, tab.allowed));
    },
  };
}

const NOTHING: HomeView = {
  type: 'home',
  blocks: [
    { type: 'header', text: { type: 'plain_text', text: 'Rescan' } },
    {
      type: 'section',
      text: {
        type: 'mrkdwn',
        text: 'This tab shows the pipelines of which you are an operator or an approver, and there is none. Use `/rescan status` in the channel of a pipeline.',
      },
    },
  ],
};

const option = (name: string) => ({ text: { type: 'plain_text' as const, text: name }, value: name });

/** The tab with a menu of the pipelines that this person may see. */
const withMenu = (view: HomeView, shown: string, allowed: readonly string[]): HomeView => ({
  ...view,
  blocks: [
    {
      type: 'actions',
      block_id: 'home_pipeline',
      elements: [
        {
          type: 'static_select',
          action_id: CHOOSE_PIPELINE,
          placeholder: { type: 'plain_text', text: 'Pipeline' },
          options: allowed.slice(0, 100).map(option),
          initial_option: option(shown),
        },
      ],
    },
    ...view.blocks,
  ],
});
