import { PersonRefusedError } from '../errors.ts';
import type { JsonRecord } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import type { Delivery } from '../socket-mode.ts';
import type { Channel, User } from '../workspace/directory.ts';

/** Somebody who can use Slack, by id or name. Throws PersonRefusedError for nobody, a bot, or one who left. */
export function personNamed(directory: Parts['directory'], idOrName: string): User {
  const user = directory.user(idOrName);
  if (!user) throw new PersonRefusedError(404, 'no_such_user', `There is no user "${idOrName}".`);
  if (user.isDeleted || user.isBot)
    throw new PersonRefusedError(403, 'user_cannot_act', `${user.name} ${user.isBot ? 'is a bot' : 'was deleted'}.`);
  return user;
}

/** A channel this person sees, by id or name. Throws PersonRefusedError. */
export function channelSeenBy(directory: Parts['directory'], user: User, idOrName: string): Channel {
  const channel = directory.channel(idOrName);
  if (!channel || !directory.canSee(user, channel))
    throw new PersonRefusedError(404, 'no_such_channel', `${user.name} sees no channel "${idOrName}".`);
  return channel;
}

/** What became of an envelope, as the people's side tells it. */
export function told(delivery: Delivery): JsonRecord {
  return delivery.kind === 'acknowledged'
    ? { acknowledged: true, acknowledgedInMs: delivery.afterMs }
    : { acknowledged: false, acknowledgedInMs: null, reason: delivery.kind };
}

/** Slack's word for what went wrong, as it shows it to people. */
export const troubleOf = (delivery: Exclude<Delivery, { kind: 'acknowledged' }>): string =>
  delivery.kind === 'not-connected' ? 'dispatch_failed' : 'operation_timeout';

/** Says something to one person in Slack's own voice. */
export function tellPerson(
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
