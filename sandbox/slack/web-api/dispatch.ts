import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebApiError } from '../errors.ts';
import { readArguments, sendJson, sendText } from '../http.ts';
import type { RateLimits } from '../rate-limits.ts';
import { type JsonRecord, textOf } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { appMethods } from './apps.ts';
import { chatMethods } from './chat.ts';
import { conversationMethods } from './conversations.ts';
import { fileMethods } from './files.ts';
import type { Method } from './method.ts';
import { peopleMethods } from './people.ts';
import { requireScope } from './scopes.ts';
import { viewMethods } from './views.ts';

export interface Tokens {
  readonly bot: string;
  readonly app: string;
}

/** Answers calls of `/api/<method>` as Slack does: HTTP 200 with `ok`, or 429 with Retry-After. */
export function createWebApi(
  parts: Parts,
  options: { readonly tokens: Tokens; readonly limits: RateLimits },
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> {
  const methods = {
    ...appMethods(parts),
    ...chatMethods(parts),
    ...conversationMethods(parts),
    ...fileMethods(parts),
    ...peopleMethods(parts),
    ...viewMethods(parts),
  };
  const { world, manifest } = parts;
  const answered = new Map<string, number>();
  /** Whether the answer of this call, which was carried out, is lost. */
  function isLost(name: string): boolean {
    const every = world.state().lostReplies[name];
    if (every === undefined) return false;
    const count = (answered.get(name) ?? 0) + 1;
    answered.set(name, count);
    return count % every === 0;
  }

  return async (request, response, url) => {
    const name = url.pathname.slice('/api/'.length);
    let args: JsonRecord;
    try {
      args = await readArguments(request, url);
    } catch {
      return sendJson(response, 200, { ok: false, error: 'invalid_form_data' });
    }
    const { slowMs } = world.state();
    if (slowMs > 0) await parts.clock.sleep(slowMs);
    const { down, rateLimited, retryAfterSeconds, errors } = world.state();
    if (down) return sendText(response, 503, 'Service Unavailable');

    const refuse = (error: string, details: JsonRecord = {}) =>
      sendJson(response, 200, { ok: false, error, ...details });
    const method: Method | undefined = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (!method) return refuse('unknown_method', { req_method: name });
    const refusal = refuseToken(method, tokenOf(request, args), options.tokens);
    if (refusal) return refuse(refusal);
    const wait = rateLimited ? retryAfterSeconds : options.limits.admit(name, method.tier, textOf(args.channel));
    if (wait !== undefined)
      return sendJson(response, 429, { ok: false, error: 'ratelimited' }, { 'retry-after': String(wait) });
    const dialled = errors[name];
    if (dialled) return refuse(dialled);

    const headers = {
      'x-oauth-scopes': [...manifest.scopes].join(','),
      'x-accepted-oauth-scopes': method.scopes.join(','),
    };
    try {
      requireScope(manifest, method.scopes);
      const { token: _, ...rest } = args;
      const answer = { ok: true, ...method.run(rest) };
      if (isLost(name)) return void request.socket.destroy();
      sendJson(response, 200, answer, headers);
    } catch (error) {
      if (!(error instanceof WebApiError)) throw error;
      sendJson(response, 200, { ok: false, error: error.code, ...error.details }, headers);
    }
  };
}

/** The token of a call: from the Authorization header, otherwise from the arguments. */
export function tokenOf(request: IncomingMessage, args: JsonRecord): string | undefined {
  const header = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return header ?? textOf(args.token);
}

function refuseToken(method: Method, token: string | undefined, tokens: Tokens): string | undefined {
  if (method.token === 'none') return undefined;
  if (!token) return 'not_authed';
  if (token !== tokens.bot && token !== tokens.app) return 'invalid_auth';
  const needed = method.token === 'app' ? tokens.app : tokens.bot;
  return method.token === 'any' || token === needed ? undefined : 'not_allowed_token_type';
}
