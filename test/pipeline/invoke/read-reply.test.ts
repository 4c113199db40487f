import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InvocationResult } from '../../../src/pipeline/invoke/invocation.ts';
import { failureTypeOf, readReply } from '../../../src/pipeline/invoke/read-reply.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';

const bytes = (payload: unknown) => Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
const reply = (payload: unknown, functionError?: string) =>
  readReply(
    { statusCode: 200, payload: bytes(payload), ...(functionError === undefined ? {} : { functionError }) },
    TIMESHEETS.reply,
  );
const answered = (statusCode: unknown, body: unknown) => reply({ statusCode, body: JSON.stringify(body) });
const error500 = (error: unknown, error_type = 'Exception') =>
  answered(500, { message: 'Error processing timesheet', error, error_type, stack_trace: 'Traceback: json textract' });
const crash = (errorType: string, errorMessage: string) =>
  reply({ errorType, errorMessage, stackTrace: [] }, 'Unhandled');
const failed = (failureType: string, more: object = {}) => ({
  kind: 'outcome',
  outcome: expect.objectContaining({ kind: 'failed', failureType, ...more }),
});

const PROCESSED = {
  entries_stored: 21,
  resource_name: 'Nik Coultas',
  date_range: '2025-09-29 to 2025-10-05',
  processing_time_seconds: 3.2,
  cost_estimate_usd: 0.0011,
  validation: { valid: true },
};

describe('a reply of status 200', () => {
  test('is a processed image with the facts in the reply', () => {
    const [resourceName, dateRange] = ['Nik Coultas', '2025-09-29 to 2025-10-05'];
    const outcome = { kind: 'processed', entriesStored: 21, resourceName, dateRange, costUsd: 0.0011 };
    expect(answered(200, PROCESSED)).toEqual({ kind: 'outcome', outcome });
  });
  test('can have its body as an object', () => {
    expect(reply({ statusCode: 200, body: PROCESSED })).toEqual(answered(200, PROCESSED));
  });
  test('omits facts that are missing or have another type', () => {
    const odd = { entries_stored: 'many', resource_name: null, cost_estimate_usd: -1 };
    expect(answered(200, odd)).toEqual({ kind: 'outcome', outcome: { kind: 'processed' } });
  });
  test('whose validation found errors is processed, and keeps the first errors, cut', () => {
    const found = (validation: unknown) => answered(200, { entries_stored: 1, validation });
    const outcome = (review?: string[]) => ({
      kind: 'outcome',
      outcome: { kind: 'processed', entriesStored: 1, ...(review && { review }) },
    });
    expect(found({ valid: false, errors: ['Weekly total mismatch'] })).toEqual(outcome(['Weekly total mismatch']));
    expect(found({ valid: false, errors: ['a', 'b', { code: 7 }, 'd'] })).toEqual(outcome(['a', 'b', '{"code":7}']));
    expect(found({ valid: false, errors: ['x y '.repeat(900)] })).toEqual(outcome(['x y '.repeat(50)]));
    expect(found({ valid: false })).toEqual(outcome(['The function gives no reason']));
    for (const fine of [{ valid: true, errors: ['ignored'] }, { valid: 'false' }, 'false', null, undefined])
      expect(found(fine)).toEqual(outcome());
  });
  test('can be a rejected sheet, which is not a failure', () => {
    expect(answered(200, { rejected: true, reason: 'Status is not Posted', status: 'Draft' })).toEqual({
      kind: 'outcome',
      outcome: { kind: 'rejected', reason: 'Status is not Posted', status: 'Draft' },
    });
    expect(answered(200, { rejected: false, entries_stored: 0 })).toEqual({
      kind: 'outcome',
      outcome: { kind: 'processed', entriesStored: 0 },
    });
  });
});

describe('a reply of status 500', () => {
  test.each([
    ['Parsing failed: validation of textract', 'PARSING_ERROR'],
    ['Expecting value: invalid JSON in reply', 'PARSING_ERROR'],
    ['Validation failed, Textract was throttled', 'VALIDATION_ERROR'],
    ['TEXTRACT could not read the document', 'TEXTRACT_ERROR'],
    ['division by zero', 'OCR_ERROR'],
    ['', 'OCR_ERROR'],
    [
      'An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.',
      'OCR_ERROR',
    ],
  ])('whose error is "%s" is a failure of type %s', (error, failureType) => {
    expect(error500(error)).toEqual(failed(failureType, { errorCode: 'Exception' }));
    expect(failureTypeOf(error)).toBe(failureType);
  });
  test('has the message of the error, not of the reply, and the class of the exception', () => {
    expect(error500('division by zero', 'ZeroDivisionError')).toEqual({
      kind: 'outcome',
      outcome: {
        kind: 'failed',
        failureType: 'OCR_ERROR',
        errorCode: 'ZeroDivisionError',
        message: 'division by zero',
      },
    });
  });
  test.each<[string, string, string]>([
    [
      'An error occurred (ThrottlingException) when calling the Converse operation: Too many requests',
      'ClientError',
      'bedrock',
    ],
    ['Too many tokens, please wait before trying again.', 'ThrottlingException', 'bedrock'],
    [
      'An error occurred (ProvisionedThroughputExceededException) when calling the DetectDocumentText operation: Provisioned rate exceeded',
      'ClientError',
      'textract',
    ],
    ['Textract throttled the call', 'Exception', 'textract'],
    [
      'The level of configured provisioned throughput for the table was exceeded',
      'ProvisionedThroughputExceededException',
      'dynamodb',
    ],
    [
      'An error occurred (ProvisionedThroughputExceededException) when calling the PutItem operation: slow',
      'ClientError',
      'dynamodb',
    ],
    ['Too many requests', 'Exception', 'unknown'],
    ['Rate exceeded', 'ThrottlingException', 'unknown'],
    ['JSON parsing failed after ThrottlingException', 'Exception', 'unknown'],
  ])('whose error is "%s" (%s) is throttled by %s', (error, type, source) => {
    expect(error500(error, type)).toEqual({ kind: 'throttled', source, message: error });
  });
  test.each([
    ['An error occurred (NoSuchBucket) when calling the GetObject operation', 'ClientError', 'bucket-missing'],
    ['The specified bucket does not exist', 'ClientError', 'bucket-missing'],
    ['An error occurred (ExpiredTokenException) when calling the Converse operation', 'ClientError', 'credentials'],
    ['The security token included in the request is expired', 'ClientError', 'credentials'],
    ['The security token included in the request is invalid.', 'ClientError', 'credentials'],
    ['Unable to locate credentials', 'NoCredentialsError', 'credentials'],
  ])('whose error is "%s" (%s) is a fault and no failure of the image: %s', (error, type, reason) => {
    const result = error500(error, type);
    expect(result).toMatchObject({ kind: 'fault', fault: { reason, message: expect.stringContaining(error) } });
  });
  test('can have an error that is not a text', () => {
    expect(error500({ code: 7 })).toEqual(failed('OCR_ERROR', { message: '{"code":7}' }));
  });
});

test('other 4xx and 5xx replies follow the same rules, and 429 is throttled', () => {
  expect(answered(404, { error: 'no such validation' })).toEqual(failed('VALIDATION_ERROR'));
  expect(answered(503, { error: 'json' })).toEqual(failed('PARSING_ERROR'));
  expect(answered(429, { error: 'later' })).toEqual({ kind: 'throttled', source: 'unknown', message: 'later' });
});

describe('a function that did not return', () => {
  test.each([
    ['Sandbox.Timedout', 'RequestId: 1 Error: Task timed out after 3.00 seconds', 'TIMEOUT_ERROR'],
    ['', '2025-11-21T08:00:00.000Z 4f1 Task timed out after 180.10 seconds', 'TIMEOUT_ERROR'],
    ['Runtime.OutOfMemory', 'RequestId: 1 Error: Runtime exited', 'OUT_OF_MEMORY'],
    ['Runtime.ExitError', 'RequestId: 1 Error: Runtime exited with error: signal: killed', 'OUT_OF_MEMORY'],
    ['Runtime.ExitError', 'RequestId: 1 Error: Runtime exited with error: exit status 1', 'INVOCATION_ERROR'],
    [
      'Function.ResponseSizeTooLarge',
      'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
      'REPLY_TOO_LARGE',
    ],
    ['KeyError', "'Records'", 'OCR_ERROR'],
    ['ValueError', 'bad json', 'PARSING_ERROR'],
    ['TextractError', 'Textract is away', 'TEXTRACT_ERROR'],
  ])('with %s "%s" is a failure of type %s', (errorType, errorMessage, failureType) => {
    expect(crash(errorType, errorMessage)).toEqual(
      failed(failureType, { errorCode: errorType || 'Unhandled', message: errorMessage }),
    );
  });
  test('because it was throttled counts as throttled', () => {
    expect(crash('ThrottlingException', 'Rate exceeded').kind).toBe('throttled');
  });
  test('for an unknown reason has an unreadable reply', () => {
    expect(reply('oops', 'Unhandled')).toEqual(failed('UNREADABLE_REPLY'));
  });
});

test.each<[string, InvocationResult]>([
  ['no payload', readReply({ statusCode: 200 }, TIMESHEETS.reply)],
  ['an empty payload', reply('')],
  ['blanks', reply(' \n')],
  ['no JSON', reply('<html>')],
  ['an array', reply([1])],
  ['null', reply('null')],
  ['a text', reply('"done"')],
  ['no statusCode', reply({ body: '{}' })],
  ['a statusCode that is a text', reply({ statusCode: '200', body: '{}' })],
  ['an unknown status', answered(302, {})],
  ['a body that is no JSON', reply({ statusCode: 200, body: 'done' })],
  ['a body that is null', reply({ statusCode: 200, body: null })],
  ['no body', reply({ statusCode: 200 })],
  ['a body that is an array', reply({ statusCode: 200, body: '[]' })],
  ['a 500 whose body is no JSON', reply({ statusCode: 500, body: 'Internal' })],
])('a reply with %s is unreadable and a failure of its own type', (_, result) => {
  expect(result).toEqual(failed('UNREADABLE_REPLY'));
});

test('texts of a reply are cut to 500 characters and have no credentials', () => {
  const result = error500(`denied for AKIAIOSFODNN7EXAMPLE x-amz-security-token=IQoJb3JpZ2lu ${'x'.repeat(10_000)}`);
  const message = result.kind === 'outcome' && result.outcome.kind === 'failed' ? result.outcome.message : '';
  expect(message).toHaveLength(500);
  expect(message).toContain('denied for [key id] x-amz-security-token=[redacted] xxx');
});

test('reading any reply returns a result and never throws', () => {
  const body = fc.oneof(fc.string(), fc.json(), fc.jsonValue());
  const payload = fc.oneof(
    fc.uint8Array(),
    fc.json().map(bytes),
    fc.record({ statusCode: fc.oneof(fc.integer(), fc.constantFrom(200, 400, 500)), body }).map(bytes),
    fc.record({ errorType: fc.jsonValue(), errorMessage: fc.jsonValue() }).map(bytes),
  );
  fc.assert(
    fc.property(payload, fc.option(fc.constant('Unhandled'), { nil: undefined }), (given, functionError) => {
      const result = readReply({ payload: given, ...(functionError ? { functionError } : {}) }, TIMESHEETS.reply);
      expect(['outcome', 'throttled', 'fault']).toContain(result.kind);
    }),
  );
});
