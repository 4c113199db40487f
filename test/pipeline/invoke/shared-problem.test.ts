import { describe, expect, test } from 'vitest';
import { readReply } from '../../../src/pipeline/invoke/read-reply.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';

const bytes = (payload: unknown) => Buffer.from(JSON.stringify(payload));
const answered = (error: string, error_type: string) =>
  readReply(
    { statusCode: 200, payload: bytes({ statusCode: 500, body: JSON.stringify({ error, error_type }) }) },
    TIMESHEETS.reply,
  );
const crashed = (errorType: string, errorMessage: string, stackTrace: readonly string[] = []) =>
  readReply(
    { statusCode: 200, functionError: 'Unhandled', payload: bytes({ errorType, errorMessage, stackTrace }) },
    TIMESHEETS.reply,
  );
const boto = (code: string, operation: string, message: string) =>
  `An error occurred (${code}) when calling the ${operation} operation: ${message}`;

/** docs/faults.md has the same table in words. */
describe('a problem that every image meets alike is suspected to be a fault', () => {
  test.each([
    ['Runtime.ImportModuleError', "Unable to import module 'lambda_function': No module named 'nova_client'"],
    ['Runtime.HandlerNotFound', "Handler 'lambda_handler' missing on module 'lambda_function'"],
    ['Runtime.UserCodeSyntaxError', "Syntax error in module 'lambda_function': invalid syntax"],
    ['Runtime.MalformedHandlerName', "Bad handler 'x': not enough values to unpack (expected 2, got 1)"],
    ['Runtime.InvalidEntrypoint', 'RequestId: 1 Error: fork/exec /lambda-entrypoint.sh: exec format error'],
    ['Extension.Crash', 'RequestId: 1 Error: exit status 1'],
  ])('the code cannot be loaded: %s', (errorType, errorMessage) => {
    expect(crashed(errorType, errorMessage)).toEqual({
      kind: 'suspected',
      fault: expect.objectContaining({
        reason: 'function-broken',
        message: `Lambda cannot load the function: ${errorType}: ${errorMessage}`,
      }),
    });
  });

  test('an exception while the module is loaded is one, and the same exception in the handler is not', () => {
    const top =
      '  File "/var/task/lambda_function.py", line 16, in <module>\n    TABLE = os.environ["DYNAMODB_TABLE"]\n';
    const handler = '  File "/var/task/lambda_function.py", line 51, in lambda_handler\n    import dictionary\n';
    expect(crashed('KeyError', "'DYNAMODB_TABLE'", [top]).kind).toBe('suspected');
    expect(crashed('KeyError', "'DYNAMODB_TABLE'", [handler, top]).kind).toBe('outcome');
    expect(crashed('KeyError', "'DYNAMODB_TABLE'", []).kind).toBe('outcome');
  });

  test.each<[reason: string, error: string, type: string]>([
    [
      'daily-quota',
      boto('ThrottlingException', 'Converse', 'Too many tokens per day, please wait.'),
      'ThrottlingException',
    ],
    [
      'daily-quota',
      'An error occurred (ThrottlingException) when calling the Converse operation (reached max retries: 4): Too many tokens per day, please wait before trying again.',
      'ThrottlingException',
    ],
    ['daily-quota', 'Too many requests per day', 'Exception'],
    [
      'function-denied',
      boto('AccessDeniedException', 'Converse', "You don't have access to the model with the specified model ID."),
      'AccessDeniedException',
    ],
    [
      'function-denied',
      boto('AccessDeniedException', 'InvokeModel', 'is not authorized to perform: bedrock:InvokeModel'),
      'AccessDeniedException',
    ],
    [
      'function-denied',
      boto('AccessDeniedException', 'Converse', 'Model access is denied due to INVALID_PAYMENT_INSTRUMENT'),
      'AccessDeniedException',
    ],
    ['function-denied', boto('AccessDeniedException', 'AnalyzeDocument', 'not authorized'), 'AccessDeniedException'],
    ['function-denied', boto('SubscriptionRequiredException', 'DetectDocumentText', 'subscribe first'), 'ClientError'],
    ['function-denied', boto('AccessDeniedException', 'BatchWriteItem', 'not authorized'), 'ClientError'],
    [
      'model-missing',
      boto('ValidationException', 'Converse', 'The provided model identifier is invalid.'),
      'ValidationException',
    ],
    [
      'model-missing',
      boto(
        'ValidationException',
        'Converse',
        'Invocation of model ID amazon.nova-lite-v1:0 with on-demand throughput isn’t supported.',
      ),
      'ValidationException',
    ],
    [
      'model-missing',
      boto('ResourceNotFoundException', 'Converse', 'This model version has reached the end of its life.'),
      'ResourceNotFoundException',
    ],
    [
      'table-missing',
      boto('ResourceNotFoundException', 'BatchWriteItem', 'Requested resource not found'),
      'ResourceNotFoundException',
    ],
    [
      'encryption-key',
      boto('AccessDeniedException', 'Query', 'KMS.DisabledException: the key is disabled'),
      'ClientError',
    ],
  ])('%s: %s', (reason, error, type) => {
    expect(answered(error, type)).toEqual({
      kind: 'suspected',
      fault: expect.objectContaining({ reason, message: expect.stringContaining(error) }),
    });
  });

  test.each<[reason: string, error: string]>([
    ['encryption-key', boto('KMS.DisabledException', 'GetObject', 'arn:aws:kms:us-east-1:1:key/2 is disabled.')],
    ['encryption-key', boto('KMS.KMSInvalidStateException', 'GetObject', 'the key is pending deletion.')],
    ['encryption-key', boto('AccessDenied', 'GetObject', 'is not authorized to perform: kms:Decrypt on the resource')],
    ['function-denied', boto('AccessDenied', 'GetObject', 'Access Denied')],
    ['function-denied', boto('AccessDenied', 'HeadObject', 'Forbidden')],
  ])('%s, or a failure of the one image whose object causes it: %s', (reason, error) => {
    expect(answered(error, 'ClientError')).toEqual({
      kind: 'suspected',
      fault: expect.objectContaining({ reason }),
      failure: { kind: 'failed', failureType: 'OCR_ERROR', errorCode: 'ClientError', message: error },
    });
  });
});

describe('a problem of one image stays a failure', () => {
  test.each<[failureType: string, error: string, type: string]>([
    ['VALIDATION_ERROR', boto('ValidationException', 'Converse', 'The image is too large.'), 'ValidationException'],
    [
      'VALIDATION_ERROR',
      boto('ValidationException', 'PutItem', 'One or more parameter values were invalid'),
      'ClientError',
    ],
    ['OCR_ERROR', boto('UnsupportedDocumentException', 'AnalyzeDocument', 'unsupported'), 'ClientError'],
    ['OCR_ERROR', boto('NoSuchKey', 'GetObject', 'The specified key does not exist.'), 'ClientError'],
    ['OCR_ERROR', boto('ModelErrorException', 'Converse', 'the model failed'), 'ClientError'],
    ['OCR_ERROR', 'The sheet has 12 entries per day', 'ValueError'],
    ['OCR_ERROR', 'Could not connect to the endpoint URL: "https://bedrock.us-east-1"', 'EndpointConnectionError'],
    ['OCR_ERROR', boto('ResourceNotFoundException', 'GetSecretValue', 'no such secret'), 'ClientError'],
  ])('%s: %s', (failureType, error, type) => {
    expect(answered(error, type)).toMatchObject({ kind: 'outcome', outcome: { kind: 'failed', failureType } });
  });

  test('and tokens of a minute are throttling, which passes', () => {
    expect(answered(boto('ThrottlingException', 'Converse', 'Too many tokens, please wait.'), 'X').kind).toBe(
      'throttled',
    );
  });
});
