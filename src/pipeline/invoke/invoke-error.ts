import { redact } from '../../lib/redact.ts';
import { readFault } from '../aws.ts';
import { type Asked, errorName, errorText, foreignAnswer, httpStatus, neverSent, wasDisconnected } from '../fault.ts';
import type { InvocationResult } from './invocation.ts';

/** Lambda is still preparing the function. A later attempt can succeed. */
export const NOT_READY: ReadonlySet<string> = new Set([
  'EC2ThrottledException',
  'ENILimitReachedException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SubnetIPAddressLimitReachedException',
  'SnapStartNotReadyException',
]);
const FUNCTION_LIMITS = new Set([
  'ReservedFunctionConcurrentInvocationLimitExceeded',
  'ReservedFunctionInvocationRateLimitExceeded',
]);
/** Lambda cannot take the request of this image. */
export const INVALID_REQUEST: ReadonlySet<string> = new Set([
  'InvalidRequestContentException',
  'RequestTooLargeException',
  'UnsupportedMediaTypeException',
]);
const THROTTLES = new Set(['TooManyRequestsException', 'ThrottlingException', 'Throttling', 'RequestLimitExceeded']);

/**
 * The meaning of a failed API call: throttled (429, or Lambda is not ready), a fault, a failure of this image's
 * request, or `broken` when the function may have run. Never throws.
 */
export function readInvokeError(error: unknown, asked: Asked): InvocationResult {
  const name = errorName(error);
  const message = redact(foreignAnswer(error) ?? `${name}: ${errorText(error)}`);
  const status = httpStatus(error);
  if (THROTTLES.has(name) || status === 429) {
    const reason = typeof error === 'object' && error !== null ? Reflect.get(error, 'Reason') : undefined;
    const source = typeof reason === 'string' && FUNCTION_LIMITS.has(reason) ? 'function' : 'account';
    return { kind: 'throttled', source, message };
  }
  if (NOT_READY.has(name)) return { kind: 'throttled', source: 'function', message };
  if (INVALID_REQUEST.has(name) || status === 413)
    return { kind: 'outcome', outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', errorCode: name, message } };
  // Before the faults: for any other call, which can simply be repeated, a broken connection is a network fault.
  if (wasDisconnected(error) && !neverSent(error)) return { kind: 'broken', message };
  const fault = readFault(error, asked);
  if (fault) return { kind: 'fault', fault };
  if (status !== undefined && status >= 400 && status < 500)
    return {
      kind: 'fault',
      fault: {
        reason: 'configuration',
        message: redact(`Lambda rejected the call (${asked.action}, ${asked.resource}): ${name}: ${errorText(error)}`),
        fix: 'Check the function (setting OCR_FUNCTION).',
      },
    };
  // A 5xx, an unreadable answer or an aborted call: the function may have run.
  return { kind: 'broken', message };
}
