import type { Requester } from '../../commands/command.ts';
import type { MessageLinks } from '../../delivery/message-links.ts';
import { link } from '../../messages/kit/escape.ts';
import type { Message } from '../../messages/kit/message.ts';
import { fileSharedMessage } from '../../messages/results/file-message.ts';
import type { FileLocation } from './result-files.ts';

/** Where a file goes. `where`: the same in words, for the person who asked for it. mrkdwn. */
export interface FilePlace extends FileLocation {
  readonly where: string;
}

/**
 * Where files go that a person asks for. Slack has no ephemeral files, and the channel should not get one for each question:
 * they go to the thread of the run, or to the direct messages of the person.
 */
export interface FilePlaces {
  /** The thread of a run (of the last one, where none is named) in the requester's channel; their direct messages if there is none. */
  find(requester: Pick<Requester, 'person' | 'channel'>, runId?: string): Promise<FilePlace>;
  direct(person: string): Promise<FilePlace>;
  /** Uploads to a place, and returns what the requester is answered. `share` returns a message if there is no file. */
  upload(place: FilePlace, share: (location: FileLocation) => Promise<Message | undefined>): Promise<Message>;
}

export function createFilePlaces(ports: {
  /** @throws when the control table cannot be read */
  threadIn: (channel: string, runId?: string) => Promise<FileLocation | undefined>;
  links: Pick<MessageLinks, 'to'>;
  /** The channel of a person's direct messages with the bot. */
  directChannel: (person: string) => Promise<string>;
  onError: (error: unknown, message: string) => void;
}): FilePlaces {
  const direct = async (person: string): Promise<FilePlace> => ({
    channel: await ports.directChannel(person),
    where: 'your direct messages with the bot',
  });

  async function findThread(channel: string, runId?: string): Promise<FileLocation | undefined> {
    try {
      return await ports.threadIn(channel, runId);
    } catch (error) {
      ports.onError(error, 'The thread of the run cannot be read. The file goes to direct messages.');
      return undefined;
    }
  }

  return {
    direct,
    async find({ person, channel }, runId) {
      const thread = await findThread(channel, runId);
      if (thread?.threadTs === undefined) return direct(person);
      const url = await ports.links.to({ channel, ts: thread.threadTs });
      return { ...thread, where: url === undefined ? 'the run’s thread' : link(url, 'the run’s thread') };
    },
    async upload(place, share) {
      const { where, ...location } = place;
      return (await share(location)) ?? fileSharedMessage(where);
    },
  };
}
