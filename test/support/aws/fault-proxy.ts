import { createServer, request as forward } from 'node:http';

export interface Faults {
  /** Called before each request: returns an answer in place of DynamoDB's, delays the request, or lets it pass (undefined). */
  intercept?: (call: Call) => Answer | undefined | Promise<Answer | undefined>;
  /** Called after DynamoDB has answered a request, before the answer is passed on. */
  after?: (call: Call) => void | Promise<void>;
  /** Whether the answer is lost after DynamoDB has carried out the request. */
  isLost?: (call: Call) => boolean;
}
export interface Call {
  readonly operation: string;
  /** The whole header `x-amz-target`, with the service; empty where the service is not called that way. */
  readonly target: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body: string;
  /** 1 for the first call of this operation. */
  readonly count: number;
}
export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

/** What DynamoDB answers when it throttles. */
export const throttled: Answer = {
  status: 400,
  json: {
    __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
    message: 'The level of configured provisioned throughput for the table was exceeded.',
  },
};

/** A server in front of a local DynamoDB, on a port of its own, that can answer in its place. */
export async function startFaultProxy(target: string, faults: Faults) {
  const counts = new Map<string, number>();
  const to = new URL(target);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const target = String(request.headers['x-amz-target'] ?? '');
      const operation = target.split('.')[1] ?? '';
      const count = (counts.get(operation) ?? 0) + 1;
      counts.set(operation, count);
      const { method = '', url: path = '' } = request;
      const call = { operation, target, method, path, body: bytes.toString('utf8'), count };
      void Promise.resolve(faults.intercept?.(call)).then((answer) => {
        if (answer !== undefined) {
          response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
          response.end(JSON.stringify(answer.json));
          return;
        }
        const onward = forward(
          { host: to.hostname, port: to.port, method: request.method, path: request.url, headers: request.headers },
          (reply) => {
            const parts: Buffer[] = [];
            reply.on('data', (part: Buffer) => parts.push(part));
            reply.on('end', () => {
              void Promise.resolve(faults.after?.(call)).then(() => {
                if (faults.isLost?.(call)) {
                  response.destroy();
                  return;
                }
                response.writeHead(reply.statusCode ?? 500, reply.headers);
                response.end(Buffer.concat(parts));
              });
            });
          },
        );
        onward.on('error', () => response.destroy());
        onward.end(bytes);
      });
    });
  });
  // Clients close idle connections. A server that closes one as the next request arrives resets it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy did not listen on a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    calls: (operation: string) => counts.get(operation) ?? 0,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
