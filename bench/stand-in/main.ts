import { createServer, request as forward } from 'node:http';
import { startFauxqs } from 'fauxqs';
import { z } from 'zod';
import { timesheetEntry } from '../../test/support/aws/pipeline-table.ts';
import { createTables, RequestError } from './tables.ts';

/**
 * A DynamoDB and an S3 for benchmarks, in a process of its own: every request waits `latencyMs` (POST /latency sets it), any number
 * in parallel. POST /fill puts timesheet entries into a table. Prints its address when it listens.
 */
const s3 = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
const tables = createTables();
let latencyMs = 0;
const fillSchema = z.object({ table: z.string(), items: z.number() });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    if (request.url === '/latency') {
      latencyMs = Number(body.toString());
      response.end();
      return;
    }
    if (request.url === '/fill') {
      const { table, items } = fillSchema.parse(JSON.parse(body.toString()));
      for (let index = 0; index < items; index += 1) tables.put(table, timesheetEntry(index));
      response.end();
      return;
    }
    const reply = () => {
      const target = request.headers['x-amz-target'];
      if (typeof target === 'string') return answer(target.split('.')[1] ?? '', body.toString());
      const { method, url: path, headers } = request;
      const onward = forward({ host: '127.0.0.1', port: s3.port, method, path, headers }, (stored) => {
        response.writeHead(stored.statusCode ?? 502, stored.headers);
        stored.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end(body);
    };
    if (latencyMs > 0) setTimeout(reply, latencyMs);
    else reply();
  });
  function answer(operation: string, text: string): void {
    const send = (status: number, json: string) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(json);
    };
    try {
      send(200, tables.execute(operation, JSON.parse(text)));
    } catch (error) {
      if (!(error instanceof RequestError)) console.error(operation, error);
      const type = error instanceof RequestError ? error.type : 'InternalServerError';
      const more = error instanceof RequestError ? error.more : {};
      send(400, JSON.stringify({ __type: `x#${type}`, message: String(error), ...more }));
    }
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`);
});
// The benchmark has ended, however it did.
process.stdin.on('end', () => process.exit(0)).resume();
