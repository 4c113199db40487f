import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';

const TIMEOUT_MS = 10_000;

/**
 * Posts an ephemeral reply to the response_url of a command or a click. Slack accepts five within 30 minutes. `threadTs`: the
 * thread in which it is shown. `replace`: it takes the place of the clicked message.
 * @throws when Slack does not accept it.
 */
export async function postToResponseUrl(
  responseUrl: string,
  message: Message,
  where: { readonly threadTs?: string; readonly replace?: true } = {},
): Promise<void> {
  const { text, blocks, plain } = withinLimits(message);
  /** The reason of a refusal; undefined when Slack accepted the reply. */
  const send = async (form: Pick<Message, 'blocks'>): Promise<string | undefined> => {
    const reply = await fetch(responseUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({
        response_type: 'ephemeral',
        replace_original: where.replace ?? false,
        ...(where.threadTs === undefined ? {} : { thread_ts: where.threadTs }),
        text,
        ...form,
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await reply.text();
    // A refusal may also arrive with status 200, as JSON.
    const isRefused = !reply.ok || /"ok"\s*:\s*false/.test(body);
    return isRefused ? `${reply.status}: ${body.slice(0, 200)}` : undefined;
  };
  const refused = await send({ blocks });
  const stillRefused = refused?.includes('invalid_blocks') && plain ? await send({ blocks: plain }) : refused;
  if (stillRefused !== undefined) throw new Error(`The response_url answered ${stillRefused}.`);
}
