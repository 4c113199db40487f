import { hash } from 'node:crypto';
import { modelError } from './store.ts';

/** DynamoDB remembers the token of a transaction for 10 minutes after it completed. */
const VALID_MS = 10 * 60_000;

type Use = { readonly request: string } & (
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly at: number }
);

/** The idempotency of TransactWriteItems by its ClientRequestToken. `now` in ms. */
export function createTokens(now: () => number) {
  const uses = new Map<string, Use>();
  return {
    /**
     * Runs a transaction once per token: a repetition within 10 minutes does nothing. A transaction that failed may be repeated.
     * @throws DynamoDbError: another request with the same token, or one that is still running.
     */
    async once(token: string | undefined, input: object, run: () => Promise<void>): Promise<void> {
      if (token === undefined) return run();
      for (const [old, use] of uses) if (use.state === 'done' && now() - use.at >= VALID_MS) uses.delete(old);
      const request = hash('sha256', JSON.stringify(input), 'hex');
      const earlier = uses.get(token);
      if (earlier !== undefined && earlier.request !== request)
        throw modelError(
          'IdempotentParameterMismatchException',
          'DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used.',
        );
      if (earlier?.state === 'running')
        throw modelError(
          'TransactionInProgressException',
          'The transaction with the given request token is already in progress.',
        );
      if (earlier?.state === 'done') return;
      uses.set(token, { request, state: 'running' });
      try {
        await run();
        uses.set(token, { request, state: 'done', at: now() });
      } catch (error) {
        uses.delete(token);
        throw error;
      }
    },
  };
}
