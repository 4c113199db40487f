import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { BotSettings } from '../settings.ts';
import { createHomeTabs, singleHomeTab } from '../slack/home/home-tabs.ts';
import type { HomeTabs } from '../slack/intake/listen.ts';
import { createRouter } from '../slack/intake/route.ts';
import { createPipelineChoice, withoutChoice } from '../slack/requests/choose-pipeline.ts';
import { createChannelBindings } from '../state/channel-bindings.ts';
import { startHttpSide } from './http.ts';
import type { OpenPipeline } from './pipeline.ts';
import { createPipelines, type PipelineSlot } from './pipelines.ts';
import { assembleProcessSlack } from './slack/process-slack.ts';
import { choosable, routed, showable, storesOf } from './slack/routes.ts';
import { assembleWithoutPipeline } from './slack/without-pipeline.ts';

/**
 * Starts the bot: its pipelines, and the one connection to Slack that they share. Resolves to the function that stops it.
 * @throws HttpPortError; ControlTableError or FaultError when the only pipeline cannot be started; also when Slack refuses a token
 */
export async function startBot(
  settings: BotSettings,
  logger: Logger,
  clock: Clock = systemClock,
): Promise<() => Promise<void>> {
  const random = Math.random;
  const onError = (error: unknown, message: string) => logger.warn({ err: error }, message);
  // First: a port in use must stop the start before anything is written, and health is asked for during the start.
  const http = await startHttpSide(settings.process, { clock, logger });
  const withoutPipeline = assembleWithoutPipeline({ settings: settings.process, clock, random, logger });
  const isSeveral = settings.pipelines.length > 1;
  // In a circle: each pipeline answers with what the process knows about all of them.
  let slots: readonly PipelineSlot[] = [];
  const opened = (): readonly OpenPipeline[] => slots.flatMap((slot) => slot.open() ?? []);

  const bindings = createChannelBindings({ stores: () => storesOf(slots), clock, onError });
  const choice = isSeveral
    ? createPipelineChoice({ pipelines: () => slots.map(choosable), bindings, clock, onError })
    : withoutChoice(() => slots.flatMap(({ setup }) => setup.settings.slackChannels));
  const tabs = createHomeTabs({
    pipelines: () => slots.flatMap((slot) => showable(slot) ?? []),
    publish: withoutPipeline.publishHome,
    onError,
  });
  const pipelines = createPipelines({
    setups: settings.pipelines,
    bindings,
    choice,
    withoutPipeline,
    publishHome: tabs.publishOf,
    observe: http.observe,
    clock,
    random,
    logger,
    holder: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
  });
  slots = pipelines.slots;
  http.expect(slots.map(({ setup }) => setup.name ?? setup.settings.ocrFunction));
  await pipelines.openAll();

  const [only] = isSeveral ? [] : opened();
  const home: HomeTabs = only ? singleHomeTab(only.slack.home) : tabs;
  const slack = assembleProcessSlack({
    ...http.forSlack,
    settings: settings.process,
    router: createRouter({
      pipelines: slots.map((slot) => routed(slot, withoutPipeline)),
      nowhere: withoutPipeline.nowhere(choice),
      refresh: bindings.refresh,
    }),
    home,
    async channelIdChanged(oldId, newId) {
      await Promise.all(opened().map((pipeline) => pipeline.slack.channelIds.changed(oldId, newId)));
    },
    lives: () => opened().map((pipeline) => pipeline.slack.life),
    clock,
    random,
    logger,
  });
  http.slack(slack.isConnected);
  await slack.start();
  pipelines.begin();
  return async () => {
    pipelines.close();
    const ending = opened();
    await Promise.all(ending.map((pipeline) => pipeline.shutDown()));
    await slack.stop();
    await http.close();
    await Promise.all(ending.map((pipeline) => pipeline.close()));
  };
}
