import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const POLL_EVERY_MS = 100;
/** The sandbox may share its machine with other work. */
const WITHIN_MS = 120_000;
const MOST_SHOWN_CHARACTERS = 1_500;

/** A client for the people of the local Slack, as a program uses it. */

const blockSchema = z.looseObject({ type: z.string() });
const plainTextSchema = z.looseObject({ text: z.string() });
const viewSchema = z.looseObject({
  id: z.string(),
  body: z.looseObject({ title: plainTextSchema.optional(), submit: plainTextSchema.optional() }),
  blocks: z.array(blockSchema),
});
const viewsSchema = z.record(z.string(), z.array(viewSchema));
const fileSchema = z.looseObject({ id: z.string(), name: z.string(), size: z.number(), peopleUrl: z.string() });
const messageSchema = z.looseObject({
  ts: z.string(),
  text: z.string(),
  userId: z.string(),
  channelId: z.string(),
  /** The ts of the parent, on a reply. */
  threadTs: z.string().optional(),
  /** Set on an ephemeral message: the only person who sees it. */
  onlyFor: z.string().optional(),
  blocks: z.array(blockSchema),
  files: z.array(z.looseObject({ name: z.string(), size: z.number() })),
});
export type SeenMessage = z.infer<typeof messageSchema>;
export type SeenView = z.infer<typeof viewSchema>;

export interface People {
  command(user: string, text: string, channel?: string): Promise<Record<string, unknown>>;
  click(user: string, ts: string, actionId: string): Promise<Record<string, unknown>>;
  submit(user: string, viewId: string, values: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Waits until this person has a view open that matches. Returns its id. */
  openView(user: string, what: RegExp, withinMs?: number): Promise<string>;
  /** The current state of a view that somebody has open. */
  view(viewId: string): Promise<SeenView | undefined>;
  /** Every message of the channel and its threads, oldest first. */
  messages(channel?: string): Promise<SeenMessage[]>;
  ephemerals(): Promise<SeenMessage[]>;
  bot(action: 'kill' | 'stop' | 'start'): Promise<Record<string, unknown>>;
  /** Waits for a file whose name matches. Returns its content. */
  file(name: RegExp, withinMs?: number): Promise<string>;
  /**
   * Waits for a message that matches (text and blocks as one string). Throws with the list of messages after
   * `withinMs`.
   */
  sees(what: RegExp, options?: { channel?: string; withinMs?: number }): Promise<SeenMessage>;
}

/** The name of a user id: `operator` for `U0OPERATOR`. */
export const nameOf = (userId: string): string => userId.replace(/^U0/, '').toLowerCase();

export const wholeText = (message: SeenMessage): string => `${message.text}\n${JSON.stringify(message.blocks)}`;

/** The first action id of a message that matches: the button to click. */
export function buttonOf(message: SeenMessage, what: RegExp): string {
  const found = [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
  const id = found.find((candidate) => what.test(candidate));
  if (id === undefined) throw new Error(`No button like ${what} among ${found.join(', ') || 'none'}.`);
  return id;
}

/**
 * The people of the local Slack at `url`. Requests are repeated for `awaitBotMs` while the bot is not connected and has
 * not received them.
 */
export function createPeople(url: string, { awaitBotMs = 0 }: { readonly awaitBotMs?: number } = {}): People {
  async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
    const reply = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = z.record(z.string(), z.unknown()).parse(await reply.json());
    if (!reply.ok) throw new Error(`POST ${path} answered ${reply.status}: ${JSON.stringify(answer)}`);
    return answer;
  }
  async function does(path: string, body: unknown): Promise<Record<string, unknown>> {
    const until = Date.now() + awaitBotMs;
    for (;;) {
      const answer = await post(path, body);
      if (answer.reason !== 'not-connected' || Date.now() >= until) return answer;
      await sleep(POLL_EVERY_MS);
    }
  }
  const state = async () => z.looseObject({}).parse(await (await fetch(`${url}/sandbox/state`)).json());
  /** Polls until `read` finds something; throws the message that `missing` makes after the time. */
  async function poll<T>(
    read: () => Promise<T | undefined>,
    withinMs: number,
    missing: () => Promise<string>,
  ): Promise<T> {
    const until = Date.now() + withinMs;
    for (;;) {
      const found = await read();
      if (found !== undefined) return found;
      if (Date.now() > until) throw new Error(await missing());
      await sleep(POLL_EVERY_MS);
    }
  }
  const openViews = async () => viewsSchema.parse((await state()).views);
  const files = async () => z.array(fileSchema).parse((await state()).files);
  async function visible(channel = 'C0TIMESHEET'): Promise<SeenMessage[]> {
    const { messages, ephemerals } = await state();
    const inChannel = z
      .array(messageSchema)
      .parse(messages)
      .filter(({ channelId }) => channelId === channel);
    return [...inChannel, ...z.array(messageSchema).parse(ephemerals)];
  }
  return {
    command: (user, text, channel = 'timesheet-ocr') => does('/sandbox/command', { user, channel, text }),
    click: (user, ts, actionId) => does('/sandbox/action', { user, ts, actionId }),
    submit: (user, viewId, values) => does('/sandbox/submit', { user, viewId, values }),
    bot: (action) => post('/sandbox/bot', { do: action }),
    openView: (user, what, withinMs = WITHIN_MS) =>
      poll(
        async () =>
          Object.entries(await openViews())
            .filter(([person]) => person.toUpperCase().includes(user.toUpperCase()))
            .flatMap(([, views]) => views)
            .find((view) => what.test(JSON.stringify(view)))?.id,
        withinMs,
        async () =>
          `No view like ${what} is open to ${user}: ${JSON.stringify(await openViews()).slice(0, MOST_SHOWN_CHARACTERS)}`,
      ),
    view: async (viewId) =>
      Object.values(await openViews())
        .flat()
        .find(({ id }) => id === viewId),
    messages: async (channel) => (await visible(channel)).filter(({ onlyFor }) => onlyFor === undefined),
    ephemerals: async () => z.array(messageSchema).parse((await state()).ephemerals),
    async file(name, withinMs = WITHIN_MS) {
      const found = await poll(
        async () => (await files()).findLast((file) => name.test(file.name)),
        withinMs,
        async () => `No file like ${name} among ${JSON.stringify(await files())}`,
      );
      return (await fetch(found.peopleUrl)).text();
    },
    sees: (what, { channel, withinMs = WITHIN_MS } = {}) =>
      poll(
        async () => (await visible(channel)).findLast((message) => what.test(wholeText(message))),
        withinMs,
        async () =>
          `No message matches ${what}. Messages:\n${(await visible(channel)).map(({ text }) => `- ${text}`).join('\n')}`,
      ),
  };
}
