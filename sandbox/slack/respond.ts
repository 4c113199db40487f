import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebApiError } from './errors.ts';
import { parseJson, readBody, sendJson, sendText } from './http.ts';
import type { ResponseTarget } from './response-urls.ts';
import { isRecord, type JsonRecord, textOf } from './rules/json.ts';
import type { Parts } from './rules/parts.ts';
import type { Message } from './workspace/messages.ts';
import { messageBlocks, messageContent } from './workspace/posting.ts';

type RespondParts = Pick<Parts, 'directory' | 'messages' | 'world'>;

/**
 * Applies an app's response to a command, or a POST to a response_url: a new message (ephemeral unless `response_type`
 * is in_channel), or a change of the original. Throws WebApiError for content that Slack would refuse.
 */
export function respondTo(parts: RespondParts, target: ResponseTarget, answer: JsonRecord): Message | undefined {
  const { messages, directory, world } = parts;
  const original = target.messageTs;
  if (answer.delete_original === true && original !== undefined) {
    messages.remove(target.channelId, original);
    return undefined;
  }
  const before = original === undefined ? undefined : messages.find(target.channelId, original);
  if (answer.replace_original === true && before) {
    const blocks = messageBlocks(answer.blocks, world);
    const text = textOf(answer.text) ?? (blocks ? '' : before.text);
    if (text === '' && (blocks ?? []).length === 0) throw new WebApiError('no_text');
    return messages.change(target.channelId, before.ts, { text, blocks: blocks ?? [] });
  }
  const threadTs = textOf(answer.thread_ts) ?? target.threadTs;
  return messages.add({
    ...messageContent({ text: textOf(answer.text), blocks: answer.blocks }, world),
    channelId: target.channelId,
    userId: directory.bot.id,
    ...(threadTs === undefined ? {} : { threadTs }),
    ...(answer.response_type === 'in_channel' ? {} : { onlyFor: target.userId }),
  });
}

/** Answers a POST to a response_url. */
export async function handleResponseUrl(
  parts: RespondParts & Pick<Parts, 'clock' | 'responseUrls'>,
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
): Promise<void> {
  const answer = parseJson((await readBody(request)).toString('utf8'));
  const { down, slowMs } = parts.world.state();
  if (slowMs > 0) await parts.clock.sleep(slowMs);
  if (down) return sendText(response, 503, 'Service Unavailable');
  if (!isRecord(answer)) return sendJson(response, 400, { ok: false, error: 'invalid_payload' });
  const use = parts.responseUrls.use(token);
  if (use.kind === 'refused') return sendJson(response, 404, { ok: false, error: use.error });
  try {
    const message = respondTo(parts, use.target, answer);
    if (message && use.target.messageTs === undefined) use.remember(message.ts);
    sendJson(response, 200, { ok: true });
  } catch (error) {
    if (!(error instanceof WebApiError)) throw error;
    sendJson(response, 400, { ok: false, error: error.code, ...error.details });
  }
}
