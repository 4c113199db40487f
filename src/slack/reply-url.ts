import { withinLimits } from './messages/limits.ts';
import type { Message } from './messages/message.ts';

const WITHIN_MS = 10_000;

/**
 * Answers to a response_url of a command or a click, so that only that person sees it, where they are. Slack takes five
 * of these in half an hour. Throws where it is not taken.
 */
export async function replyTo(responseUrl: string, message: Message): Promise<void> {
  const { text, blocks } = withinLimits(message);
  const reply = await fetch(responseUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify({ response_type: 'ephemeral', replace_original: false, text, blocks }),
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  if (!reply.ok) throw new Error(`The response_url answered ${reply.status}: ${(await reply.text()).slice(0, 200)}`);
}
