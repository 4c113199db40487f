import { defined } from '../../lib/defined.ts';
import type { ShowablePipeline } from '../../slack/home/home-tabs.ts';
import type { RequestTarget, RoutedPipeline } from '../../slack/intake/route.ts';
import type { ChoosablePipeline } from '../../slack/requests/choose-pipeline.ts';
import type { ChannelBindingStore } from '../../state/channel-bindings.ts';
import type { PipelineSlot } from '../pipelines.ts';
import type { WithoutPipeline } from './without-pipeline.ts';

/** A pipeline as each part of the process sees it, started or not. */

const nameOf = ({ setup }: PipelineSlot): string => setup.name ?? '';

/** The choices of channels in the control tables that can be used now. */
export const storesOf = (slots: readonly PipelineSlot[]): ReadonlyMap<string, ChannelBindingStore> =>
  new Map(
    slots.flatMap((slot) => {
      const store = slot.open()?.bindings;
      return store ? [[nameOf(slot), store] as const] : [];
    }),
  );

export const choosable = (slot: PipelineSlot): ChoosablePipeline => ({
  name: nameOf(slot),
  listed: slot.setup.settings.slackChannels,
  mayOperate: (person, freshness) => slot.permissions.check(person, 'operator', freshness),
  ...defined({ running: slot.open()?.slack.facts }),
});

/** Undefined while it is not started: nothing of it can be read then. */
export function showable(slot: PipelineSlot): ShowablePipeline | undefined {
  const home = slot.open()?.slack.home;
  const maySee = async (person: string) => (await slot.permissions.check(person, 'operator', 'cached')).ok;
  return home && { name: nameOf(slot), home, maySee };
}

export function routed(slot: PipelineSlot, withoutPipeline: Pick<WithoutPipeline, 'unavailable'>): RoutedPipeline {
  const { setup, failure, storedStops } = slot;
  const { slackChannels: listed, stopFile } = setup.settings;
  const unavailable: RequestTarget = withoutPipeline.unavailable({
    name: nameOf(slot),
    homeChannel: listed[0] ?? '',
    stopFile,
    storedStops,
    mayStop: (person) => slot.permissions.check(person, 'stopper'),
    failure,
  });
  return {
    ...defined({ id: setup.name }),
    target: () => slot.open()?.slack.target ?? unavailable,
    listed,
    channels: slot.channels,
    known: async (channelId) => (await slot.open()?.slack.channelIds.known(channelId)) ?? channelId,
  };
}
