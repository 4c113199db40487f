import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from '../lib/log.ts';

/** Answers a request. An error that it throws is logged and answered with 500. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
export type HttpMethod = 'GET' | 'POST';

/** The HTTP server of the process: only the paths that were added, and only with their methods. */
export interface HttpServer {
  readonly port: number;
  /** A path has one handler for each method. */
  add(method: HttpMethod, path: string, handler: HttpHandler): void;
  /** Ends open connections and frees the port. Never throws. */
  close(): Promise<void>;
}

/** The server cannot listen. Nothing was started. */
export class HttpPortError extends Error {
  override readonly name = 'HttpPortError';
  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    super(problemOf(host, port, cause.code), { cause });
  }
}

function problemOf(host: string, port: number, code = 'an error without a code'): string {
  switch (code) {
    case 'EADDRINUSE':
      return `HTTP_PORT is ${port}, and another process listens on ${host}:${port}. Stop that process, or set another HTTP_PORT.`;
    case 'EACCES':
      return `HTTP_PORT is ${port}, and this user may not listen on it. Set a port from 1024 to 65535.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HTTP_HOST is ${host}, and this machine has no such address. Set 127.0.0.1, or 0.0.0.0 for all addresses.`;
    default:
      return `The HTTP server cannot listen on ${host}:${port}: ${code}. Set another HTTP_HOST or HTTP_PORT.`;
  }
}

/** More connections are refused: a client that opens them without end must not take the memory of a run. */
const MOST_CONNECTIONS = 200;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than the 60 s after which AWS's load balancers close an idle connection, so that they never send on a closed one. */
const KEEP_ALIVE_MS = 65_000;

/**
 * Listens on the port; 0: any free one.
 * @throws HttpPortError when it cannot listen.
 */
export async function startHttpServer(
  at: { readonly host: string; readonly port: number },
  logger: Pick<Logger, 'warn'>,
): Promise<HttpServer> {
  const paths = new Map<string, Map<string, HttpHandler>>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const methods = paths.get(pathOf(request));
    const handler = methods?.get(request.method ?? '');
    if (handler) return handler(request, response);
    if (!methods) return sendText(response, 404, 'Not found.');
    response.setHeader('allow', [...methods.keys()].join(', '));
    sendText(response, 405, 'This method is not allowed here.');
  }

  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        logger.warn({ err: error, path: pathOf(request) }, 'An HTTP request could not be answered.');
        if (response.headersSent) response.destroy();
        else sendText(response, 500, 'This request could not be answered. The log of the bot says why.');
      });
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new HttpPortError(at.host, at.port, error)));
    server.listen(at.port, at.host, resolve);
  });
  server.on('error', (error) => logger.warn({ err: error }, 'The HTTP server reports an error.'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : at.port,
    add(method, path, handler) {
      const methods = paths.get(path) ?? new Map<string, HttpHandler>();
      paths.set(path, methods.set(method, handler));
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

/** The path without its query; a malformed one is no path that was added. */
const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';

export function sendText(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' });
  response.end(text);
}

export const sendJson = (response: ServerResponse, status: number, body: object): void =>
  sendText(response, status, `${JSON.stringify(body)}\n`, 'application/json');
