import type { ElementValues, PlacedElement } from '../rules/element-values.ts';
import { type JsonRecord, present } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import type { Channel, User } from './directory.ts';
import { type Message, toSlackMessage } from './messages.ts';
import { toSlackView, type View } from './views.ts';

/** The payloads of Slack's envelopes (docs.slack.dev, "Interaction payloads"). Formats only, no decisions. */
type PayloadParts = Pick<Parts, 'directory'>;

const VERIFICATION_TOKEN = 'sandbox-verification-token';
/** The name of a direct conversation, as an app sees it. */
const channelName = (channel: Channel) => (channel.kind === 'im' ? 'directmessage' : channel.name);

const about = ({ directory }: PayloadParts, user: User): JsonRecord => ({
  team: { id: directory.team.id, domain: directory.team.domain },
  user: { id: user.id, username: user.name, name: user.name, team_id: user.teamId },
  api_app_id: directory.app.id,
  token: VERIFICATION_TOKEN,
  enterprise: null,
  is_enterprise_install: false,
});

export function commandPayload(
  { directory }: PayloadParts,
  said: { user: User; channel: Channel; command: string; text: string; triggerId: string; responseUrl: string },
): JsonRecord {
  return {
    token: VERIFICATION_TOKEN,
    team_id: directory.team.id,
    team_domain: directory.team.domain,
    channel_id: said.channel.id,
    channel_name: channelName(said.channel),
    user_id: said.user.id,
    user_name: said.user.name,
    command: said.command,
    text: said.text,
    api_app_id: directory.app.id,
    is_enterprise_install: 'false',
    response_url: said.responseUrl,
    trigger_id: said.triggerId,
  };
}

/** A message in its channel, or a view. */
export type Surface =
  | { readonly kind: 'message'; readonly message: Message; readonly channel: Channel }
  | { readonly kind: 'view'; readonly view: View };

const containerOf = (surface: Surface): JsonRecord =>
  surface.kind === 'view'
    ? { type: 'view', view_id: surface.view.id }
    : present({
        type: 'message',
        message_ts: surface.message.ts,
        channel_id: surface.channel.id,
        is_ephemeral: surface.message.onlyFor !== undefined,
        thread_ts: surface.message.threadTs,
      });

function surfaceFields(parts: PayloadParts, surface: Surface): JsonRecord {
  if (surface.kind === 'view') return { view: toSlackView(surface.view, parts.directory) };
  const channel = { id: surface.channel.id, name: channelName(surface.channel) };
  // Slack does not store ephemeral messages, so the payload does not contain one.
  if (surface.message.onlyFor !== undefined) return { channel };
  return { channel, message: toSlackMessage(surface.message, parts.directory) };
}

export function blockActionsPayload(
  parts: PayloadParts,
  done: {
    user: User;
    surface: Surface;
    actions: readonly JsonRecord[];
    values: ElementValues;
    triggerId: string;
    responseUrl?: string;
  },
): JsonRecord {
  return present({
    type: 'block_actions',
    ...about(parts, done.user),
    container: containerOf(done.surface),
    trigger_id: done.triggerId,
    ...surfaceFields(parts, done.surface),
    state: { values: done.values },
    response_url: done.responseUrl,
    actions: done.actions,
  });
}

export function suggestionPayload(
  parts: PayloadParts,
  asked: { user: User; surface: Surface; placed: PlacedElement; value: string },
): JsonRecord {
  return {
    type: 'block_suggestion',
    ...about(parts, asked.user),
    container: containerOf(asked.surface),
    ...surfaceFields(parts, asked.surface),
    action_id: asked.placed.actionId,
    block_id: asked.placed.blockId,
    value: asked.value,
  };
}

export function viewSubmissionPayload(
  parts: PayloadParts,
  sent: { user: User; view: View; triggerId: string; responseUrls: readonly JsonRecord[] },
): JsonRecord {
  return {
    type: 'view_submission',
    ...about(parts, sent.user),
    trigger_id: sent.triggerId,
    view: toSlackView(sent.view, parts.directory),
    response_urls: sent.responseUrls,
  };
}

export function viewClosedPayload(
  parts: PayloadParts,
  closed: { user: User; view: View; isCleared: boolean },
): JsonRecord {
  return {
    type: 'view_closed',
    ...about(parts, closed.user),
    view: toSlackView(closed.view, parts.directory),
    is_cleared: closed.isCleared,
  };
}

/** The outer object of an Events API delivery. */
export function eventPayload(parts: PayloadParts & Pick<Parts, 'clock' | 'ids'>, event: JsonRecord): JsonRecord {
  const { directory } = parts;
  return {
    token: VERIFICATION_TOKEN,
    team_id: directory.team.id,
    api_app_id: directory.app.id,
    event: { ...event, event_ts: parts.ids.ts() },
    type: 'event_callback',
    event_id: parts.ids.next('Ev'),
    event_time: Math.floor(parts.clock.now() / 1000),
    authorizations: [
      {
        enterprise_id: null,
        team_id: directory.team.id,
        user_id: directory.bot.id,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: false,
  };
}
