import { z } from 'zod';
import type { Random } from '../../src/lib/clock.ts';
import { aws, type Disturbance, inSlack } from './disturbances.ts';
import type { Round } from './round.ts';

const CHANNEL = 'timesheet-ocr';

/** One change of the channel, and the one that takes it back. */
const channel = (name: string, change: string, back: string): Disturbance => ({
  name,
  forMs: 4_000,
  async begin(round) {
    await inSlack(round, 'channel', { channel: CHANNEL, do: change });
    return async () => {
      await inSlack(round, 'channel', { channel: CHANNEL, do: back });
    };
  },
});

/** Again and again, from the beginning to the end of the disturbance. */
const repeatedly = (name: string, everyMs: number, act: (round: Round, random: Random) => Promise<unknown>) => ({
  name,
  forMs: 8_000,
  async begin(round: Round, random: Random) {
    let acting: Promise<unknown> = act(round, random);
    const timer = setInterval(() => {
      acting = acting.then(() => act(round, random));
    }, everyMs);
    return async () => {
      clearInterval(timer);
      await acting;
    };
  },
});

async function deleteHeads(round: Round): Promise<void> {
  const { people } = round.here;
  const heads = (await people.messages()).filter(({ ts, threadTs }) => threadTs === undefined || threadTs === ts);
  for (const { ts } of heads) await inSlack(round, 'delete', { channel: 'C0TIMESHEET', ts });
}

export const CHANNEL_FAULTS: readonly Disturbance[] = [
  channel('the channel is archived for a while', 'archive', 'unarchive'),
  channel('the bot is removed from the channel for a while', 'remove-bot', 'invite-bot'),
  {
    name: 'every first message of a thread is deleted',
    forMs: 0,
    async begin(round) {
      await deleteHeads(round);
      return async () => {};
    },
  },
  repeatedly('a connection ends every two seconds', 2_000, (round, random) =>
    random() < 0.5
      ? inSlack(round, 'disconnect', { reason: 'refresh_requested' })
      : inSlack(round, 'slack-world', { linksDown: true }).then(() =>
          inSlack(round, 'slack-world', { linksDown: false }),
        ),
  ),
];

/** What holds for a whole round, from before each request on. */
export interface Condition {
  readonly name: string;
  readonly slack?: Record<string, unknown>;
  readonly aws?: Record<string, unknown>;
  /** A second process of the bot runs, which gets envelopes, too. */
  readonly twoCopies?: true;
}

export const SLACK_CONDITIONS: readonly Condition[] = [
  { name: 'each envelope arrives three times, within 5 s', slack: { repeatEnvelopesAfterMs: [0, 5_000] } },
  {
    name: 'each envelope arrives at two copies of the bot, and again after 5 s',
    slack: { repeatEnvelopesAfterMs: [0, 5_000] },
    twoCopies: true,
  },
  { name: 'each envelope takes two seconds', slack: { envelopeDelayMs: 2_000 } },
  {
    name: 'the answer of every third post and edit is lost',
    slack: { lostReplies: { 'chat.postMessage': 3, 'chat.update': 3, 'chat.postEphemeral': 3 } },
  },
  { name: 'every response_url has expired', slack: { responseUrlLifeMs: 0 } },
];

export const ANSWER_FAULTS: readonly Disturbance[] = [
  aws(
    'the answers of a third of the writes are lost',
    5_000,
    { answers: { lostWrites: 0.33 } },
    { answers: { lostWrites: 0 } },
  ),
  aws('a fifth of the answers end in the middle', 5_000, { answers: { cut: 0.2 } }, { answers: { cut: 0 } }),
  aws('every service fails with 500 for two of five requests', 5_000, { internalErrors: 0.4 }, { internalErrors: 0 }),
  aws('every service throttles three of five requests', 5_000, { throttled: 0.6 }, { throttled: 0 }),
];

export const SLOW_LISTING: Condition = {
  name: 'pages of a listing are short and slow',
  aws: { s3: { listingKeys: 5, listingMs: 300 } },
};

/** Sets a condition. Returns what ends it. */
export async function setCondition(round: Round, { slack, aws: world, twoCopies }: Condition) {
  const copy = twoCopies ? await round.startCopy() : undefined;
  if (slack) await inSlack(round, 'slack-world', slack);
  if (world) await round.here.world.set(world);
  return async () => {
    await copy?.close();
  };
}

const eventSchema = z.looseObject({
  type: z.string(),
  message: z.looseObject({ ts: z.string(), blocks: z.array(z.record(z.string(), z.unknown())) }).optional(),
});
const elementSchema = z.looseObject({ action_id: z.string(), value: z.string().optional() });

/** A button as it was in some form of a message. */
export interface SeenButton {
  readonly ts: string;
  readonly actionId: string;
  readonly shown: readonly Record<string, unknown>[];
}

/** Collects every button that is ever shown. `end` returns each once: by its message, its action and its value. */
export async function collectButtons({ here }: Round) {
  const closing = new AbortController();
  const buttons = new Map<string, SeenButton>();
  const response = await fetch(`${here.sandbox.slack?.url}/sandbox/events`, { signal: closing.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  function collect(frame: string): void {
    const [, json] = /^data: (.*)$/m.exec(frame) ?? [];
    const { type = '', message } = json === undefined ? {} : eventSchema.parse(JSON.parse(json));
    if (!message || !/^message/.test(type)) return;
    for (const block of message.blocks)
      for (const element of Array.isArray(block.elements) ? block.elements : [block.accessory]) {
        const button = elementSchema.safeParse(element).data;
        if (!button) continue;
        const { ts, blocks: shown } = message;
        buttons.set(`${ts} ${button.action_id} ${button.value}`, { ts, actionId: button.action_id, shown });
      }
  }
  const collecting = (async () => {
    let rest = '';
    for (;;) {
      const next = await reader?.read().catch(() => undefined);
      if (!next || next.done) return;
      const frames = `${rest}${next.value}`.split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) collect(frame);
    }
  })();
  return {
    async end(): Promise<readonly SeenButton[]> {
      closing.abort();
      await collecting;
      return [...buttons.values()];
    },
  };
}
