import { z } from 'zod';
import { CLAIMS, createLongClaims, type Observed } from './claims.ts';

const eventSchema = z.looseObject({
  type: z.string(),
  message: z.looseObject({ ts: z.string(), text: z.string() }).optional(),
});

/**
 * Follows every message and every edit of the local Slack, and checks what it claims. `end` returns the claims that
 * did not hold, each with the text of its message.
 */
export async function watchMessages(slackUrl: string, observed: Observed) {
  const closing = new AbortController();
  const untrue: string[] = [];
  const seenClaims = new Set<string>();
  let seen = 0;
  let checked = 0;
  let lastAt = Date.now();
  const long = createLongClaims(observed);
  const response = await fetch(`${slackUrl}/sandbox/events`, { signal: closing.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const watching = (async () => {
    let rest = '';
    // Frames are read while earlier ones are checked, so that each has the time of its arrival.
    let checking = Promise.resolve();
    for (;;) {
      const next = await reader?.read().catch(() => undefined);
      if (!next || next.done) return checking;
      const frames = `${rest}${next.value}`.split('\n\n');
      rest = frames.pop() ?? '';
      const arrivedAt = Date.now();
      for (const frame of frames) checking = checking.then(() => check(frame, arrivedAt));
    }
  })();

  async function check(frame: string, arrivedAt: number): Promise<void> {
    const [, json] = /^data: (.*)$/m.exec(frame) ?? [];
    if (json === undefined) return;
    const event = eventSchema.parse(JSON.parse(json));
    if (event.type !== 'message' && event.type !== 'message_changed') return;
    seen += 1;
    lastAt = arrivedAt;
    const said = { ts: event.message?.ts ?? '', text: JSON.stringify(event) };
    const shown = event.message?.text ?? said.text.slice(0, 500);
    untrue.push(...long.note(said, arrivedAt).map((what) => `${what}: ${shown}`));
    for (const { what, pattern, holds } of CLAIMS) {
      const match = pattern.exec(said.text);
      // An edit that leaves the sentence as it was does not say it again: what it says was true when it was new.
      if (!match || seenClaims.has(`${said.ts} ${match[0]}`)) continue;
      seenClaims.add(`${said.ts} ${match[0]}`);
      checked += 1;
      if (!(await holds(match, observed, said))) untrue.push(`${what}: ${shown}`);
    }
  }

  return {
    /** When the last message or edit came, epoch ms. */
    lastAt: () => lastAt,
    /** A work is over: checks what its messages said about the time after them. */
    async settle(requests: readonly number[]) {
      untrue.push(...(await long.settle(requests)));
    },
    async end() {
      closing.abort();
      await watching;
      return { untrue, seen, checked: checked + long.checked() };
    },
  };
}
