import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { isForeignOrigin, refusalOfAccess } from './access.ts';
import { PortInUseError } from './errors.ts';
import { readBody, readForm, sendJson, sendText } from './http.ts';
import { createHttpDelivery, type RequestUrl } from './http-delivery.ts';
import { readManifest } from './manifest.ts';
import { createPeopleSide, type OnBot } from './people/routes.ts';
import { createRateLimits, type RateLimitSetting } from './rate-limits.ts';
import { handleResponseUrl } from './respond.ts';
import { createResponseUrls } from './response-urls.ts';
import type { Parts } from './rules/parts.ts';
import { createSlackWorld } from './slack-world.ts';
import { createSocketMode } from './socket-mode.ts';
import { createTriggers } from './triggers.ts';
import { createWebApi, type Tokens } from './web-api/dispatch.ts';
import { machineClock, type SlackClock } from './workspace/clock.ts';
import { createDirectory, type Seed } from './workspace/directory.ts';
import { createEventLog } from './workspace/event-log.ts';
import { createFiles, MAX_FILE_BYTES } from './workspace/files.ts';
import { createIds } from './workspace/ids.ts';
import { createMessages } from './workspace/messages.ts';
import { createViews } from './workspace/views.ts';

export interface LocalSlackOptions {
  /** Path of the app's manifest, or its text. */
  readonly manifest: string;
  /** 0: any free port. */
  readonly port?: number;
  readonly host?: string;
  readonly clock?: SlackClock;
  readonly rateLimits?: RateLimitSetting;
  /** Called for POST /sandbox/bot. Without it, the answer is 501. */
  readonly onBot?: OnBot;
  readonly tokens?: Tokens;
  /** Users, channels and groups that replace the default ones. */
  readonly seed?: Seed;
  /** Time limit for acknowledgements, in ms. Slack's limit is 3,000. */
  readonly acknowledgeWithinMs?: number;
  /** How long a trigger_id is valid, in ms. Slack's limit is 3,000. */
  readonly triggerLifeMs?: number;
  /** Commands, interactions and events go to this URL, and not over Socket Mode. */
  readonly requestUrl?: RequestUrl;
  /** Answers all paths that are not Slack's. Default: 404. */
  readonly otherwise?: RequestListener;
  /** Called with the path of each request of the app: to the Web API, an upload URL, a response_url or a file. */
  readonly onAppRequest?: (path: string) => void;
}

export interface LocalSlack {
  /** `http://127.0.0.1:4390`. The Web API is at `${url}/api/`. */
  readonly url: string;
  readonly port: number;
  readonly tokens: Tokens;
  /** Whether the app answers the challenge at its request URL. False without a request URL. */
  verifyUrl(): Promise<boolean>;
  /** Closes every connection and frees the port. */
  close(): Promise<void>;
}

export const DEFAULT_PORT = 4390;
const SLACK_ACKNOWLEDGES_WITHIN_MS = 3_000;

/**
 * Starts a Slack workspace with one installed app, described by its manifest: Web API, Socket Mode, uploads,
 * response_urls and the routes for people, on one port. Throws PortInUseError or ManifestError; nothing runs then.
 */
export async function startLocalSlack(options: LocalSlackOptions): Promise<LocalSlack> {
  const manifest = readManifest(options.manifest);
  const clock = options.clock ?? machineClock;
  const host = options.host ?? '127.0.0.1';
  const tokens = options.tokens ?? { bot: 'xoxb-sandbox', app: 'xapp-sandbox' };
  const ids = createIds(clock);
  const log = createEventLog();
  const directory = createDirectory(manifest, log, options.seed);
  const world = createSlackWorld((state) => {
    if (state.linksDown) socket.cut();
    log.record('slack_world', { state });
  });
  const acknowledgeWithinMs = options.acknowledgeWithinMs ?? SLACK_ACKNOWLEDGES_WITHIN_MS;
  const http = options.requestUrl && createHttpDelivery(options.requestUrl, { clock, acknowledgeWithinMs });
  const socket = createSocketMode({
    clock,
    ids,
    log,
    appId: directory.app.id,
    acknowledgeWithinMs,
    isUp: () => !world.state().linksDown,
    delivery: () => world.state(),
  });
  let url = '';
  const parts: Parts = {
    clock,
    ids,
    log,
    manifest,
    directory,
    messages: createMessages(ids, log),
    views: createViews(ids, log),
    triggers: createTriggers(clock, ids, options.triggerLifeMs),
    files: createFiles(clock, ids),
    responseUrls: createResponseUrls(clock, () => world.state().responseUrlLifeMs),
    world,
    socket: http ? { ...socket, deliver: http.deliver, deliverEvent: http.deliverEvent } : socket,
    url: () => url,
  };
  const webApi = createWebApi(parts, { tokens, limits: createRateLimits(clock, options.rateLimits) });
  const peopleSide = createPeopleSide(parts, options.onBot);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = new URL(request.url ?? '/', 'http://localhost');
    const path = asked.pathname;
    // The Web API, too: its tokens are known, so only the origin distinguishes a page from a program.
    const refusal = path.startsWith('/sandbox/') || isForeignOrigin(request) ? refusalOfAccess(request) : undefined;
    if (refusal !== undefined) return sendJson(response, 403, { ok: false, error: 'access_refused', message: refusal });
    if (!path.startsWith('/sandbox/')) options.onAppRequest?.(path);
    if (path.startsWith('/api/')) return webApi(request, response, asked);
    if (path.startsWith('/sandbox/')) return peopleSide(request, response, asked);
    if (path.startsWith('/response/')) return handleResponseUrl(parts, request, response, path.split('/')[2] ?? '');
    if (path.startsWith('/upload/v1/')) return takeUpload(parts, request, response, path.split('/')[3] ?? '');
    if (path.startsWith('/files-pri/')) return giveFile(parts, request, response, path.split('/')[2] ?? '', tokens);
    if (options.otherwise) return options.otherwise(request, response);
    return sendText(
      response,
      404,
      'Not found. The Web API is at /api/<method>, the state of the workspace at /sandbox/state.',
    );
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent)
        sendJson(response, 500, { ok: false, error: 'internal_error', message: String(error) });
      else response.destroy();
    });
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  server.on('upgrade', (request, stream, head) => socket.accept(request, stream, head));
  const wanted = options.port ?? DEFAULT_PORT;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new PortInUseError(wanted, error) : error),
    );
    server.listen(wanted, host, resolve);
  }).catch((error: unknown) => {
    log.close();
    throw error;
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : wanted;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  return {
    url,
    port,
    tokens,
    verifyUrl: async () => (await http?.verifyUrl()) ?? false,
    async close() {
      log.close();
      http?.close();
      await socket.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The upload URL: takes multipart, as @slack/web-api sends it, or the raw bytes. */
async function takeUpload(
  parts: Pick<Parts, 'files' | 'world'>,
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
): Promise<void> {
  const body = await readBody(request, MAX_FILE_BYTES);
  if (parts.world.state().down) return sendText(response, 503, 'Service Unavailable');
  const contentType = request.headers['content-type'] ?? '';
  const bytes = contentType.startsWith('multipart/form-data') ? await firstFileIn(body, contentType) : body;
  const taken = bytes ? parts.files.receive(token, bytes) : 'unknown';
  if (taken === 'stored') return sendText(response, 200, `OK - ${bytes?.length}`);
  return sendText(response, taken === 'unknown' ? 404 : 400, taken === 'unknown' ? 'no such upload' : 'length differs');
}

async function firstFileIn(body: Buffer, contentType: string): Promise<Buffer | undefined> {
  for (const [, value] of await readForm(body, contentType))
    return typeof value === 'string' ? Buffer.from(value) : Buffer.from(await value.arrayBuffer());
  return undefined;
}

/**
 * url_private: sends the file to a client with the bot's token and the scope files:read. Others get the sign-in page
 * with status 200.
 */
function giveFile(
  parts: Pick<Parts, 'files' | 'manifest'>,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
  tokens: Tokens,
): void {
  const isBot = request.headers.authorization === `Bearer ${tokens.bot}`;
  if (!isBot || !parts.manifest.scopes.has('files:read')) return sendSignIn(response);
  const file = parts.files.find(id);
  if (!file) return sendText(response, 404, 'no such file');
  response.writeHead(200, { 'content-type': file.mimetype, 'content-length': String(file.size) });
  response.end(file.bytes);
}

function sendSignIn(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end('<!doctype html><title>Sign in | Slack</title><p>A bot token with files:read is needed.</p>');
}
