import { Agent, createServer, request as forward, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { PIPELINE_NAMES, startLocalAws } from '../../sandbox/aws/server.ts';
import { createPipeline, functionSchema } from './pipeline.ts';
import { RequestError } from './tables.ts';

/**
 * An AWS for benchmarks of the whole bot, in a process of its own: the images, the function and the table of the pipeline are
 * calculated (pipeline.ts), everything else is the local AWS. POST /load/function says what the function does, GET /load what it
 * saw. Arguments: the number of images, and how many times faster than the machine its clock runs since an epoch time in ms. Prints
 * its address when it listens.
 */
const [images = '1000', factor = '1', since = '0'] = process.argv.slice(2);
const now = (): number => Number(since) + (Date.now() - Number(since)) * Number(factor);
const { bucket, table } = PIPELINE_NAMES;
const pipeline = createPipeline({ table, images: Number(images), now });
const aws = await startLocalAws({ port: 0, images: 1, seedTable: 'empty' });
const inside = new Agent({ keepAlive: true });
const targetSchema = z.looseObject({ TableName: z.string() });

const server = createServer((request, response) => {
  const { method, url: path = '/' } = request;
  const headers = { ...request.headers, host: `127.0.0.1:${aws.port}` };
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.setHeader('date', new Date(now()).toUTCString());
    try {
      if (isAnswered(method ?? '', new URL(path, 'http://localhost'), request.headers['x-amz-target'], body, response))
        return;
    } catch (error) {
      if (!(error instanceof RequestError)) console.error(method, path, error);
      const type = error instanceof RequestError ? error.type : 'InternalServerError';
      return send(response, 400, JSON.stringify({ __type: `x#${type}`, message: String(error) }));
    }
    const onward = forward({ host: '127.0.0.1', port: aws.port, agent: inside, method, path, headers }, (reply) => {
      const { date: _date, ...kept } = reply.headers;
      response.writeHead(reply.statusCode ?? 502, kept);
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
});

/** Answers what concerns the pipeline itself; false for everything else. */
function isAnswered(
  method: string,
  url: URL,
  target: string | string[] | undefined,
  body: Buffer,
  response: ServerResponse,
): boolean {
  if (url.pathname.endsWith('/invocations')) {
    pipeline.invoke(body.toString(), (payload) => send(response, 200, payload));
    return true;
  }
  if (url.pathname === '/load/function') {
    pipeline.set(functionSchema.parse(JSON.parse(body.toString())));
    send(response, 200, '{}');
    return true;
  }
  if (url.pathname === '/load/clear') {
    pipeline.clear();
    send(response, 200, '{}');
    return true;
  }
  if (url.pathname === '/load/starts') {
    send(response, 200, JSON.stringify(pipeline.starts()));
    return true;
  }
  if (url.pathname === '/load') {
    send(response, 200, JSON.stringify(pipeline.seen()));
    return true;
  }
  if (url.pathname.startsWith(`/${bucket}`) && !url.searchParams.has('versioning')) {
    if (method === 'HEAD') response.writeHead(200, { 'content-length': '40000' }).end();
    else response.writeHead(200, { 'content-type': 'application/xml' }).end(pipeline.listPage(url.searchParams));
    return true;
  }
  if (typeof target !== 'string' || !target.startsWith('DynamoDB_')) return false;
  const input: unknown = JSON.parse(body.toString());
  if (targetSchema.safeParse(input).data?.TableName !== table) return false;
  send(response, 200, pipeline.execute(target.split('.')[1] ?? '', input));
  return true;
}

function send(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'stand-in' });
  response.end(json);
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(`http://127.0.0.1:${address.port}`);
});
// The benchmark has ended, however it did.
process.stdin.on('end', () => process.exit(0)).resume();
