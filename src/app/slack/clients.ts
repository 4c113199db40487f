import { createChannelIds, withCurrentId, withCurrentIds } from '../../slack/client/channel-ids.ts';
import { createChat, withRateLimitRetries } from '../../slack/client/chat.ts';
import { createClients } from '../../slack/client/clients.ts';
import { downloadFile } from '../../slack/client/file-download.ts';
import { createFileUpload } from '../../slack/client/file-upload.ts';
import { createLookups } from '../../slack/client/lookups.ts';
import { withPipelineName, withPipelineNameInFiles, withPipelineNameInViews } from '../../slack/client/named.ts';
import { createHomePublisher, createModalClient } from '../../slack/client/view-client.ts';
import { createApproverCheck } from '../../slack/intake/approver-check.ts';
import { createMembershipCheck } from '../../slack/intake/channel-membership.ts';
import { createPeople } from '../../slack/intake/people.ts';
import { createPermissions } from '../../slack/intake/permissions.ts';
import type { SlackPorts } from './ports.ts';

/** Slack's Web API, by purpose. Each part has a client of its own, because a 429 pauses the whole queue of a client. */
export function assembleClients(
  ports: Pick<SlackPorts, 'name' | 'settings' | 'channels' | 'channelIds' | 'publishHome' | 'clock' | 'logger'>,
) {
  const { name, settings, channels, clock, logger } = ports;
  const clients = createClients(settings, logger);
  const channelIds = createChannelIds({ store: ports.channelIds, channels, clock, logger });
  const chat = (client: typeof clients.answers) =>
    withPipelineName(withCurrentIds(createChat(client), channelIds), name);
  const lookups = createLookups(clients.lookups);
  const files = withPipelineNameInFiles(createFileUpload(clients.files, settings.slackBotToken, clock), name);
  return {
    channelIds,
    answers: withRateLimitRetries(chat(clients.answers), clock),
    progress: chat(clients.progress),
    alerts: chat(clients.alerts),
    modals: withPipelineNameInViews(createModalClient(clients.views), name),
    publishHome: ports.publishHome ?? createHomePublisher(clients.home),
    lookups: {
      ...lookups,
      readChannel: (channel: string) => withCurrentId(channelIds, channel, lookups.readChannel),
    },
    files: {
      share: (request: Parameters<typeof files.share>[0]) =>
        files.share({ ...request, channel: channelIds.current(request.channel) }),
    },
    download: (url: string) => downloadFile(url, settings.slackBotToken, settings.slackApiUrl),
  };
}
export type ClientParts = ReturnType<typeof assembleClients>;

/** Who may do what, and where the bot can post. */
export function assembleAccess(ports: SlackPorts, { lookups }: ClientParts) {
  const { settings, clock, onError } = ports;
  const people = createPeople({ ...lookups, clock });
  const permissions = createPermissions({
    operators: settings.operators,
    approvers: settings.approvers,
    stopFor: settings.stopFor,
    membersOf: lookups.membersOf,
    people,
    clock,
  });
  return {
    permissions,
    membership: createMembershipCheck({ readChannel: lookups.readChannel, clock, onError }),
    checkApprover: createApproverCheck({ permissions, onError }),
    people,
    whoApproves: {
      policy: settings.approvalPolicy,
      approvers: settings.approvers,
      notify: settings.notifyApproval,
    },
  };
}
export type AccessParts = ReturnType<typeof assembleAccess>;
