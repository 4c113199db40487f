import type { WebClient } from '@slack/web-api';
import type { ModalView } from '../forms/change-plan-view.ts';
import { viewWithinLimits } from '../messages/kit/view-limits.ts';

/** ModalClient, cut to Slack's limits. Both throw what Slack's client throws. */
export interface ModalClient {
  /** Opens a modal with a trigger of a moment ago; answers its id. */
  openView(triggerId: string, view: ModalView): Promise<string>;
  updateView(viewId: string, view: ModalView): Promise<void>;
}

export const createModalClient = (client: Pick<WebClient, 'views'>): ModalClient => ({
  async openView(triggerId, view) {
    const opened = await client.views.open({ trigger_id: triggerId, view: viewWithinLimits(view) });
    if (!opened.view?.id) throw new Error('Slack opened a modal and gave no id.');
    return opened.view.id;
  },
  async updateView(viewId, view) {
    await client.views.update({ view_id: viewId, view: viewWithinLimits(view) });
  },
});
