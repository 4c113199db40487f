import { z } from 'zod';
import { unescapeMrkdwn } from '../messages/kit/escape.ts';

/** The parts of Slack's payloads that the bot reads. Who acts is always the user id of the payload, never a value in it. */

export const commandSchema = z.looseObject({
  user_id: z.string(),
  channel_id: z.string(),
  // Slack escapes `& < >` in typed text; the key of an image may contain them.
  text: z.string().default('').transform(unescapeMrkdwn),
  trigger_id: z.string(),
  response_url: z.string().optional(),
});

export const clickSchema = z.looseObject({
  user: z.looseObject({ id: z.string() }),
  trigger_id: z.string(),
  response_url: z.string().optional(),
  view: z.looseObject({ type: z.string(), callback_id: z.string().optional() }).optional(),
  container: z.looseObject({
    type: z.string(),
    message_ts: z.string().optional(),
    channel_id: z.string().optional(),
    /** The thread, where the message is a reply. */
    thread_ts: z.string().optional(),
    is_ephemeral: z.boolean().optional(),
  }),
  message: z
    .looseObject({
      text: z.string().default(''),
      /** `thread_broadcast`: a reply that is also shown in the channel. */
      subtype: z.string().optional(),
      blocks: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })).default([]),
    })
    .optional(),
  actions: z
    .array(
      z.looseObject({
        action_id: z.string(),
        block_id: z.string().optional(),
        value: z.string().optional(),
        /** Of a button: what is on it. */
        text: z.looseObject({ text: z.string() }).optional(),
        action_ts: z.string().optional(),
        selected_option: z.looseObject({ value: z.string() }).nullish(),
      }),
    )
    .min(1),
});
export type ClickPayload = z.infer<typeof clickSchema>;

export const suggestionSchema = z.looseObject({
  user: z.looseObject({ id: z.string() }),
  action_id: z.string(),
  value: z.string().default(''),
  view: z.looseObject({ callback_id: z.string().default('') }).optional(),
});

export const submissionSchema = z.looseObject({
  user: z.looseObject({ id: z.string() }),
  trigger_id: z.string().optional(),
  view: z.looseObject({
    id: z.string(),
    callback_id: z.string(),
    title: z.looseObject({ text: z.string() }).optional(),
    hash: z.string().optional(),
    private_metadata: z.string().default(''),
    state: z.looseObject({ values: z.unknown() }),
  }),
});
