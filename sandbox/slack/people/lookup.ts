import { PersonRefusedError } from '../errors.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import type { Delivery } from '../socket-mode.ts';
import type { Channel, User } from '../workspace/directory.ts';

/** The person with this id or name. Throws PersonRefusedError when there is none, or it is a bot or a deleted user. */
export function personNamed(directory: Parts['directory'], idOrName: string): User {
  const user = directory.user(idOrName);
  if (!user) throw new PersonRefusedError(404, 'no_such_user', `There is no user "${idOrName}".`);
  if (user.isDeleted || user.isBot)
    throw new PersonRefusedError(403, 'user_cannot_act', `${user.name} ${user.isBot ? 'is a bot' : 'was deleted'}.`);
  return user;
}

/** A channel that this person can see, by id or name. Throws PersonRefusedError. */
export function visibleChannel(directory: Parts['directory'], user: User, idOrName: string): Channel {
  const channel = directory.channel(idOrName);
  if (!channel || !directory.canSee(user, channel))
    throw new PersonRefusedError(404, 'no_such_channel', `${user.name} cannot see a channel "${idOrName}".`);
  return channel;
}

/** The result of a delivery, for the answer to the person's request. */
export function deliveryResult(delivery: Delivery): JsonRecord {
  return delivery.kind === 'acknowledged'
    ? { acknowledged: true, acknowledgedInMs: delivery.afterMs }
    : { acknowledged: false, acknowledgedInMs: null, reason: delivery.kind };
}

/** Slack's name for a failed delivery, as Slack shows it to people. */
export const deliveryError = (delivery: Exclude<Delivery, { kind: 'acknowledged' }>): string =>
  delivery.kind === 'not-connected' || delivery.kind === 'refused' ? 'dispatch_failed' : 'operation_timeout';

/** Shows an ephemeral message of Slack itself to one person. */
export function showEphemeral(
  { messages }: Pick<Parts, 'messages'>,
  user: User,
  channel: Channel,
  text: string,
  threadTs?: string,
): void {
  messages.add({
    channelId: channel.id,
    userId: 'USLACKBOT',
    text,
    blocks: [],
    onlyFor: user.id,
    fromSlack: true,
    ...(threadTs === undefined ? {} : { threadTs }),
  });
}

export const responseUrlOf = (parts: Pick<Parts, 'url'>, token: string): string => `${parts.url()}/response/${token}`;
