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

/** DynamoDB answered something that is no answer of this operation. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
}

type BulkOperation = 'Scan' | 'Query' | 'BatchGetItem' | 'BatchWriteItem' | 'PutItem' | 'DeleteItem';

/**
 * One call of a bulk operation through the SDK (its credentials, signature, retries and errors), with the request's JSON
 * written and the answer's JSON read by us: the SDK's own conversion of each value costs four times as much as the rest.
 * @returns the answer's JSON. @throws the SDK's error; MalformedAnswerError when a success is no JSON.
 */
export async function callWithJson(
  dynamodb: DynamoDBClient,
  operation: BulkOperation,
  body: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const options = signal ? { abortSignal: signal } : {};
  const answer: Answer = { json: undefined };
  // Inputs that only satisfy the SDK's own checks: the body is ours.
  switch (operation) {
    case 'Scan': {
      const command = new ScanCommand({ TableName: 'unused' });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'Query': {
      const command = new QueryCommand({ TableName: 'unused' });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'PutItem': {
      const command = new PutItemCommand({ TableName: 'unused', Item: {} });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'BatchGetItem': {
      const command = new BatchGetItemCommand({ RequestItems: {} });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'BatchWriteItem': {
      const command = new BatchWriteItemCommand({ RequestItems: {} });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
    case 'DeleteItem': {
      const command = new DeleteItemCommand({ TableName: 'unused', Key: {} });
      carry(command.middlewareStack, operation, body, answer);
      await dynamodb.send(command, options);
      break;
    }
  }
  return answer.json;
}

interface Answer {
  json: unknown;
}

/** Puts our JSON in the place of the request's body, and takes the answer's before the SDK reads it. */
function carry<Input extends object, Output extends object>(
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
  if (!isStream(body)) throw new MalformedAnswerError('DynamoDB answered without a body');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, operation: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MalformedAnswerError(`The answer of ${operation} is no JSON`, { cause: error });
  }
}
