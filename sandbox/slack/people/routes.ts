import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { PersonRefusedError } from '../errors.ts';
import { parseJson, readBody, sendJson } from '../http.ts';
import type { Parts } from '../rules/parts.ts';
import { SLACK_WORLD } from '../slack-world.ts';
import { DISCONNECT_REASONS } from '../socket-mode.ts';
import { CHANNEL_CHANGES, changeChannel } from './channels.ts';
import { createInteractions } from './interactions.ts';
import { deleteMessage, openHome, postMessage, sendCommand } from './messages.ts';
import { createModals } from './modals.ts';
import { workspaceState } from './state.ts';
import { uploadAsPerson } from './uploads.ts';

export type BotAction = 'kill' | 'stop' | 'start';
/** Starts or stops the bot. Returns its status. */
export type OnBot = (action: BotAction) => Promise<unknown> | unknown;

interface Route {
  readonly body: z.ZodType;
  answer(body: unknown): Promise<unknown> | unknown;
}

/** A route that takes JSON according to `body` and answers with JSON. */
const route = <T extends z.ZodType>(body: T, answer: (given: z.output<T>) => Promise<unknown> | unknown): Route => ({
  body,
  answer(given) {
    const parsed = body.safeParse(given);
    if (!parsed.success) throw new PersonRefusedError(400, 'bad_request', z.prettifyError(parsed.error));
    return answer(parsed.data);
  },
});

const place = {
  user: z.string(),
  channel: z.string().optional(),
  ts: z.string().optional(),
  viewId: z.string().optional(),
  blockId: z.string().optional(),
  actionId: z.string(),
};

/** The routes below `/sandbox/`: what a page or a test does as one of the people. */
export function createPeopleSide(
  parts: Parts,
  onBot: OnBot | undefined,
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> {
  const interactions = createInteractions(parts);
  const modals = createModals(parts, interactions);
  const routes: Readonly<Record<string, Route>> = {
    '/sandbox/command': route(z.strictObject({ user: z.string(), channel: z.string(), text: z.string() }), (said) =>
      sendCommand(parts, said),
    ),
    '/sandbox/message': route(
      z.strictObject({
        user: z.string(),
        channel: z.string(),
        text: z.string(),
        threadTs: z.string().optional(),
        fileIds: z.array(z.string()).optional(),
      }),
      (said) => ({ ok: true, message: postMessage(parts, said) }),
    ),
    '/sandbox/delete': route(z.strictObject({ channel: z.string(), ts: z.string() }), (asked) =>
      deleteMessage(parts, asked),
    ),
    '/sandbox/channel': route(
      z.strictObject({ channel: z.string(), do: z.enum(CHANNEL_CHANGES), id: z.string().optional() }),
      (asked) => changeChannel(parts, asked),
    ),
    '/sandbox/action': route(
      z.strictObject({
        ...place,
        value: z.unknown().optional(),
        shown: z.array(z.record(z.string(), z.unknown())).optional(),
      }),
      interactions.act,
    ),
    '/sandbox/suggest': route(z.strictObject({ ...place, value: z.string() }), interactions.suggest),
    '/sandbox/submit': route(
      z.strictObject({
        user: z.string(),
        viewId: z.string(),
        values: z.record(z.string(), z.unknown()).optional(),
      }),
      modals.submit,
    ),
    '/sandbox/close': route(
      z.strictObject({ user: z.string(), viewId: z.string(), clear: z.boolean().optional() }),
      modals.close,
    ),
    '/sandbox/home': route(z.strictObject({ user: z.string() }), (opened) => openHome(parts, opened)),
    '/sandbox/disconnect': route(
      z.strictObject({ reason: z.enum(DISCONNECT_REASONS), connectionId: z.string().optional() }),
      ({ reason, connectionId }) => ({ ok: true, notified: parts.socket.disconnect(reason, connectionId) }),
    ),
    '/sandbox/slack-world': route(SLACK_WORLD.partial(), (change) => parts.world.set(withoutUndefined(change))),
    '/sandbox/bot': route(z.strictObject({ do: z.enum(['kill', 'stop', 'start']) }), async (asked) => {
      if (!onBot) throw new PersonRefusedError(501, 'no_bot', 'This local Slack was started without a bot.');
      return { ok: true, bot: await onBot(asked.do) };
    }),
  };

  return async (request, response, url) => {
    const path = url.pathname;
    try {
      if (request.method === 'GET') return await answerGet(parts, request, response, url);
      if (request.method !== 'POST') throw new PersonRefusedError(405, 'method_not_allowed', 'Use GET or POST.');
      if (path === '/sandbox/upload') return sendJson(response, 200, await uploadAsPerson(parts, request));
      const found = Object.hasOwn(routes, path) ? routes[path] : undefined;
      if (!found)
        throw new PersonRefusedError(404, 'no_such_path', `There is no ${path}.`, { paths: Object.keys(routes) });
      const given = parseJson((await readBody(request)).toString('utf8'));
      sendJson(response, 200, await found.answer(given));
    } catch (error) {
      if (!(error instanceof PersonRefusedError)) throw error;
      sendJson(response, error.status, { ok: false, error: error.code, message: error.message, ...error.details });
    }
  };
}

async function answerGet(parts: Parts, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const path = url.pathname;
  if (path === '/sandbox/state') return sendJson(response, 200, workspaceState(parts));
  if (path === '/sandbox/slack-world') return sendJson(response, 200, parts.world.state());
  if (path === '/sandbox/events') {
    const after = request.headers['last-event-id'] ?? url.searchParams.get('lastEventId');
    const afterId = typeof after === 'string' && /^\d+$/.test(after) ? Number(after) : undefined;
    return parts.log.stream(response, afterId);
  }
  const file = parts.files.find(path.replace('/sandbox/files/', ''));
  if (!file) throw new PersonRefusedError(404, 'no_such_path', `There is no ${path}.`);
  // Sandboxed, so that an HTML or SVG file cannot run as a page of this origin.
  response.writeHead(200, {
    'content-type': file.mimetype,
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
  });
  response.end(file.bytes);
}

/** Removes entries with the value undefined, which exactOptionalPropertyTypes does not allow. */
function withoutUndefined<T extends object>(change: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in change) {
    const value = change[name];
    if (isDefined(value)) kept[name] = value;
  }
  return kept;
}

const isDefined = <T>(value: T): value is Exclude<T, undefined> => value !== undefined;
