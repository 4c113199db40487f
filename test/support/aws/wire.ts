import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface WireReply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
/** `hang up` closes the connection without an answer; `silence` never answers. */
export type WireAnswer = WireReply | 'hang up' | 'silence';

export interface Wire {
  readonly url: string;
  readonly requests: WireRequest[];
  /** How many connections were opened so far. */
  connections(): number;
  stop(): Promise<void>;
}

/** A server in this process with scripted answers, for AWS answers that the local AWS does not give. */
export async function startWire(answer: (request: WireRequest) => WireAnswer | Promise<WireAnswer>): Promise<Wire> {
  const requests: WireRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://wire');
    const request = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    requests.push(request);
    const reply = await answer(request);
    if (reply === 'silence') return;
    if (reply === 'hang up') return void incoming.socket.destroy();
    outgoing.writeHead(reply.status ?? 200, reply.headers ?? {});
    outgoing.end(reply.body ?? '');
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server did not listen on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    connections: () => connections,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
