import type { App } from '@slack/bolt';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Logger } from '../../lib/log.ts';
import type { ChannelIds } from '../client/channel-ids.ts';
import { postToResponseUrl } from '../client/response-url.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';
import { nameMessage, nameView } from '../messages/kit/pipeline-name.ts';
import { viewWithinLimits } from '../messages/kit/view-limits.ts';
import type { IncomingClick } from './dispatch.ts';
import { type ClickPayload, clickSchema, commandSchema, submissionSchema, suggestionSchema } from './payloads.ts';
import type { RequestTarget, Router } from './route.ts';

interface ListenPorts {
  readonly router: Router;
  readonly home: HomeTabs;
  readonly channelIds: Pick<ChannelIds, 'changed'>;
  readonly logger: Logger;
  readonly track: (work: Promise<void>) => Promise<void>;
  readonly clock: Pick<Clock, 'now'>;
  readonly noteAcknowledgement: NoteAcknowledgement;
}

/** What Slack waits for, and how long it waited for the acknowledgement, ms. */
export type NoteAcknowledgement = (request: 'command' | 'click' | 'form' | 'suggestion', waitedMs: number) => void;

/** The Home tabs, of whichever pipeline each person sees. */
export interface HomeTabs {
  opened(person: string): void;
  /** The person chose which pipeline to see. */
  chose(person: string, pipeline: string): void;
}

/** The action id of the menu on the Home tab that chooses the pipeline. */
export const CHOOSE_PIPELINE = 'home_pipeline';

/** Registers with Bolt one listener per kind of envelope. Each reads the payload and hands it to the pipeline it is for. */
export function listen(app: Pick<App, 'command' | 'action' | 'event' | 'view' | 'options'>, ports: ListenPorts): void {
  const { router, logger, track } = ports;

  /**
   * Acknowledges a request that arrived now. False if Slack did not get the acknowledgement, as between two connections: the
   * request is executed all the same.
   */
  function acknowledgementOf(request: Parameters<NoteAcknowledgement>[0]) {
    const arrivedAt = ports.clock.now();
    return async (ack: () => Promise<void>): Promise<boolean> => {
      try {
        await ack();
        ports.noteAcknowledgement(request, ports.clock.now() - arrivedAt);
        return true;
      } catch (error) {
        logger.warn({ err: error }, 'An acknowledgement did not reach Slack.');
        return false;
      }
    };
  }

  app.command('/rescan', async ({ ack, body }) => {
    const acknowledge = acknowledgementOf('command');
    const {
      user_id: person,
      channel_id: channelId,
      text,
      trigger_id: triggerId,
      response_url,
    } = commandSchema.parse(body);
    const { target, channel } = await router.ofChannel(channelId);
    const replies = createReplies(target, logger);
    await track(
      target.intake.command({
        person,
        channel,
        text,
        triggerId,
        deliveryId: triggerId,
        reply: replies.toResponseUrl(channel, person, response_url),
        acknowledge: (message) =>
          acknowledge(() => {
            if (!message) return ack();
            const fitted = withinLimits(nameMessage(message, target.name));
            return ack({ response_type: 'ephemeral', text: fitted.text, blocks: [...fitted.blocks] });
          }),
      }),
    );
  });

  app.action({ type: 'block_actions' }, async ({ ack, body }) => {
    const acknowledge = acknowledgementOf('click');
    const payload = clickSchema.parse(body);
    const { container, view, user, actions } = payload;
    const [action] = actions;
    const isHome = view?.type === 'home';
    const chosen = action?.action_id === CHOOSE_PIPELINE ? action.selected_option?.value : undefined;
    if (isHome && chosen !== undefined) {
      await acknowledge(ack);
      return ports.home.chose(user.id, chosen);
    }
    if (!isHome && container.channel_id === undefined) return void (await acknowledge(ack));
    const { target, channel, foreign } = await router.ofClick({
      channelId: isHome ? undefined : container.channel_id,
      blockId: action?.block_id,
      viewCallbackId: isHome ? (view.callback_id ?? '') : undefined,
    });
    const click = readClick(payload, channel, target, logger);
    if (click)
      await track(target.intake.click({ ...click, ...defined({ foreign }), acknowledge: () => acknowledge(ack) }));
    else await acknowledge(ack);
  });

  app.options<'block_suggestion'>({ type: 'block_suggestion' }, async ({ ack, body }) => {
    const acknowledge = acknowledgementOf('suggestion');
    const { user, action_id: actionId, value: typed, view } = suggestionSchema.parse(body);
    const { target } = router.ofView(view?.callback_id ?? '');
    const options = await target.suggest({ person: user.id, actionId, typed });
    await acknowledge(() => ack({ options: [...options] }));
  });

  app.event('app_home_opened', async ({ event }) => {
    if (event.tab === 'home') ports.home.opened(event.user);
  });

  app.event('channel_id_changed', async ({ event }) => {
    await ports.channelIds.changed(event.old_channel_id, event.new_channel_id);
  });

  app.view({ type: 'view_submission' }, ({ ack, body }) => {
    const acknowledge = acknowledgementOf('form');
    const { user, trigger_id, view } = submissionSchema.parse(body);
    const { target, callbackId } = router.ofView(view.callback_id);
    const replies = createReplies(target, logger);
    return track(
      target.intake.submission({
        person: user.id,
        callbackId,
        ...defined({ label: view.title?.text }),
        privateMetadata: view.private_metadata,
        viewId: view.id,
        values: view.state.values,
        // After errors at its fields the same view is submitted again, with another hash.
        deliveryId: trigger_id ?? `${view.id} ${view.hash}`,
        replyIn: (channel, message) => replies.ephemeral(channel, user.id)(message),
        acknowledge: (answer) =>
          acknowledge(() => {
            if (!answer) return ack();
            return 'errors' in answer
              ? ack({ response_action: 'errors', errors: { ...answer.errors } })
              : ack({ response_action: 'update', view: viewWithinLimits(nameView(answer.view, target.name)) });
          }),
      }),
    );
  });
}

type Reply = (message: Message) => Promise<void>;

/** The ways to answer one person. None of them throws. */
interface Replies {
  ephemeral(channel: string, person: string, threadTs?: string): Reply;
  /** Through the response_url, which works in any channel; as an ephemeral message if there is none or it fails. */
  toResponseUrl(channel: string, person: string, responseUrl: string | undefined, threadTs?: string): Reply;
  /** As a direct message. */
  direct(person: string): Reply;
}

function createReplies(
  { chat, name }: Pick<RequestTarget, 'chat' | 'name'>,
  logger: Pick<Logger, 'warn' | 'debug'>,
): Replies {
  const onError = (person: string) => (error: unknown) =>
    logger.warn({ err: error, person }, 'A reply did not reach the person.');
  const replies: Replies = {
    ephemeral: (channel, person, threadTs) => (message) =>
      chat.postEphemeral(channel, person, message, threadTs).catch(onError(person)),
    toResponseUrl: (channel, person, responseUrl, threadTs) => async (message) => {
      const fallBack = replies.ephemeral(channel, person, threadTs);
      if (responseUrl === undefined) return fallBack(message);
      try {
        await postToResponseUrl(responseUrl, nameMessage(message, name), defined({ threadTs }));
      } catch (error) {
        logger.debug({ err: error }, 'A response_url refused a reply.');
        await fallBack(message);
      }
    },
    direct: (person) => async (message) => {
      await chat.post(person, message).catch(onError(person));
    },
  };
  return replies;
}

/** The click of a payload; undefined if it has no button or no message of ours. */
function readClick(
  { user, trigger_id: triggerId, response_url, container, actions, message, view }: ClickPayload,
  channel: string,
  target: RequestTarget,
  logger: Logger,
): Omit<IncomingClick, 'acknowledge'> | undefined {
  const [action] = actions;
  if (!action) return;
  const { chat, name } = target;
  const replies = createReplies(target, logger);
  const click = {
    person: user.id,
    actionId: action.action_id,
    ...defined({ label: action.text?.text }),
    value: action.value ?? '',
    triggerId,
    deliveryId: triggerId,
  };
  // On the Home tab the person does not see the channel: the answer is a direct message.
  if (view?.type === 'home')
    return {
      ...click,
      message: { channel, ts: '' },
      isEphemeral: true,
      removeButtons: async () => {},
      replaceMessage: async () => {},
      reply: replies.direct(user.id),
    };
  const { message_ts: ts, is_ephemeral: isEphemeral = false } = container;
  if (ts === undefined) return;
  return {
    ...click,
    message: { channel, ts },
    isEphemeral,
    async removeButtons() {
      if (!message) return;
      await chat.removeButtons({ channel, ts }, message).catch((error: unknown) => {
        logger.warn({ err: error }, 'The buttons of a message could not be removed.');
      });
    },
    async replaceMessage(replacement) {
      if (response_url === undefined) return;
      await postToResponseUrl(response_url, nameMessage(replacement, name), { replace: true }).catch(
        (error: unknown) => {
          logger.warn({ err: error }, 'A message could not be replaced.');
        },
      );
    },
    reply: replyToClick({ channel, person: user.id, responseUrl: response_url, container, message }, replies),
  };
}

/**
 * The answer to a click appears where the person clicked. A reply that is also shown in the channel was clicked there, although
 * Slack would answer in its thread; an answer to any other reply belongs to the thread.
 */
function replyToClick(
  clicked: Pick<ClickPayload, 'container' | 'message'> & {
    readonly channel: string;
    readonly person: string;
    readonly responseUrl: string | undefined;
  },
  replies: Replies,
): Reply {
  const { channel, person, responseUrl, container, message } = clicked;
  if (message?.subtype === 'thread_broadcast') return replies.ephemeral(channel, person);
  return replies.toResponseUrl(channel, person, responseUrl, container.thread_ts);
}
