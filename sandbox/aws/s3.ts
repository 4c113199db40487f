import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as forward } from 'node:http';
import { startFauxqs } from 'fauxqs';
import { sendXmlError } from './http.ts';
import type { World } from './world.ts';

export interface LocalS3 {
  /** The address for callers that the simulated faults do not affect: the function and the seed. */
  readonly url: string;
  createBucket(name: string): void;
  /** Stores an object without a signature and without faults: for the seed, with a tenth of the work of the SDK. */
  put(bucket: string, key: string, body: Buffer | string, contentType: string): Promise<void>;
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

/** The IAM action that a request on a bucket or an object needs. */
function actionOf(method: string, path: string, query: URLSearchParams): string {
  const onObject = path.split('/').filter((part) => part !== '').length > 1;
  if (query.has('versioning')) return method === 'GET' ? 's3:GetBucketVersioning' : 's3:PutBucketVersioning';
  if (!onObject) return method === 'GET' ? 's3:ListBucket' : 's3:CreateBucket';
  if (query.has('uploadId') && method === 'DELETE') return 's3:AbortMultipartUpload';
  return method === 'GET' || method === 'HEAD'
    ? 's3:GetObject'
    : method === 'DELETE'
      ? 's3:DeleteObject'
      : 's3:PutObject';
}

export const ARCHIVED_MESSAGE = "The operation is not valid for the object's storage class";

export const isArchived = (key: string, texts: readonly string[]): boolean => texts.some((text) => key.includes(text));

/** The condition of a PutObject, which fauxqs does not check. */
type PutCondition = { readonly ifMatch: string } | { readonly ifNoneMatch: '*' };

const putConditionOf = ({ method, headers }: IncomingMessage, action: string): PutCondition | undefined => {
  if (method !== 'PUT' || action !== 's3:PutObject') return;
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) return { ifMatch };
  return headers['if-none-match'] === '*' ? { ifNoneMatch: '*' } : undefined;
};

/** The headers of a request as fetch takes them. */
const plainHeaders = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && name !== 'host' && name !== 'connection' ? [[name, value]] : [],
    ),
  );

/** The key in a listing as it is: URL-encoded where the request asked for that, else with XML entities. */
const keyOf = (text: string, isEncoded: boolean): string =>
  isEncoded
    ? decodeURIComponent(text.replaceAll('+', ' '))
    : text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '');
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The listing with the archived objects in their storage class. */
const withArchived = (listing: string, archived: readonly string[]): string => {
  const isEncoded = listing.includes('<EncodingType>url</EncodingType>');
  return listing.replace(/<Contents>.*?<\/Contents>/gs, (entry) => {
    const [, encoded = ''] = /<Key>(.*?)<\/Key>/s.exec(entry) ?? [];
    return isArchived(keyOf(encoded, isEncoded), archived) ? entry.replace('>STANDARD<', '>GLACIER<') : entry;
  });
};

/** fauxqs with the simulated faults in front. Requests are passed on as streams; nothing is kept in memory. */
export async function startS3(world: () => World, imageBucket: string): Promise<LocalS3> {
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  const agent = new Agent({ keepAlive: true });
  const writing = new Map<string, Promise<unknown>>();
  /** Conditional writes of one object are made one after another. */
  async function inTurn(path: string, write: () => Promise<void>): Promise<void> {
    const mine = (writing.get(path) ?? Promise.resolve()).then(write, write);
    writing.set(path, mine);
    await mine.finally(() => {
      if (writing.get(path) === mine) writing.delete(path);
    });
  }

  /** Answers where the condition does not hold, as S3 does; false where it holds. */
  async function isRefused(condition: PutCondition, request: IncomingMessage, response: ServerResponse) {
    const path = (request.url ?? '/').replace(/\?.*/, '');
    const found = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'HEAD' });
    const etag = found.ok ? found.headers.get('etag') : undefined;
    if ('ifMatch' in condition) {
      if (etag === condition.ifMatch) return false;
      if (etag === undefined) sendXmlError(response, 404, 'NoSuchKey', 'The specified key does not exist.');
    } else if (etag === undefined) return false;
    if (!response.headersSent)
      sendXmlError(
        response,
        412,
        'PreconditionFailed',
        'At least one of the pre-conditions you specified did not hold',
      );
    request.resume();
    return true;
  }

  function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return new Promise<void>((resolve) => {
      const onward = forward(
        { host: '127.0.0.1', port: server.port, method: request.method, path: request.url, headers: request.headers },
        (reply) => {
          // The time of the answer is that of the local AWS.
          const { date: _date, ...headers } = reply.headers;
          response.writeHead(reply.statusCode ?? 502, headers);
          reply.pipe(response);
          reply.once('close', resolve);
        },
      );
      onward.once('error', (error) => {
        if (!response.headersSent) sendXmlError(response, 500, 'InternalError', error.message);
        else response.destroy();
        resolve();
      });
      request.once('aborted', () => onward.destroy());
      request.pipe(onward);
    });
  }

  return {
    url: `http://127.0.0.1:${server.port}`,
    createBucket: (name) => void server.createBucket(name),
    put(bucket, key, body, contentType) {
      const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
      const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
      return new Promise((resolve, reject) => {
        const put = forward({ host: '127.0.0.1', port: server.port, method: 'PUT', path, headers, agent }, (reply) => {
          reply.resume();
          if (reply.statusCode === 200) reply.once('end', resolve);
          else reject(new Error(`The seed of ${bucket}/${key} was answered with ${reply.statusCode}`));
        });
        put.once('error', reject);
        put.end(body);
      });
    },
    async answer(request, response) {
      const { expiredCredentials, accessDenied, bucketMissing, archived } = world();
      const url = new URL(request.url ?? '/', 'http://localhost');
      const action = actionOf(request.method ?? 'GET', url.pathname, url.searchParams);
      const bucket = decodeURIComponent(url.pathname.split('/')[1] ?? '');
      if (expiredCredentials) return sendXmlError(response, 400, 'ExpiredToken', 'The provided token has expired.');
      if (accessDenied.includes(action)) return sendXmlError(response, 403, 'AccessDenied', 'Access Denied');
      if (bucketMissing && bucket === imageBucket)
        return sendXmlError(response, 404, 'NoSuchBucket', 'The specified bucket does not exist');
      const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
      if (bucket === imageBucket && action === 's3:GetObject' && request.method === 'GET' && isArchived(key, archived))
        return sendXmlError(response, 403, 'InvalidObjectState', ARCHIVED_MESSAGE);
      if (bucket === imageBucket && action === 's3:ListBucket' && archived.length > 0) {
        const listed = await fetch(`http://127.0.0.1:${server.port}${request.url}`, { headers: plainHeaders(request) });
        response.writeHead(listed.status, { 'content-type': 'application/xml' });
        return void response.end(withArchived(await listed.text(), archived));
      }
      if (action === 's3:GetBucketVersioning') {
        response.writeHead(200, { 'content-type': 'application/xml' });
        const state = bucket === imageBucket ? '' : '<Status>Enabled</Status>';
        return void response.end(
          `<?xml version="1.0" encoding="UTF-8"?><VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${state}</VersioningConfiguration>`,
        );
      }
      const condition = putConditionOf(request, action);
      if (!condition) return passOn(request, response);
      await inTurn(url.pathname, async () => {
        if (!(await isRefused(condition, request, response))) await passOn(request, response);
      });
    },
    async close() {
      agent.destroy();
      await server.stop();
    },
  };
}
