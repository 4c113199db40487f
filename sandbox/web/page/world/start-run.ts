import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { get, post } from '../api.ts';

const RUN = '/rescan start keep';
const MOST_POLLS = 60;
const POLL_EVERY_MS = 250;

/** The action id of the primary button of a message. */
function primaryButton(message: JsonRecord): string | undefined {
  const elements = recordsOf(message.blocks).flatMap((block) => recordsOf(block.elements));
  return textOf(elements.find(({ type, style }) => type === 'button' && style === 'primary')?.action_id);
}

/**
 * As this person, types the command that plans a run and presses the primary button of the answer. When the answer has
 * no such button, does nothing more. `engine`: empty for the engine that is set.
 */
export async function startRun(user: string, channel: string, engine: string): Promise<JsonRecord> {
  const before = await get('/sandbox/state');
  const known = new Set(recordsOf(before?.messages).map(({ ts }) => ts));
  const typed = await post('/sandbox/command', {
    user,
    channel,
    text: engine === '' ? RUN : `${RUN} engine=${engine}`,
  });
  if (typed.ok === false) return typed;
  for (let poll = 0; poll < MOST_POLLS; poll++) {
    const state = await get('/sandbox/state');
    const fresh = recordsOf(state?.messages).filter(({ ts, channelId }) => channelId === channel && !known.has(ts));
    for (const message of fresh) {
      const actionId = primaryButton(message);
      if (actionId !== undefined) return post('/sandbox/action', { user, channel, ts: message.ts, actionId });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
  }
  return { ok: true };
}
