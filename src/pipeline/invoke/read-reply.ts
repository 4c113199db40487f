import { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import { redact } from '../../lib/redact.ts';
import type { ReplyNames } from '../profile/profile.ts';
import type { FailureType, Fault, InvocationResult, Outcome, ThrottleSource } from './invocation.ts';
import { isRaisedAtLoad, type ReportedError, sharedProblemIn } from './shared-problem.ts';

/** Lambda's answer to a synchronous invocation that reached the function. */
export interface FunctionReply {
  /** The HTTP status of the call. It says nothing about the image. */
  readonly statusCode?: number;
  readonly functionError?: string;
  readonly payload?: Uint8Array;
}

const payloadSchema = z.looseObject({ statusCode: z.int(), body: z.unknown().optional() });
const crashSchema = z.looseObject({
  errorType: z.string().catch(''),
  errorMessage: z.string().catch(''),
  stackTrace: z.array(z.string()).catch([]),
});
const text = z.string().nullish().catch(undefined);
const amount = z.number().nonnegative().nullish().catch(undefined);
const successSchema = z.object({
  rejected: z.unknown().optional(),
  reason: text,
  status: text,
  entries: amount,
  person: text,
  dates: text,
  cost: amount,
  validation: z
    .looseObject({ valid: z.unknown(), errors: z.array(z.unknown()).catch([]) })
    .nullish()
    .catch(undefined),
});
const failureSchema = z.looseObject({
  error: z.unknown().optional(),
  message: z.unknown().optional(),
  error_type: z.string().nullish().catch(undefined),
});
const objectSchema = z.record(z.string(), z.unknown());

/**
 * Reads one reply by the table of pipeline.md ("Replies of a synchronous invocation"). The payload decides, because the
 * HTTP status and FunctionError can be fine although the image failed. `names`: those of the attributes in the body. Never throws.
 */
export function readReply(reply: FunctionReply, names: ReplyNames): InvocationResult {
  const text = Buffer.from(reply.payload ?? []).toString();
  if (reply.functionError) return readCrash(reply.functionError, text);
  if (text.trim() === '') return unreadable('The reply is empty', `HTTP status ${reply.statusCode ?? 'unknown'}`);
  const payload = payloadSchema.safeParse(parseJson(text));
  if (!payload.success) return unreadable('The reply has an unknown format', text);
  const { statusCode, body } = payload.data;
  const content = objectSchema.safeParse(typeof body === 'string' ? parseJson(body) : body);
  if (!content.success) return unreadable(`The body of the reply (status ${statusCode}) is unreadable`, text);
  if (statusCode === 200) return readSuccess(content.data, names);
  if (statusCode >= 400 && statusCode < 600) return readError(errorOf(content.data), statusCode === 429);
  return unreadable(`The reply has the status ${statusCode}`, text);
}

function readSuccess(body: Readonly<Record<string, unknown>>, names: ReplyNames): InvocationResult {
  const parsed = successSchema.safeParse(
    Object.fromEntries(
      Object.entries(names).map(([ours, theirs = '']) => [
        ours,
        Object.hasOwn(body, theirs) ? body[theirs] : undefined,
      ]),
    ),
  );
  if (!parsed.success) return unreadable('The body of the reply is unreadable', JSON.stringify(body));
  const { rejected, reason, status, entries, person, dates, cost, validation } = parsed.data;
  if (rejected === true)
    return {
      kind: 'outcome',
      outcome: {
        kind: 'rejected',
        reason: redact(reason || 'no reason given'),
        ...(status ? { status: redact(status) } : {}),
      },
    };
  return {
    kind: 'outcome',
    outcome: {
      kind: 'processed',
      ...(typeof entries === 'number' ? { entriesStored: entries } : {}),
      ...(person ? { resourceName: redact(person) } : {}),
      ...(dates ? { dateRange: redact(dates) } : {}),
      ...(typeof cost === 'number' ? { costUsd: cost } : {}),
      ...(validation?.valid === false ? { review: reviewOf(validation.errors) } : {}),
    },
  };
}

const MAX_REVIEW_ERRORS = 3;
const MAX_REVIEW_TEXT = 200;

/** The first errors of the function's own validation, cut: a record of the journal stays small. */
const reviewOf = (errors: readonly unknown[]): string[] =>
  errors.length === 0
    ? ['The function gives no reason']
    : errors.slice(0, MAX_REVIEW_ERRORS).map((error) => redact(textOf(error)).slice(0, MAX_REVIEW_TEXT).toWellFormed());

function errorOf(body: unknown): ReportedError {
  const parsed = failureSchema.safeParse(body);
  const { error, message, error_type } = parsed.success ? parsed.data : {};
  const text = [error, message].map(textOf).find((candidate) => candidate !== '') ?? '';
  return { text, ...(error_type ? { type: error_type } : {}) };
}
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);

/** FunctionError: the function did not return. Lambda says why. */
function readCrash(functionError: string, text: string): InvocationResult {
  const parsed = crashSchema.safeParse(parseJson(text));
  if (!parsed.success) return unreadable(`The function crashed (${functionError}) for an unknown reason`, text);
  const { errorType, errorMessage, stackTrace } = parsed.data;
  const code = errorType || functionError;
  if (errorType === 'Sandbox.Timedout' || /Task timed out after [\d.]+ seconds/.test(errorMessage))
    return failed('TIMEOUT_ERROR', errorMessage, code);
  // The handler returned, so its rows may be in the table.
  if (errorType === 'Function.ResponseSizeTooLarge') return failed('REPLY_TOO_LARGE', errorMessage, code);
  if (errorType === 'Runtime.OutOfMemory') return failed('OUT_OF_MEMORY', errorMessage, code);
  if (errorType === 'Runtime.ExitError')
    return failed(/signal: killed/i.test(errorMessage) ? 'OUT_OF_MEMORY' : 'INVOCATION_ERROR', errorMessage, code);
  return readError({ text: errorMessage, type: code, isAtLoad: isRaisedAtLoad(stackTrace) }, false);
}

function readError(error: ReportedError, hasThrottleStatus: boolean): InvocationResult {
  const fault = faultIn(error);
  if (fault) return { kind: 'fault', fault };
  const type = failureTypeOf(error.text);
  const shared = sharedProblemIn(error);
  if (shared)
    return {
      kind: 'suspected',
      fault: shared.fault,
      ...(shared.mayBeOfOneImage && { failure: failureWith(type, error.text, error.type) }),
    };
  if (hasThrottleStatus || isThrottling(error, type))
    return { kind: 'throttled', source: throttleSource(error), message: redact(error.text || (error.type ?? '429')) };
  return failed(type, error.text, error.type);
}

function failureWith(failureType: FailureType, text: string, code: string | undefined): Outcome {
  const message = redact(text || code || 'no message');
  return { kind: 'failed', failureType, ...(code ? { errorCode: redact(code) } : {}), message };
}

const failed = (failureType: FailureType, text: string, code: string | undefined): InvocationResult => ({
  kind: 'outcome',
  outcome: failureWith(failureType, text, code),
});

const unreadable = (what: string, text: string): InvocationResult =>
  failed('UNREADABLE_REPLY', `${what}${text === '' ? '' : `: ${compact(text)}`}`, undefined);

/** JSON without spaces between its parts: Step Functions does not keep them. Any other text unchanged. */
function compact(text: string): string {
  const value = parseJson(text);
  return value === undefined ? text : JSON.stringify(value);
}

/**
 * The failure type by the first rule that matches the error text (pipeline.md, "Failed-image records"). Like the
 * function's own logger it uses only the text, not the class of the exception, so that the records and the bot agree.
 */
export function failureTypeOf(text: string): FailureType {
  const lower = text.toLowerCase();
  if (lower.includes('parsing') || lower.includes('json')) return 'PARSING_ERROR';
  if (lower.includes('validation')) return 'VALIDATION_ERROR';
  if (lower.includes('throttl')) return 'THROTTLING_ERROR';
  if (lower.includes('textract')) return 'TEXTRACT_ERROR';
  return 'OCR_ERROR';
}

const THROTTLES =
  'Throttling(Exception|Error)?|ThrottledException|TooManyRequestsException|ProvisionedThroughputExceeded(Exception)?|RequestLimitExceeded|SlowDown';
const THROTTLE_TYPE = new RegExp(`^(${THROTTLES})$`);
const THROTTLE_TEXT = new RegExp(
  `\\b(${THROTTLES})\\b|too many (requests|tokens)|\\brate exceeded|reduce your request rate`,
  'i',
);

/** A throttling exception by its name, or an error text whose failure type is throttling. */
const isThrottling = (error: ReportedError, type: FailureType): boolean =>
  type === 'THROTTLING_ERROR' || THROTTLE_TYPE.test(error.type ?? '') || THROTTLE_TEXT.test(error.text);

function throttleSource({ text, type = '' }: ReportedError): ThrottleSource {
  // The called service says more than the exception: Textract has a ProvisionedThroughputExceededException, too.
  if (/textract|DetectDocumentText|AnalyzeDocument|AnalyzeExpense/i.test(text)) return 'textract';
  if (/bedrock|\bConverse|InvokeModel|\bmodel\b|tokens|\bNova\b/i.test(text)) return 'bedrock';
  if (/dynamo|ProvisionedThroughput|\btable\b|(Put|Update|Get|BatchWrite)Item/i.test(`${type} ${text}`))
    return 'dynamodb';
  return 'unknown';
}

/** The codes that boto3 writes in parentheses: "An error occurred (ExpiredTokenException) when calling …". */
const CREDENTIAL_CODE =
  /\((ExpiredToken|ExpiredTokenException|InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|InvalidToken)\)/;
const CREDENTIAL_TYPE =
  /^(ExpiredToken|ExpiredTokenException|UnrecognizedClientException|InvalidSignatureException|NoCredentialsError|PartialCredentialsError|CredentialRetrievalError|TokenRetrievalError)$/;
const CREDENTIAL_TEXT =
  /security token included in the request is (expired|invalid)|provided token has expired|unable to locate credentials/i;

/** The fault in a reported error that is certain at the first reply: it cannot concern one image alone. */
function faultIn({ text, type = '' }: ReportedError): Fault | undefined {
  if (/\bNoSuchBucket\b|specified bucket does not exist/i.test(`${type} ${text}`))
    return {
      reason: 'bucket-missing',
      message: redact(`The function cannot find its bucket: ${text || type}`),
      fix: 'Check IMAGE_BUCKET and AWS_REGION.',
    };
  if (CREDENTIAL_CODE.test(text) || CREDENTIAL_TYPE.test(type) || CREDENTIAL_TEXT.test(text))
    return {
      reason: 'credentials',
      message: redact(`AWS rejected the credentials of the function: ${text || type}`),
      fix: 'Check the role of the function (setting OCR_FUNCTION).',
    };
  return undefined;
}
