import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { refusalOfAccess } from '../slack/access.ts';

/** The server of the sandbox page: a small Slack with the World pane. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface PageOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly slackUrl: string;
  /** Undefined: the page has no World pane. */
  readonly awsUrl?: string;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
};
/** Files outside of the page that it may load: from the path in the address to the file. */
const LIBRARIES: Readonly<Record<string, string>> = {
  '/library/preact.mjs': here('../../node_modules/preact/dist/preact.mjs'),
  '/library/hooks.mjs': here('../../node_modules/preact/hooks/dist/hooks.mjs'),
  '/slack/rules/json.ts': here('../slack/rules/json.ts'),
};
// Nothing from other sites and no inline script, so that the content of a message can never run.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/**
 * Serves the page without a build: TypeScript files are stripped of their types on request. Requests to the local Slack
 * and AWS pass through this server, so that the browser needs one address. @throws the error of `listen`, such as
 * EADDRINUSE.
 */
export async function startPageServer(options: PageOptions): Promise<PageServer> {
  const server = createServer((request, response) => {
    void answer(request, response, options).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ok: false, error: 'page_server', message: String(error) }));
    });
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The page did not listen on a port.');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: PageOptions): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://page');
  const { pathname } = url;
  const refusal = refusalOfAccess(request);
  if (refusal !== undefined) {
    response.writeHead(403, { 'content-type': 'text/plain' }).end(refusal);
    return;
  }
  if (pathname.startsWith('/sandbox/')) return handOn(request, response, `${options.slackUrl}${pathname}${url.search}`);
  if (pathname.startsWith('/aws/sandbox/') && options.awsUrl !== undefined)
    return handOn(request, response, `${options.awsUrl}${pathname.slice('/aws'.length)}${url.search}`);
  if (request.method !== 'GET') {
    response.writeHead(405).end();
    return;
  }
  const file = fileFor(pathname);
  const body = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined);
  if (file === undefined || body === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such page.');
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'text/plain',
    'cache-control': 'no-cache',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
  });
  const text = extname(file) === '.html' || extname(file) === '.css' ? body : withLibraries(body);
  response.end(extname(file) === '.ts' ? stripTypeScriptTypes(text) : text);
}

/**
 * Replaces package names by addresses: a browser cannot read node_modules, and an import map would be an inline script.
 */
const withLibraries = (source: string): string =>
  source
    .replaceAll(/from\s*['"]preact\/hooks['"]/g, "from '/library/hooks.mjs'")
    .replaceAll(/from\s*['"]preact['"]/g, "from '/library/preact.mjs'");

function fileFor(pathname: string): string | undefined {
  if (pathname === '/') return here('page/index.html');
  if (Object.hasOwn(LIBRARIES, pathname)) return LIBRARIES[pathname];
  const [, name] = /^\/page\/((?:[a-z][a-z0-9-]*\/)?[a-z][a-z0-9-]*\.(?:ts|css))$/.exec(pathname) ?? [];
  return name === undefined ? undefined : here(`page/${name}`);
}

/**
 * Forwards the request to another server and returns its answer. An event stream continues until the browser closes it.
 */
async function handOn(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { 'content-type': type, 'last-event-id': lastEventId } = request.headers;
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  const reply = await fetch(url, {
    method: request.method ?? 'GET',
    headers: {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(typeof lastEventId === 'string' ? { 'last-event-id': lastEventId } : {}),
    },
    ...(hasBody ? { body: await bodyOf(request) } : {}),
    signal: gone.signal,
  });
  response.writeHead(reply.status, {
    'content-type': reply.headers.get('content-type') ?? 'application/octet-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
  });
  if (!reply.body) return void response.end();
  const stream = Readable.fromWeb(reply.body);
  stream.on('error', () => response.end());
  stream.pipe(response);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
