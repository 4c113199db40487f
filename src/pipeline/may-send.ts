import type { MiddlewareStack } from '@smithy/types';

/** A request did not leave this process, because the process may not make it any more. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}

/**
 * Asks `maySend` directly before each request leaves, after credentials and signature: a process may have been suspended since it
 * decided to make the request. Where `maySend` returns false, the call rejects with a NotSentError.
 */
export function askBeforeSending<I extends object, O extends object>(
  stack: MiddlewareStack<I, O>,
  maySend: () => boolean,
): void {
  stack.add(
    (next) => (args) => {
      if (!maySend())
        throw new NotSentError('The request was not sent: this process does not hold the lease at this moment.');
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'maySend' },
  );
}
