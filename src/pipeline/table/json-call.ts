import {
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  type DynamoDBClientResolvedConfig,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Command } from '@smithy/types';
import { parseJson } from '../../lib/json.ts';
import { type Item, isItem, isObject, MalformedAnswerError } from './item.ts';

type Send = <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
  command: Command<ServiceInputTypes, Input, ServiceOutputTypes, Output, DynamoDBClientResolvedConfig>,
) => Promise<unknown>;

const refusals = new WeakMap<Error, unknown>();

/**
 * The JSON with which DynamoDB refused a call of `callForBody`; undefined where it sent none. The SDK gets it without its items:
 * its own conversion loses an attribute named `__proto__`, or fails with a TypeError.
 */
export const refusalOf = (error: Error): unknown => refusals.get(error);

/** The inputs only satisfy the SDK's own checks; the body is replaced. */
const OPERATIONS = {
  Scan: (send: Send) => send(new ScanCommand({ TableName: 'unused' })),
  Query: (send: Send) => send(new QueryCommand({ TableName: 'unused' })),
  BatchGetItem: (send: Send) => send(new BatchGetItemCommand({ RequestItems: {} })),
  PutItem: (send: Send) => send(new PutItemCommand({ TableName: 'unused', Item: {} })),
  DeleteItem: (send: Send) => send(new DeleteItemCommand({ TableName: 'unused', Key: {} })),
  TransactWriteItems: (send: Send) => send(new TransactWriteItemsCommand({ TransactItems: [] })),
};
type Operation = keyof typeof OPERATIONS;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called immediately before the request is sent, after credentials and signature. If it throws, nothing is sent. */
  readonly beforeSend?: (() => void) | undefined;
}

/**
 * One call through the SDK (its credentials, signature and errors) that sends our JSON as the request's body and returns the
 * answer's body: the SDK's own conversion of each value costs more than everything else (docs/decisions/0007).
 * @throws the SDK's error; `refusalOf` returns what DynamoDB said.
 */
export async function callForBody(
  dynamodb: DynamoDBClient,
  operation: Operation,
  body: string,
  { signal, beforeSend }: CallOptions = {},
): Promise<Buffer> {
  let answer = Buffer.alloc(0);
  let refusal: unknown;
  await OPERATIONS[operation](async (command) => {
    command.middlewareStack.add(
      (next) => (args) => {
        if (hasBody(args.request)) args.request.body = body;
        return next(args);
      },
      { step: 'serialize', priority: 'low', name: 'ourRequestJson' },
    );
    command.middlewareStack.add(
      (next) => async (args) => {
        beforeSend?.();
        const result = await next(args);
        const response: unknown = result.response;
        if (!hasBody(response)) return result;
        if (statusOf(response) === 200) {
          answer = await collect(response.body);
          response.body = EMPTY_OBJECT;
        } else if (isStream(response.body)) {
          const body = await collect(response.body);
          refusal = parseJson(body.toString('utf8'));
          response.body = refusal === undefined ? body : Buffer.from(JSON.stringify(refusal, withoutItems));
        }
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'ourAnswerJson' },
    );
    return dynamodb.send(command, signal ? { abortSignal: signal } : {});
  }).catch((error: unknown) => {
    if (error instanceof Error && refusal !== undefined) refusals.set(error, refusal);
    throw error;
  });
  return answer;
}

/** As `callForBody`, with the answer's JSON parsed. @throws also MalformedAnswerError when a successful answer is not JSON. */
export const callWithJson = async (...call: Parameters<typeof callForBody>): Promise<unknown> =>
  parseAnswer(await callForBody(...call), call[1]);

const withoutItems = (name: string, value: unknown): unknown => (name === 'Item' ? undefined : value);

const EMPTY_OBJECT = new TextEncoder().encode('{}');

const hasBody = (value: unknown): value is { body: unknown } =>
  typeof value === 'object' && value !== null && 'body' in value;

const statusOf = (response: object): unknown => ('statusCode' in response ? response.statusCode : undefined);

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

async function collect(body: unknown): Promise<Buffer<ArrayBuffer>> {
  if (!isStream(body)) throw new MalformedAnswerError('The answer of DynamoDB has no body');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** @throws MalformedAnswerError. */
export function parseAnswer(body: Buffer, operation: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new MalformedAnswerError(`The answer of ${operation} is not JSON`, { cause: error });
  }
}

/** The items in a list of an answer; an absent list is empty. @throws MalformedAnswerError. */
export function itemsIn(list: unknown, operation: string): readonly Item[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw new MalformedAnswerError(`The items in the answer of ${operation} are not a list`);
  return list.map((item: unknown) => {
    if (!isItem(item)) throw new MalformedAnswerError(`An item in the answer of ${operation} has an unknown form`);
    return item;
  });
}

/** The parts of an answer of Scan or Query; `nextKey` is absent on the last page. @throws MalformedAnswerError. */
export function readPage(
  answer: unknown,
  operation: 'Scan' | 'Query',
): { readonly items: readonly Item[]; readonly count: number; readonly nextKey: Item | undefined } {
  if (!isObject(answer)) throw new MalformedAnswerError(`The answer of ${operation} is not an object`);
  const { LastEvaluatedKey: nextKey, Count: count } = answer;
  if (nextKey !== undefined && !isItem(nextKey))
    throw new MalformedAnswerError(`The last key in the answer of ${operation} has an unknown form`);
  return { items: itemsIn(answer.Items, operation), count: typeof count === 'number' ? count : 0, nextKey };
}
