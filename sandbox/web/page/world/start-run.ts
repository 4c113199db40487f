import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { get, post } from '../api.ts';

const RUN = '/rescan start keep';
const LOOKS = 60;
const LOOK_EVERY_MS = 250;

/** The first button of a message that is meant to be pressed: the primary one. */
function primaryButton(message: JsonRecord): string | undefined {
  const elements = recordsOf(message.blocks).flatMap((block) => recordsOf(block.elements));
  return textOf(elements.find(({ type, style }) => type === 'button' && style === 'primary')?.action_id);
}

/**
 * Types the command that plans a run and presses the button of its answer, as this person could: what came of it. An answer without such
 * a button is there to be read, and nothing more is done.
 */
export async function startRun(user: string, channel: string): Promise<JsonRecord> {
  const before = await get('/sandbox/state');
  const known = new Set(recordsOf(before?.messages).map(({ ts }) => ts));
  const typed = await post('/sandbox/command', { user, channel, text: RUN });
  if (typed.ok === false) return typed;
  for (let look = 0; look < LOOKS; look++) {
    const state = await get('/sandbox/state');
    const fresh = recordsOf(state?.messages).filter(({ ts, channelId }) => channelId === channel && !known.has(ts));
    for (const message of fresh) {
      const actionId = primaryButton(message);
      if (actionId !== undefined) return post('/sandbox/action', { user, channel, ts: message.ts, actionId });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return { ok: true };
}
