import type { HomeView, ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import { viewWithinLimits } from '../messages/kit/view-limits.ts';
import { classifySlackError } from './slack-errors.ts';

const GONE = {
  expired: 'The trigger of a form has expired.',
  opened: 'The form of this request is already open.',
  closed: 'A form was closed while it was filled.',
} as const;

/**
 * A form that cannot be shown: Slack did not open it in time, the same request was delivered before and has opened it, or the
 * person closed it while it was filled.
 */
export class FormGoneError extends Error {
  override readonly name = 'FormGoneError';
  readonly reason: keyof typeof GONE;
  constructor(reason: keyof typeof GONE, cause: unknown) {
    super(GONE[reason], { cause });
    this.reason = reason;
  }
}

/** docs.slack.dev, views.open and views.update. */
const GONE_CODES: Readonly<Record<string, FormGoneError['reason']>> = {
  expired_trigger_id: 'expired',
  // A trigger is used once, and only this app gets it.
  exchanged_trigger_id: 'opened',
  not_found: 'closed',
};

async function orGone<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = classifySlackError(error);
    const reason = failure.kind === 'refused' ? GONE_CODES[failure.code] : undefined;
    throw reason === undefined ? error : new FormGoneError(reason, error);
  }
}

/** Modals, cut to Slack's limits. Both methods throw FormGoneError, or what Slack's client throws. */
export interface ModalClient {
  /** Opens a modal with a trigger that is at most 3 s old. Returns the id of the view. */
  openView(triggerId: string, view: ModalView): Promise<string>;
  updateView(viewId: string, view: ModalView): Promise<void>;
}

export const createModalClient = (client: Pick<WebClient, 'views'>): ModalClient => ({
  async openView(triggerId, view) {
    const opened = await orGone(() => client.views.open({ trigger_id: triggerId, view: viewWithinLimits(view) }));
    if (!opened.view?.id) throw new Error('views.open succeeded but returned no view id.');
    return opened.view.id;
  },
  async updateView(viewId, view) {
    await orGone(() => client.views.update({ view_id: viewId, view: viewWithinLimits(view) }));
  },
});

/** Shows a Home tab, cut to Slack's limits, to one person. Throws what Slack's client throws. */
export type PublishHome = (person: string, view: HomeView) => Promise<void>;

export const createHomePublisher =
  (client: Pick<WebClient, 'views'>): PublishHome =>
  async (person, view) => {
    await client.views.publish({ user_id: person, view: viewWithinLimits(view) });
  };
