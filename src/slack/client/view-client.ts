import type { HomeView, ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import { viewWithinLimits } from '../messages/kit/view-limits.ts';

/** Modals, cut to Slack's limits. Both methods throw what Slack's client throws. */
export interface ModalClient {
  /** Opens a modal with a trigger that is at most 3 s old. Returns the id of the view. */
  openView(triggerId: string, view: ModalView): Promise<string>;
  updateView(viewId: string, view: ModalView): Promise<void>;
}

export const createModalClient = (client: Pick<WebClient, 'views'>): ModalClient => ({
  async openView(triggerId, view) {
    const opened = await client.views.open({ trigger_id: triggerId, view: viewWithinLimits(view) });
    if (!opened.view?.id) throw new Error('views.open succeeded but returned no view id.');
    return opened.view.id;
  },
  async updateView(viewId, view) {
    await client.views.update({ view_id: viewId, view: viewWithinLimits(view) });
  },
});

/** Shows a Home tab, cut to Slack's limits, to one person. Throws what Slack's client throws. */
export type PublishHome = (person: string, view: HomeView) => Promise<void>;

export const createHomePublisher =
  (client: Pick<WebClient, 'views'>): PublishHome =>
  async (person, view) => {
    await client.views.publish({ user_id: person, view: viewWithinLimits(view) });
  };
