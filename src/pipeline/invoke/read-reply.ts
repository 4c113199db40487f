import { z } from 'zod';
import { redact } from '../../lib/redact.ts';
import type { FailureType, Fault, Reading, ThrottleSource } from './invocation.ts';

/** What Lambda hands back of a synchronous invocation that reached the function. */
export interface FunctionReply {
  /** The HTTP status of the call; says nothing of the image. */
  readonly statusCode?: number;
  readonly functionError?: string;
  readonly payload?: Uint8Array;
}

/** What the function says went wrong. */
interface Trouble {
  readonly text: string;
  /** The exception's class name. */
  readonly type?: string;
}

const payloadSchema = z.looseObject({ statusCode: z.int(), body: z.unknown().optional() });
const crashSchema = z.looseObject({
  errorType: z.string().catch(''),
  errorMessage: z.string().catch(''),
});
const successSchema = z.looseObject({
  rejected: z.unknown().optional(),
  reason: z.string().nullish().catch(undefined),
  status: z.string().nullish().catch(undefined),
  entries_stored: z.number().nonnegative().nullish().catch(undefined),
  resource_name: z.string().nullish().catch(undefined),
  cost_estimate_usd: z.number().nonnegative().nullish().catch(undefined),
});
const failureSchema = z.looseObject({
  error: z.unknown().optional(),
  message: z.unknown().optional(),
  error_type: z.string().nullish().catch(undefined),
});
const objectSchema = z.record(z.string(), z.unknown());

/**
 * What one reply says, by the table of pipeline.md ("Replies of a synchronous invocation"): the HTTP status and
 * FunctionError may be fine and the image failed, so the payload decides. Never throws.
 */
export function readReply(reply: FunctionReply): Reading {
  const text = Buffer.from(reply.payload ?? []).toString();
  if (reply.functionError) return readCrash(reply.functionError, text);
  if (text.trim() === '') return unreadable('The reply is empty', `HTTP status ${reply.statusCode ?? 'unknown'}`);
  const payload = payloadSchema.safeParse(jsonOf(text));
  if (!payload.success) return unreadable('The reply is not one of this function', text);
  const { statusCode, body } = payload.data;
  const content = objectSchema.safeParse(typeof body === 'string' ? jsonOf(body) : body);
  if (!content.success) return unreadable(`The body of the reply (status ${statusCode}) is unreadable`, text);
  if (statusCode === 200) return readSuccess(content.data);
  if (statusCode >= 400 && statusCode < 600) return readTrouble(troubleOf(content.data), statusCode === 429);
  return unreadable(`The reply has the status ${statusCode}`, text);
}

function readSuccess(body: unknown): Reading {
  const said = successSchema.safeParse(body);
  if (!said.success) return unreadable('The body of the reply is unreadable', JSON.stringify(body));
  const { rejected, reason, status, entries_stored, resource_name, cost_estimate_usd } = said.data;
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
      ...(typeof entries_stored === 'number' ? { entriesStored: entries_stored } : {}),
      ...(resource_name ? { resourceName: redact(resource_name) } : {}),
      ...(typeof cost_estimate_usd === 'number' ? { costUsd: cost_estimate_usd } : {}),
    },
  };
}

function troubleOf(body: unknown): Trouble {
  const said = failureSchema.safeParse(body);
  const { error, message, error_type } = said.success ? said.data : {};
  const text = [error, message].map(textOf).find((candidate) => candidate !== '') ?? '';
  return { text, ...(error_type ? { type: error_type } : {}) };
}
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);

/** FunctionError: the function did not come to answer. Lambda says why. */
function readCrash(functionError: string, text: string): Reading {
  const said = crashSchema.safeParse(jsonOf(text));
  if (!said.success) return unreadable(`The function crashed (${functionError}), and Lambda does not say how`, text);
  const { errorType, errorMessage } = said.data;
  const code = errorType || functionError;
  if (errorType === 'Sandbox.Timedout' || /Task timed out after [\d.]+ seconds/.test(errorMessage))
    return failed('TIMEOUT_ERROR', errorMessage, code);
  if (errorType === 'Runtime.OutOfMemory') return failed('OUT_OF_MEMORY', errorMessage, code);
  if (errorType === 'Runtime.ExitError')
    return failed(/signal: killed/i.test(errorMessage) ? 'OUT_OF_MEMORY' : 'INVOCATION_ERROR', errorMessage, code);
  return readTrouble({ text: errorMessage, type: code }, false);
}

function readTrouble(trouble: Trouble, isPushback: boolean): Reading {
  const fault = faultIn(trouble);
  if (fault) return { kind: 'fault', fault };
  const type = failureTypeOf(trouble.text);
  if (isPushback || isThrottling(trouble, type))
    return { kind: 'throttled', source: throttler(trouble), message: redact(trouble.text || (trouble.type ?? '429')) };
  return failed(type, trouble.text, trouble.type);
}

function failed(failureType: FailureType, text: string, code: string | undefined): Reading {
  const message = redact(text || code || 'no message');
  return {
    kind: 'outcome',
    outcome: { kind: 'failed', failureType, ...(code ? { errorCode: redact(code) } : {}), message },
  };
}

const unreadable = (what: string, text: string): Reading =>
  failed('UNREADABLE_REPLY', `${what}${text === '' ? '' : `: ${text}`}`, undefined);

/**
 * FailureType by the first rule that matches the error text (pipeline.md, "Failed-image records"). The text alone, as in the
 * function's own logger: the class of the exception takes no part, so that the records and the bot agree.
 */
export function failureTypeOf(text: string): FailureType {
  const said = text.toLowerCase();
  if (said.includes('parsing') || said.includes('json')) return 'PARSING_ERROR';
  if (said.includes('validation')) return 'VALIDATION_ERROR';
  if (said.includes('throttl')) return 'THROTTLING_ERROR';
  if (said.includes('textract')) return 'TEXTRACT_ERROR';
  return 'OCR_ERROR';
}

const THROTTLES =
  'Throttling(Exception|Error)?|ThrottledException|TooManyRequestsException|ProvisionedThroughputExceeded(Exception)?|RequestLimitExceeded|SlowDown';
const THROTTLE_TYPE = new RegExp(`^(${THROTTLES})$`);
const THROTTLE_WORDS = new RegExp(
  `\\b(${THROTTLES})\\b|too many (requests|tokens)|\\brate exceeded|reduce your request rate`,
  'i',
);

/** A throttling exception by name, or a text whose first matching rule is throttling. */
const isThrottling = (trouble: Trouble, type: FailureType): boolean =>
  type === 'THROTTLING_ERROR' || THROTTLE_TYPE.test(trouble.type ?? '') || THROTTLE_WORDS.test(trouble.text);

function throttler({ text, type = '' }: Trouble): ThrottleSource {
  // Textract has a ProvisionedThroughputExceededException too: who was called tells more than what was thrown.
  if (/textract|DetectDocumentText|AnalyzeDocument|AnalyzeExpense/i.test(text)) return 'textract';
  if (/bedrock|\bConverse|InvokeModel|\bmodel\b|tokens|\bNova\b/i.test(text)) return 'bedrock';
  if (/dynamo|ProvisionedThroughput|\btable\b|(Put|Update|Get|BatchWrite)Item/i.test(`${type} ${text}`))
    return 'dynamodb';
  return 'unknown';
}

/** The codes that boto3 puts in brackets: "An error occurred (ExpiredTokenException) when calling …". */
const CREDENTIAL_CODE =
  /\((ExpiredToken|ExpiredTokenException|InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|InvalidToken)\)/;
const CREDENTIAL_TYPE =
  /^(ExpiredToken|ExpiredTokenException|UnrecognizedClientException|InvalidSignatureException|NoCredentialsError|PartialCredentialsError|CredentialRetrievalError|TokenRetrievalError)$/;
const CREDENTIAL_WORDS =
  /security token included in the request is (expired|invalid)|provided token has expired|unable to locate credentials/i;

/**
 * Trouble that would meet every image alike. AccessDenied is none: S3 says it also of a single key that is not there,
 * to who may not list the bucket.
 */
function faultIn({ text, type = '' }: Trouble): Fault | undefined {
  if (/\bNoSuchBucket\b|specified bucket does not exist/i.test(`${type} ${text}`))
    return {
      reason: 'bucket-missing',
      message: redact(`The function finds no bucket: ${text || type}`),
      fix: 'Look at IMAGE_BUCKET, and at AWS_REGION.',
    };
  if (CREDENTIAL_CODE.test(text) || CREDENTIAL_TYPE.test(type) || CREDENTIAL_WORDS.test(text))
    return {
      reason: 'credentials',
      message: redact(`AWS does not accept the credentials of the function: ${text || type}`),
      fix: 'Look at the role of the function that OCR_FUNCTION names.',
    };
  return undefined;
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
