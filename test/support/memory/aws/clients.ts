import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { testCredentials } from '../../aws/dynalite.ts';
import { type Answer, createMemoryDynamoDb, type MemoryDynamoDb } from './dynamodb.ts';
import { createMemoryS3, type MemoryS3, type S3Answer } from './s3.ts';

/** One call that a client makes, before or after it was answered. */
export interface Call {
  readonly service: 'dynamodb' | 's3';
  /** The operation of DynamoDB, or S3's method. */
  readonly operation: string;
  /** The request's body, or the object's path. */
  readonly about: string;
  /** 1 for the first call of these clients. */
  readonly number: number;
}

/** What happens to a call: it passes when nothing is said. */
export type Fate =
  | undefined
  /** The connection breaks before the service has the request. */
  | 'not-sent'
  /** The process is dead: nothing is sent, and nothing is tried again. */
  | 'dead'
  /** The service does what was asked, and its answer is lost. */
  | 'answer-lost'
  | { readonly dynamodb: Answer }
  | { readonly s3: S3Answer };

export interface Interference {
  readonly before?: (call: Call) => Fate | Promise<Fate>;
  readonly after?: (call: Call) => void | Promise<void>;
}

interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}
interface WireResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (body instanceof Readable) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }
  throw new Error('A body of unknown form');
}

const broken = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

export interface MemoryAws {
  readonly dynamo: MemoryDynamoDb;
  readonly s3: MemoryS3;
  /** Clients whose calls are answered in this process; each pair counts its own calls. */
  clients(interference?: Interference): { readonly dynamodb: DynamoDBClient; readonly s3: S3Client };
}

/** DynamoDB and S3 in memory behind the real SDK, with no socket in between: a call takes well under a millisecond. */
export function createMemoryAws(): MemoryAws {
  const dynamo = createMemoryDynamoDb();
  const s3 = createMemoryS3();
  return {
    dynamo,
    s3,
    clients({ before, after } = {}) {
      let number = 0;
      const handler = (
        service: Call['service'],
        callOf: (request: WireRequest) => Pick<Call, 'operation' | 'about'>,
        answer: (
          request: WireRequest,
          body: Buffer,
          fate: Fate,
        ) => { status: number; headers: Record<string, string>; body: Buffer },
      ) => ({
        async handle(request: WireRequest): Promise<{ response: WireResponse }> {
          const body = await bytesOf(request.body);
          number += 1;
          const facts = callOf({ ...request, body: body.toString('utf8') });
          const call = { service, number, ...facts };
          const fate = await before?.(call);
          if (fate === 'not-sent') throw broken();
          if (fate === 'dead') throw new Error('This process is dead');
          const { status, headers, body: answerBody } = answer(request, body, fate);
          await after?.(call);
          if (fate === 'answer-lost') throw broken();
          return { response: { statusCode: status, headers, body: Readable.from([answerBody]) } };
        },
      });
      const json = (answer: Answer) => ({
        status: answer.status,
        headers: { 'content-type': 'application/x-amz-json-1.0' },
        body: Buffer.from(JSON.stringify(answer.json)),
      });
      const operationOf = (request: WireRequest) => (request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
      const common = { region: 'us-east-1', credentials: testCredentials, maxAttempts: 1 };
      return {
        dynamodb: new DynamoDBClient({
          ...common,
          endpoint: 'http://dynamodb.memory',
          requestHandler: handler(
            'dynamodb',
            (request) => ({ operation: operationOf(request), about: String(request.body) }),
            (request, body, fate) =>
              json(
                typeof fate === 'object' && 'dynamodb' in fate
                  ? fate.dynamodb
                  : dynamo.answer(operationOf(request), body.toString('utf8')),
              ),
          ),
        }),
        s3: new S3Client({
          ...common,
          endpoint: 'http://s3.memory',
          forcePathStyle: true,
          requestHandler: handler(
            's3',
            (request) => ({ operation: request.method, about: decodeURIComponent(request.path.slice(1)) }),
            (request, body, fate) => {
              if (typeof fate === 'object' && 's3' in fate) return fate.s3;
              const query: Record<string, string> = {};
              for (const [name, value] of Object.entries(request.query ?? {})) query[name] = String(value ?? '');
              return s3.answer({
                method: request.method,
                path: decodeURIComponent(request.path.slice(1)),
                query,
                body,
              });
            },
          ),
        }),
      };
    },
  };
}
