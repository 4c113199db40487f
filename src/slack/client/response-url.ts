import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';

const WITHIN_MS = 10_000;

/**
 * Answers to a response_url of a command or a click, so that only that person sees it, where they are. Slack takes five
 * of these in half an hour. Throws where it is not taken.
 */
export async function replyTo(responseUrl: string, message: Message): Promise<void> {
  const { text, blocks, plain } = withinLimits(message);
  const send = async (form: object): Promise<string | undefined> => {
    const reply = await fetch(responseUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ response_type: 'ephemeral', replace_original: false, text, ...form }),
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    const said = await reply.text();
    // A refusal may come as a 200 as well, in JSON.
    const isRefused = !reply.ok || /"ok"\s*:\s*false/.test(said);
    return isRefused ? `${reply.status}: ${said.slice(0, 200)}` : undefined;
  };
  const refused = await send({ blocks });
  const stillRefused = refused?.includes('invalid_blocks') && plain ? await send({ blocks: plain }) : refused;
  if (stillRefused !== undefined) throw new Error(`The response_url answered ${stillRefused}`);
}
