import type { Chat } from '../client/chat.ts';
import { pipelineOfBlock, pipelineOfView } from '../messages/kit/pipeline-name.ts';
import type { IncomingClick, Intake } from './dispatch.ts';
import type { Suggest } from './suggestions.ts';

/** Where requests of one pipeline go. */
export interface RequestTarget {
  /** The name of the pipeline in what it answers; absent where there is one. */
  readonly name?: string;
  readonly intake: Intake;
  readonly suggest: Suggest;
  readonly chat: Pick<Chat, 'postEphemeral' | 'removeButtons' | 'post'>;
  /** The channel in which a click on the Home tab acts. */
  readonly homeChannel: string;
}

/** A pipeline, as far as requests are led to it. */
export interface RoutedPipeline {
  /** Its name in the file of pipelines; absent for the one pipeline of the environment. */
  readonly id?: string;
  /** What answers for it now: itself, or what says why it could not be started. */
  readonly target: () => RequestTarget;
  /** The channels of its settings. */
  readonly listed: readonly string[];
  /** Its channels now: those of its settings, and those where people chose it. */
  readonly channels: () => readonly string[];
  /** The id that its settings use for a channel. Never throws. */
  readonly known: (channelId: string) => Promise<string>;
}

/** Finds the pipeline of a request: by the channel, and where that does not say it by the button or the form itself. */
export interface Router {
  ofChannel(channelId: string): Promise<Route>;
  /** `channelId`: absent for a click on the Home tab. */
  ofClick(click: {
    readonly channelId: string | undefined;
    readonly blockId: string | undefined;
    readonly viewCallbackId: string | undefined;
  }): Promise<Route & Pick<IncomingClick, 'foreign'>>;
  ofView(callbackId: string): { readonly target: RequestTarget; readonly callbackId: string };
}
export interface Route {
  readonly target: RequestTarget;
  /** The channel, by the id that the settings use. */
  readonly channel: string;
}

/**
 * With one pipeline everything goes to it, and it refuses what is not of its channels itself. With several, a channel
 * belongs to exactly one, and `nowhere` answers where none is found. A button or a form that names another pipeline than
 * that of its channel is of no use: the ids in it are those of the other one.
 */
export function createRouter(ports: {
  readonly pipelines: readonly RoutedPipeline[];
  readonly nowhere: RequestTarget;
  /** Reads which pipeline people chose for a channel that no pipeline lists. Never throws. */
  readonly refresh: (channelId: string) => Promise<void>;
}): Router {
  const { pipelines, nowhere } = ports;
  const only = pipelines.length === 1 ? pipelines[0] : undefined;

  async function find(channelId: string): Promise<{ pipeline: RoutedPipeline | undefined; channel: string }> {
    if (only) return { pipeline: only, channel: await only.known(channelId) };
    const listing = pipelines.find(({ listed }) => listed.includes(channelId));
    if (listing) return { pipeline: listing, channel: channelId };
    const [known] = await Promise.all([
      Promise.all(pipelines.map(async (pipeline) => ({ pipeline, channel: await pipeline.known(channelId) }))),
      ports.refresh(channelId),
    ]);
    const found = known.find(({ pipeline, channel }) => pipeline.channels().includes(channel));
    return found ?? { pipeline: undefined, channel: channelId };
  }
  const named = (name: string | undefined) =>
    name === undefined ? undefined : pipelines.find(({ id }) => id === name);

  return {
    async ofChannel(channelId) {
      const { pipeline, channel } = await find(channelId);
      return { target: pipeline?.target() ?? nowhere, channel };
    },
    async ofClick({ channelId, blockId, viewCallbackId }) {
      const owner = viewCallbackId === undefined ? pipelineOfBlock(blockId) : pipelineOfView(viewCallbackId).name;
      const ofOwner = only ?? named(owner);
      if (channelId === undefined) {
        const target = ofOwner?.target() ?? nowhere;
        return { target, channel: target.homeChannel };
      }
      // A direct message belongs to no pipeline.
      if (channelId.startsWith('D')) return { target: ofOwner?.target() ?? nowhere, channel: channelId };
      const { pipeline, channel } = await find(channelId);
      if (!pipeline) return { target: nowhere, channel };
      const route = { target: pipeline.target(), channel };
      // Without a name it is from the time when there was one pipeline: its channels were those that are listed.
      const isOwn =
        owner === undefined ? pipeline.listed.includes(channel) || only !== undefined : owner === pipeline.id;
      return isOwn ? route : { ...route, foreign: owner === undefined ? {} : { pipeline: owner } };
    },
    ofView(given) {
      const { name, callbackId } = pipelineOfView(given);
      const isOfOnly = only !== undefined && (name === undefined || name === only.id);
      const pipeline = isOfOnly ? only : named(name);
      return { target: pipeline?.target() ?? nowhere, callbackId };
    },
  };
}
