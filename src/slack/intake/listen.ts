import type { App } from '@slack/bolt';
import type { Logger } from '../../lib/log.ts';
import type { Chat } from '../client/chat.ts';
import { replyTo } from '../client/response-url.ts';
import type { Home } from '../home/home.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';
import { viewWithinLimits } from '../messages/kit/view-limits.ts';
import type { Intake } from './dispatch.ts';
import { clickSchema, commandSchema, submissionSchema } from './payloads.ts';

/** Registers with Bolt: one listener for each kind of envelope, which reads it and hands it to the intake. */
export function listen(
  app: App,
  ports: {
    intake: Intake;
    chat: Pick<Chat, 'postEphemeral' | 'removeButtons' | 'post'>;
    /** The channel in which a click on the Home tab acts. */
    homeChannel: string;
    home: Pick<Home, 'opened'>;
    logger: Logger;
    track: (work: Promise<void>) => Promise<void>;
  },
): void {
  const { intake, chat, logger, track, homeChannel, home } = ports;

  /** An acknowledgement in the gap between two connections throws: the work is done all the same. */
  async function acknowledging(ack: () => Promise<void>): Promise<boolean> {
    try {
      await ack();
      return true;
    } catch (error) {
      logger.warn({ err: error }, 'an acknowledgement did not reach Slack');
      return false;
    }
  }

  const sendEphemeral = (channel: string, person: string) => (message: Message) =>
    chat.postEphemeral(channel, person, message).catch((error: unknown) => {
      logger.warn({ err: error, person }, 'an answer did not reach the person');
    });

  /** Through the response_url where there is one, as it answers where the person is; else, and if that fails, in the channel. */
  function replyFunction(channel: string, person: string, responseUrl: string | undefined) {
    const whisper = sendEphemeral(channel, person);
    return async (message: Message) => {
      if (responseUrl === undefined) return whisper(message);
      try {
        await replyTo(responseUrl, message);
      } catch (error) {
        logger.debug({ err: error }, 'a response_url did not take an answer');
        await whisper(message);
      }
    };
  }

  app.command('/rescan', ({ ack, body }) => {
    const { user_id, channel_id, text, trigger_id, response_url } = commandSchema.parse(body);
    return track(
      intake.command({
        person: user_id,
        channel: channel_id,
        text,
        triggerId: trigger_id,
        deliveryId: trigger_id,
        reply: replyFunction(channel_id, user_id, response_url),
        acknowledge: (message) =>
          acknowledging(() => {
            if (!message) return ack();
            const { text, blocks } = withinLimits(message);
            return ack({ response_type: 'ephemeral', text, blocks: [...blocks] });
          }),
      }),
    );
  });

  app.action({ type: 'block_actions' }, ({ ack, body }) => {
    const { user, trigger_id, response_url, container, actions, message, view } = clickSchema.parse(body);
    const [action] = actions;
    if (action && view?.type === 'home')
      return track(
        intake.click({
          person: user.id,
          message: { channel: homeChannel, ts: '' },
          isEphemeral: true,
          actionId: action.action_id,
          value: action.value ?? '',
          triggerId: trigger_id,
          removeButtons: async () => {},
          deliveryId: trigger_id,
          // On the Home tab nobody sees the channel: the answer comes as a direct message.
          async reply(said) {
            await chat.post(user.id, said).catch((error: unknown) => {
              logger.warn({ err: error, person: user.id }, 'an answer did not reach the person');
            });
          },
          acknowledge: () => acknowledging(ack),
        }),
      );
    const { channel_id: channel, message_ts: ts } = container;
    if (!action || channel === undefined || ts === undefined) return acknowledging(ack).then(() => {});
    return track(
      intake.click({
        person: user.id,
        message: { channel, ts },
        isEphemeral: container.is_ephemeral ?? false,
        actionId: action.action_id,
        value: action.value ?? '',
        triggerId: trigger_id,
        async removeButtons() {
          if (!message) return;
          await chat.removeButtons({ channel, ts }, message).catch((error: unknown) => {
            logger.warn({ err: error }, 'buttons that are of no use any more were not taken away');
          });
        },
        deliveryId: trigger_id,
        reply: replyFunction(channel, user.id, response_url),
        acknowledge: () => acknowledging(ack),
      }),
    );
  });

  app.event('app_home_opened', async ({ event }) => {
    if (event.tab === 'home') home.opened(event.user);
  });

  app.view({ type: 'view_submission' }, ({ ack, body }) => {
    const { user, trigger_id, view } = submissionSchema.parse(body);
    return track(
      intake.submission({
        person: user.id,
        callbackId: view.callback_id,
        privateMetadata: view.private_metadata,
        viewId: view.id,
        values: view.state.values,
        // A view is sent in again after errors at its fields: then with another hash.
        deliveryId: trigger_id ?? `${view.id} ${view.hash}`,
        replyIn: (channel, message) => sendEphemeral(channel, user.id)(message),
        acknowledge: (answer) =>
          acknowledging(() => {
            if (!answer) return ack();
            return 'errors' in answer
              ? ack({ response_action: 'errors', errors: { ...answer.errors } })
              : ack({ response_action: 'update', view: viewWithinLimits(answer.view) });
          }),
      }),
    );
  });
}
