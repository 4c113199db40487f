import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { ChannelIdStore } from '../../state/channel-ids.ts';
import type { Chat } from './chat.ts';
import { classifySlackError } from './slack-errors.ts';

/**
 * The ids of channels. Slack changes the id of a private channel (`G…` to `C…`) when it is shared; the settings and the
 * locations of messages keep the id that they were written with. Slack gets the current id, and everything else in the bot
 * sees the known one. No method throws.
 */
export interface ChannelIds {
  /** The id with which Slack is called now. */
  current(id: string): string;
  /**
   * The id that the settings use. One that is unknown is looked up again: another copy of the bot may have heard the event. A
   * control table that does not answer within a second changes nothing.
   */
  known(id: string): Promise<string>;
  /** Slack says that an id has changed. */
  changed(oldId: string, newId: string): Promise<void>;
  /** Reads what earlier processes and other copies of the bot heard. */
  refresh(): Promise<void>;
}

/** The shortest time between two looks for ids that another copy of the bot has heard of, ms. */
const REFRESH_MS = 5_000;
/** How long a request waits for such a look before it is acknowledged, ms. */
const LOOK_MS = 1_000;

export function createChannelIds(ports: {
  store: ChannelIdStore;
  /** The channels of the pipeline now. */
  channels: () => readonly string[];
  clock: Pick<Clock, 'now' | 'sleep'>;
  logger: Pick<Logger, 'warn'>;
}): ChannelIds {
  const { store, channels, clock, logger } = ports;
  const newIds = new Map<string, string>();
  let refreshedAt = Number.NEGATIVE_INFINITY;

  function current(id: string): string {
    let at = id;
    // An id may change more than once. A circle ends where it began.
    for (const seen = new Set<string>(); !seen.has(at); ) {
      seen.add(at);
      at = newIds.get(at) ?? at;
    }
    return at;
  }

  /** Whether this is new. */
  function note(oldId: string, newId: string): boolean {
    const isNew = newIds.get(oldId) !== newId;
    newIds.set(oldId, newId);
    return isNew;
  }

  function warn(newId: string): void {
    const configured = channels().find((id) => current(id) === current(newId));
    if (configured === undefined || configured === current(newId)) return;
    logger.warn(
      { oldId: configured, newId: current(newId) },
      `The id of the channel ${configured} is ${current(newId)} now. Commands and clicks keep working. In SLACK_CHANNELS, replace ${configured} by ${current(newId)}.`,
    );
  }

  async function refresh(): Promise<void> {
    if (clock.now() - refreshedAt < REFRESH_MS) return;
    refreshedAt = clock.now();
    try {
      for (const [oldId, newId] of await store.read()) if (note(oldId, newId)) warn(newId);
    } catch (error) {
      logger.warn({ err: error }, 'The changed ids of channels cannot be read.');
    }
  }

  const find = (id: string) => (channels().includes(id) ? id : channels().find((one) => current(one) === id));
  return {
    current,
    async known(id) {
      if (find(id) === undefined) await within(clock, LOOK_MS, refresh());
      return find(id) ?? id;
    },
    async changed(oldId, newId) {
      const isNew = note(oldId, newId);
      try {
        await store.put(oldId, newId);
        if (isNew) warn(newId);
      } catch (error) {
        warn(newId);
        logger.warn({ err: error }, `The new id of the channel ${oldId} is not stored. After a restart it is unknown.`);
      }
    },
    refresh,
  };
}

type CurrentIds = Pick<ChannelIds, 'current' | 'refresh'>;

/** Calls Slack with the current id of a channel; again with a newer one, if Slack does not know the channel and there is one. */
export async function withCurrentId<T>(ids: CurrentIds, channel: string, call: (id: string) => Promise<T>): Promise<T> {
  const id = ids.current(channel);
  try {
    return await call(id);
  } catch (error) {
    const failure = classifySlackError(error);
    if (failure.kind !== 'refused' || failure.code !== 'channel_not_found') throw error;
    await ids.refresh();
    const newer = ids.current(channel);
    if (newer === id) throw error;
    return call(newer);
  }
}

/** The same chat, which finds channels whose id has changed. */
export const withCurrentIds = (chat: Chat, ids: CurrentIds): Chat => ({
  post: (channel, ...rest) => withCurrentId(ids, channel, (id) => chat.post(id, ...rest)),
  postStored: (channel, ...rest) => withCurrentId(ids, channel, (id) => chat.postStored(id, ...rest)),
  edit: ({ channel, ts }, message) => withCurrentId(ids, channel, (id) => chat.edit({ channel: id, ts }, message)),
  editStored: ({ channel, ts }, message) =>
    withCurrentId(ids, channel, (id) => chat.editStored({ channel: id, ts }, message)),
  removeButtons: ({ channel, ts }, message) =>
    withCurrentId(ids, channel, (id) => chat.removeButtons({ channel: id, ts }, message)),
  postEphemeral: (channel, ...rest) => withCurrentId(ids, channel, (id) => chat.postEphemeral(id, ...rest)),
  permalink: ({ channel, ts }) => withCurrentId(ids, channel, (id) => chat.permalink({ channel: id, ts })),
});
