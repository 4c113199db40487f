import { code } from '../kit/escape.ts';

const LIMITS: Readonly<Record<string, string>> = {
  function: 'the function’s reserved concurrency is 0, so Lambda does not run it',
  'free-concurrency': 'no concurrency is left for the function',
  'account-concurrency': 'the account has no concurrency',
  'write-capacity': 'the table or an index takes less than an image’s records a minute',
  'model-requests': 'the model takes no requests',
  'model-tokens': 'the model takes no tokens',
};

/** A limit that blocks a rescan, in one clause. */
export const describeLimit = (limit: string): string => LIMITS[limit] ?? code(limit, 60);
