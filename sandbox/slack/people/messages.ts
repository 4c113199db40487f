import { PersonRefusedError, WebApiError } from '../errors.ts';
import { respondTo } from '../respond.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { toSlackFile } from '../workspace/files.ts';
import { type Message, toSlackMessage } from '../workspace/messages.ts';
import { commandPayload, eventPayload } from '../workspace/payloads.ts';
import { toSlackView } from '../workspace/views.ts';
import { deliveryError, deliveryResult, personNamed, responseUrlOf, showEphemeral, visibleChannel } from './lookup.ts';
import { asSent } from './typed-text.ts';

/** A person sends a slash command. Returns after the acknowledgement or the time limit. */
export async function sendCommand(
  parts: Omit<Parts, 'log'>,
  said: { user: string; channel: string; text: string },
): Promise<JsonRecord> {
  const { directory, manifest, triggers, responseUrls, socket } = parts;
  const user = personNamed(directory, said.user);
  const channel = visibleChannel(directory, user, said.channel);
  if (channel.isArchived) throw new PersonRefusedError(409, 'is_archived', `#${channel.name} is archived.`);
  const [, command = '', text = ''] = /^(\S*)\s*([\s\S]*)$/.exec(said.text.trim()) ?? [];
  if (!manifest.commands.some((known) => known.command === command)) {
    showEphemeral(parts, user, channel, `\`${command}\` is not a valid command.`);
    throw new PersonRefusedError(404, 'unknown_command', `${command} is not a command of this workspace.`, {
      commands: manifest.commands.map((known) => known.command),
    });
  }
  const target = { userId: user.id, channelId: channel.id };
  const token = responseUrls.issue(target);
  const delivery = await socket.deliver(
    'slash_commands',
    commandPayload(parts, {
      user,
      channel,
      command,
      text: asSent(text),
      triggerId: triggers.issue({ userId: user.id }),
      responseUrl: responseUrlOf(parts, token),
    }),
  );
  if (delivery.kind !== 'acknowledged') {
    const error = deliveryError(delivery);
    showEphemeral(parts, user, channel, `${command} failed with the error "${error}"`);
    return { ok: false, error, ...deliveryResult(delivery) };
  }
  const { response } = delivery;
  if (Object.keys(response).length === 0) return { ok: true, ...deliveryResult(delivery) };
  try {
    const message = respondTo(parts, target, response);
    return { ok: true, ...deliveryResult(delivery), response, ...(message ? { ts: message.ts } : {}) };
  } catch (error) {
    if (!(error instanceof WebApiError)) throw error;
    showEphemeral(parts, user, channel, `${command} failed with the error "invalid_command_response"`);
    return { ok: false, error: error.code, ...error.details, ...deliveryResult(delivery), response };
  }
}

/**
 * A person posts a message, optionally with uploaded files. The app receives the events that its manifest subscribes
 * to.
 */
export function postMessage(
  parts: Pick<Parts, 'clock' | 'directory' | 'files' | 'ids' | 'log' | 'manifest' | 'messages' | 'socket' | 'url'>,
  said: {
    user: string;
    channel: string;
    text: string;
    threadTs?: string | undefined;
    fileIds?: readonly string[] | undefined;
  },
): Message {
  const { directory, files, messages } = parts;
  const user = personNamed(directory, said.user);
  const channel = visibleChannel(directory, user, said.channel);
  if (channel.isArchived) throw new PersonRefusedError(409, 'is_archived', `#${channel.name} is archived.`);
  const parent = said.threadTs === undefined ? undefined : messages.find(channel.id, said.threadTs);
  if (said.threadTs !== undefined && !parent)
    throw new PersonRefusedError(404, 'no_such_thread', `There is no message ${said.threadTs} in #${channel.name}.`);
  const shared = (said.fileIds ?? []).map((id) => {
    const file = files.find(id);
    if (!file) throw new PersonRefusedError(404, 'no_such_file', `There is no file ${id}.`);
    return file;
  });
  const message = messages.add({
    channelId: channel.id,
    userId: user.id,
    text: asSent(said.text),
    blocks: [],
    files: shared.map((file) => toSlackFile(file, parts.url())),
    ...(said.threadTs === undefined ? {} : { threadTs: said.threadTs }),
  });
  for (const file of shared) {
    files.shared(file.id, channel.id, message.ts);
    parts.log.record('file_shared', { fileId: file.id, name: file.name, channelId: channel.id, ts: message.ts });
  }
  if (channel.members.has(directory.bot.id)) sendEvents(parts, message, channel.kind);
  return message;
}

/** An administrator deletes a message, for example one of the bot. Replies to it lose their thread. */
export function deleteMessage(
  { directory, messages }: Pick<Parts, 'directory' | 'messages'>,
  { channel, ts }: { channel: string; ts: string },
): JsonRecord {
  const id = directory.channel(channel)?.id ?? channel;
  if (!messages.remove(id, ts)) throw new PersonRefusedError(404, 'no_such_message', `There is no message ${ts}.`);
  return { ok: true };
}

const MESSAGE_EVENT = { public: 'message.channels', private: 'message.groups', im: 'message.im' } as const;
const CHANNEL_TYPE = { public: 'channel', private: 'group', im: 'im' } as const;

function sendEvents(
  parts: Parameters<typeof postMessage>[0],
  message: Message,
  kind: keyof typeof MESSAGE_EVENT,
): void {
  const { directory, manifest, socket } = parts;
  const shape = { ...toSlackMessage(message, directory), channel: message.channelId };
  const events = [
    ...(manifest.botEvents.has(MESSAGE_EVENT[kind]) ? [{ ...shape, channel_type: CHANNEL_TYPE[kind] }] : []),
    ...(manifest.botEvents.has('app_mention') && message.text.includes(`<@${directory.bot.id}>`)
      ? [{ ...shape, type: 'app_mention' }]
      : []),
  ];
  for (const event of events) void socket.deliverEvent(eventPayload(parts, event));
}

/** A person opens the Home tab of the app. */
export async function openHome(
  parts: Pick<Parts, 'clock' | 'directory' | 'ids' | 'manifest' | 'socket' | 'views'>,
  opened: { user: string },
): Promise<JsonRecord> {
  const { directory, manifest, views } = parts;
  const user = personNamed(directory, opened.user);
  if (!manifest.homeTabEnabled)
    throw new PersonRefusedError(409, 'no_home_tab', 'The manifest does not enable the Home tab.');
  if (!manifest.botEvents.has('app_home_opened'))
    return { ok: true, subscribed: false, home: views.home(user.id) ?? null };
  const before = views.home(user.id);
  const delivery = await parts.socket.deliverEvent(
    eventPayload(parts, {
      type: 'app_home_opened',
      user: user.id,
      channel: directory.imWith(user).id,
      tab: 'home',
      ...(before ? { view: toSlackView(before, directory) } : {}),
    }),
  );
  return { ok: delivery.kind === 'acknowledged', ...deliveryResult(delivery), home: views.home(user.id) ?? null };
}
