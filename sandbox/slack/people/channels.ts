import { PersonRefusedError } from '../errors.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import type { Channel } from '../workspace/directory.ts';
import { eventPayload } from '../workspace/payloads.ts';

/** What people do to a channel. `change-id`: its id becomes `id`, as when a private channel is shared. */
export const CHANNEL_CHANGES = ['archive', 'unarchive', 'remove-bot', 'invite-bot', 'change-id'] as const;
export type ChannelChange = (typeof CHANNEL_CHANGES)[number];

type ChannelParts = Pick<Parts, 'clock' | 'directory' | 'ids' | 'log' | 'manifest' | 'messages' | 'socket'>;

/** Changes a channel. The app gets the events of this change to which its manifest subscribes. */
export async function changeChannel(
  parts: ChannelParts,
  asked: { channel: string; do: ChannelChange; id?: string | undefined },
): Promise<JsonRecord> {
  const { directory } = parts;
  const channel = directory.channel(asked.channel);
  if (!channel) throw new PersonRefusedError(404, 'no_such_channel', `There is no channel ${asked.channel}.`);
  const isPrivate = channel.kind === 'private';
  switch (asked.do) {
    case 'archive':
    case 'unarchive': {
      channel.isArchived = asked.do === 'archive';
      await notify(parts, channel, { type: `${isPrivate ? 'group' : 'channel'}_${asked.do}`, channel: channel.id });
      break;
    }
    case 'remove-bot': {
      await notify(parts, channel, { type: isPrivate ? 'group_left' : 'channel_left', channel: channel.id });
      channel.members.delete(directory.bot.id);
      break;
    }
    case 'invite-bot': {
      channel.members.add(directory.bot.id);
      const joined = { type: 'member_joined_channel', user: directory.bot.id, channel: channel.id };
      await notify(parts, channel, { ...joined, channel_type: isPrivate ? 'G' : 'C' });
      break;
    }
    case 'change-id': {
      const before = channel.id;
      if (asked.id === undefined || directory.channel(asked.id))
        throw new PersonRefusedError(400, 'bad_request', 'Give an `id` that no channel has.');
      if (!isPrivate) throw new PersonRefusedError(409, 'not_private', 'Only the id of a private channel changes.');
      channel.id = asked.id;
      parts.messages.moveChannel(before, channel.id);
      const ids = { old_channel_id: before, new_channel_id: channel.id };
      await notify(parts, channel, { type: 'channel_id_changed', ...ids });
      break;
    }
  }
  parts.log.record('channel_changed', { channel: channel.id, change: asked.do });
  return { ok: true, channel: channel.id };
}

/** Sends the event if the app subscribes to it and its bot is in the channel. */
async function notify(
  parts: ChannelParts,
  channel: Channel,
  event: JsonRecord & { readonly type: string },
): Promise<void> {
  const { directory, manifest, socket } = parts;
  if (!manifest.botEvents.has(event.type) || !channel.members.has(directory.bot.id)) return;
  await socket.deliverEvent(eventPayload(parts, event));
}
