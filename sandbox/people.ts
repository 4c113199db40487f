import { z } from 'zod';

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
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const state = async () => z.looseObject({}).parse(await (await fetch(`${url}/sandbox/state`)).json());
  const people: People = {
    command: (user, text, channel = 'timesheet-ocr') => does('/sandbox/command', { user, channel, text }),
    click: (user, ts, actionId) => does('/sandbox/action', { user, ts, actionId }),
    submit: (user, viewId, values) => does('/sandbox/submit', { user, viewId, values }),
    async openView(user, what, withinMs = 30_000) {
      const until = Date.now() + withinMs;
      for (;;) {
        const views = viewsSchema.parse((await state()).views);
        const mine = Object.entries(views)
          .filter(([person]) => person.toUpperCase().includes(user.toUpperCase()))
          .flatMap(([, open]) => open);
        const found = mine.find((view) => what.test(JSON.stringify(view)));
        if (found) return found.id;
        if (Date.now() > until)
          throw new Error(`No view like ${what} is open to ${user}: ${JSON.stringify(views).slice(0, 1_500)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async view(viewId) {
      const views = viewsSchema.parse((await state()).views);
      return Object.values(views)
        .flat()
        .find(({ id }) => id === viewId);
    },
    bot: (action) => post('/sandbox/bot', { do: action }),
    async messages(channel = 'C0TIMESHEET') {
      const all = z.array(messageSchema).parse((await state()).messages);
      return all.filter((message) => message.channelId === channel);
    },
    async ephemerals() {
      return z.array(messageSchema).parse((await state()).ephemerals);
    },
    async file(name, withinMs = 30_000) {
      const until = Date.now() + withinMs;
      for (;;) {
        const files = z.array(fileSchema).parse((await state()).files);
        const found = files.findLast((file) => name.test(file.name));
        if (found) return (await fetch(found.peopleUrl)).text();
        if (Date.now() > until) throw new Error(`No file like ${name} among ${JSON.stringify(files)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async sees(what, { channel, withinMs = 30_000 } = {}) {
      const until = Date.now() + withinMs;
      for (;;) {
        const all = [...(await people.messages(channel)), ...(await people.ephemerals())];
        const found = all.findLast((message) => what.test(wholeText(message)));
        if (found) return found;
        if (Date.now() > until)
          throw new Error(
            `No message matches ${what}. Messages:\n${all.map((message) => `- ${message.text}`).join('\n')}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
  return people;
}
