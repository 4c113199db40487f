import { redact } from '../../lib/redact.ts';
import { readFault } from '../aws.ts';
import { type Asked, cutOff, errorName, errorText, httpStatus, neverSent } from '../fault.ts';
import type { Reading } from './invocation.ts';

/** Lambda is busy with the function itself: the next try may find it ready. */
const NOT_YET = new Set([
  'EC2ThrottledException',
  'ENILimitReachedException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SubnetIPAddressLimitReachedException',
  'SnapStartNotReadyException',
]);
const OF_THE_FUNCTION = new Set([
  'ReservedFunctionConcurrentInvocationLimitExceeded',
  'ReservedFunctionInvocationRateLimitExceeded',
]);
const OF_THE_REQUEST = new Set([
  'InvalidRequestContentException',
  'RequestTooLargeException',
  'UnsupportedMediaTypeException',
]);
const THROTTLES = new Set(['TooManyRequestsException', 'ThrottlingException', 'Throttling', 'RequestLimitExceeded']);

/**
 * What it means that the API call itself failed: pushback (429 and Lambda not ready), a fault, a failure of this one
 * image's request, or `broken` where the function may have run. Never throws.
 */
export function readInvokeError(error: unknown, asked: Asked): Reading {
  const name = errorName(error);
  const message = redact(`${name}: ${errorText(error)}`);
  const status = httpStatus(error);
  if (THROTTLES.has(name) || status === 429) {
    const reason = typeof error === 'object' && error !== null ? Reflect.get(error, 'Reason') : undefined;
    const source = typeof reason === 'string' && OF_THE_FUNCTION.has(reason) ? 'function' : 'account';
    return { kind: 'throttled', source, message };
  }
  if (NOT_YET.has(name)) return { kind: 'throttled', source: 'function', message };
  if (OF_THE_REQUEST.has(name) || status === 413)
    return { kind: 'outcome', outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', errorCode: name, message } };
  // Asked before faults: what was cut off half-way is a fault to any other call, which may simply be made again.
  if (cutOff(error) && !neverSent(error)) return { kind: 'broken', message };
  const fault = readFault(error, asked);
  if (fault) return { kind: 'fault', fault };
  if (status !== undefined && status >= 400 && status < 500)
    return {
      kind: 'fault',
      fault: {
        reason: 'configuration',
        message: redact(
          `Lambda does not take the call (${asked.action}, ${asked.resource}): ${name}: ${errorText(error)}`,
        ),
        fix: 'Look at the function that OCR_FUNCTION names.',
      },
    };
  // A 5xx, an unreadable answer, a call that was given up: who knows how far it came.
  return { kind: 'broken', message };
}
