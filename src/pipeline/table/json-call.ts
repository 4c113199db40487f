import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { MiddlewareStack } from '@smithy/types';
import { type Item, isItem, isObject } from './item.ts';

/** DynamoDB's answer does not have the form that its API defines. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
}

type BulkOperation = 'Scan' | 'Query' | 'BatchGetItem' | 'BatchWriteItem' | 'PutItem' | 'DeleteItem';

/**
 * One call through the SDK (its credentials, signature, retries and errors) that sends our JSON as the request's body and returns
 * the answer's JSON: the SDK's own conversion of each value costs more than everything else.
 * @returns the parsed answer. @throws the SDK's error; MalformedAnswerError when a successful answer is not JSON.
 */
export async function callWithJson(
  dynamodb: DynamoDBClient,
  operation: BulkOperation,
  body: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const options = signal ? { abortSignal: signal } : {};
  const answer: Answer = { json: undefined };
  // These inputs only satisfy the SDK's own checks; the body is replaced.
  switch (operation) {
    case 'Scan': {
      const command = new ScanCommand({ TableName: 'unused' });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'Query': {
      const command = new QueryCommand({ TableName: 'unused' });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'PutItem': {
      const command = new PutItemCommand({ TableName: 'unused', Item: {} });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'BatchGetItem': {
      const command = new BatchGetItemCommand({ RequestItems: {} });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'BatchWriteItem': {
      const command = new BatchWriteItemCommand({ RequestItems: {} });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'DeleteItem': {
      const command = new DeleteItemCommand({ TableName: 'unused', Key: {} });
      exchangeJson(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
  }
  return answer.json;
}

interface Answer {
  json: unknown;
}

/** Replaces the request's body by our JSON, and takes the answer's body before the SDK reads it. */
function exchangeJson<Input extends object, Output extends object>(
  stack: MiddlewareStack<Input, Output>,
  operation: BulkOperation,
  body: string,
  answer: Answer,
): void {
  stack.add(
    (next) => (args) => {
      if (hasBody(args.request)) args.request.body = body;
      return next(args);
    },
    { step: 'serialize', priority: 'low', name: 'ourRequestJson' },
  );
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response: unknown = result.response;
      if (!hasBody(response) || statusOf(response) !== 200) return result;
      answer.json = parse(await collect(response.body), operation);
      response.body = EMPTY_OBJECT;
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'ourAnswerJson' },
  );
}

const EMPTY_OBJECT = new TextEncoder().encode('{}');

const hasBody = (value: unknown): value is { body: unknown } =>
  typeof value === 'object' && value !== null && 'body' in value;

const statusOf = (response: object): unknown => ('statusCode' in response ? response.statusCode : undefined);

const isStream = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

async function collect(body: unknown): Promise<string> {
  if (!isStream(body)) throw new MalformedAnswerError('The answer of DynamoDB has no body');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, operation: string): unknown {
  try {
    return JSON.parse(text);
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
