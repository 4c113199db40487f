import { isThrottle, isTransient } from '../../lib/async/backoff.ts';
import { canonicalItem, sameItem } from './canonical.ts';
import type { createConditions } from './condition.ts';
import { attributeOf, type Item, isItem, isObject, MalformedAnswerError } from './item.ts';

/** One change of a record: what is expected to be there (undefined: nothing) and what should be there afterwards (undefined: nothing). */
export interface Change {
  readonly key: Item;
  readonly expected: Item | undefined;
  readonly next: Item | undefined;
}

/** `conflict`: nothing was written, because the record was not the expected version but `found` (undefined: no record). */
export type ChangeResult = { readonly kind: 'done' } | { readonly kind: 'conflict'; readonly found: Item | undefined };

/** DynamoDB refuses the new version of a record, for example because it is too large. */
export class ChangeRefusedError extends Error {
  override readonly name = 'ChangeRefusedError';
  readonly key: Item;
  constructor(table: string, key: Item, reason: string, cause: unknown) {
    super(`DynamoDB refused to write the record ${JSON.stringify(key)} of table ${table}: ${reason}`, { cause });
    this.key = key;
  }
}

/** TransactWriteItems: 100 actions, 4 MB of items. The JSON of an item is never shorter than the size that DynamoDB counts. */
const MAX_BATCH = 100;
const MAX_BATCH_BYTES = 4_000_000;
/** A token is valid for 10 minutes; the last repetition must arrive before that. */
const TOKEN_MS = 9 * 60_000;
/** A smaller batch doubles again after this many successful calls in a row. */
const CALLS_BEFORE_GROWTH = 8;

/** How many changes go into one call. */
export interface BatchSize {
  readonly changes: () => number;
  /** A call with this many changes met contention or throttling. */
  halve(from: number): void;
  noteSuccess(): void;
}

/** Starts with what a transaction holds; halves down to one change, and doubles after eight successful calls in a row. */
export function createBatchSize(): BatchSize {
  let size = MAX_BATCH;
  let successes = 0;
  return {
    changes: () => size,
    halve(from) {
      size = Math.max(1, Math.min(size, Math.floor(from / 2)));
      successes = 0;
    },
    noteSuccess() {
      successes += 1;
      if (successes < CALLS_BEFORE_GROWTH) return;
      size = Math.min(MAX_BATCH, size * 2);
      successes = 0;
    },
  };
}

/** One call to DynamoDB. */
export interface SwapRequest {
  readonly operation: 'TransactWriteItems' | 'PutItem' | 'DeleteItem';
  readonly body: string;
}

export interface SwapPlanOptions {
  readonly table: string;
  readonly conditions: ReturnType<typeof createConditions>;
  readonly batchSize: BatchSize;
  /** How often in a row a call may make no progress; the last error is thrown then. */
  readonly attempts: number;
  readonly newToken: () => string;
}

/**
 * The calls that write some changes, one after the other: `next` returns one, and its answer goes to `noteSuccess` or `noteError`
 * before the next. It decides what goes into a call, what an answer means for each change, and what is sent again.
 */
export interface SwapPlan {
  /**
   * The call to make now; undefined when every change has a result. A call whose answer was lost is returned again, with its token,
   * until the token is too old (`now`: ms).
   */
  next(now: number): SwapRequest | undefined;
  noteSuccess(): void;
  /**
   * Takes the error of the last call. `refusal`: the JSON with which DynamoDB refused it, if it did. Returns how many calls in a row
   * made no progress: 0, when the next call may be made at once.
   * @throws ChangeRefusedError; MalformedAnswerError; the error itself when it does not pass or the attempts are used up.
   */
  noteError(error: unknown, refusal: unknown): number;
  /** The results in the order of the changes. */
  results(): readonly ChangeResult[];
}

interface Pending {
  readonly change: Change;
  /** The request without its operation: the body of PutItem and DeleteItem, and of Put and Delete in a transaction. */
  readonly json: string;
  readonly bytes: number;
  /** An earlier call with this change may have been carried out. */
  isUncertain: boolean;
  result: ChangeResult | undefined;
}

interface Call extends SwapRequest {
  readonly pending: readonly Pending[];
  /** From then on the body is not sent again. */
  readonly expiresAt: number;
}

/** @throws RangeError when two changes have the same key or a version has another key than its change. */
export function createSwapPlan(changes: readonly Change[], options: SwapPlanOptions): SwapPlan {
  const { table, conditions, batchSize } = options;
  requireDistinctKeys(changes);
  const tableJson = JSON.stringify(table);
  const all = changes.map((change): Pending => {
    const { key, expected, next } = change;
    const what = next === undefined ? `"Key":${JSON.stringify(key)}` : `"Item":${JSON.stringify(next)}`;
    const condition = conditions.conditionFor(key, expected);
    const json = `{"TableName":${tableJson},${what},${condition},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`;
    return { change, json, bytes: Buffer.byteLength(json), isUncertain: false, result: undefined };
  });
  const queue = [...all];
  let call: Call | undefined;
  let failures = 0;

  const newCall = (now: number): Call => {
    let bytes = 0;
    let count = 0;
    for (const { bytes: more } of queue) {
      if (count === batchSize.changes() || (count > 0 && bytes + more > MAX_BATCH_BYTES)) break;
      bytes += more;
      count += 1;
    }
    const pending = queue.splice(0, count);
    const [first] = pending;
    if (first !== undefined && count === 1) {
      const operation = first.change.next === undefined ? 'DeleteItem' : 'PutItem';
      return { pending, operation, body: first.json, expiresAt: Number.POSITIVE_INFINITY };
    }
    const actions = pending.map(({ change, json }) => `{"${change.next === undefined ? 'Delete' : 'Put'}":${json}}`);
    const body = `{"ClientRequestToken":"${options.newToken()}","TransactItems":[${actions.join(',')}]}`;
    return { pending, operation: 'TransactWriteItems', body, expiresAt: now + TOKEN_MS };
  };

  /** The changes without a result are sent again, in another call. */
  const putBack = ({ pending }: Call) => {
    queue.unshift(...pending.filter(({ result }) => result === undefined));
    call = undefined;
  };

  return {
    next(now) {
      if (call !== undefined && now >= call.expiresAt) putBack(call);
      if (call === undefined && queue.length > 0) call = newCall(now);
      return call;
    },
    noteSuccess() {
      for (const pending of call?.pending ?? []) pending.result = { kind: 'done' };
      call = undefined;
      failures = 0;
      batchSize.noteSuccess();
    },
    noteError(error, refusal) {
      if (call === undefined) throw error;
      const { pending } = call;
      const meaning = settle(error, refusal, pending, table);
      if (meaning !== 'unclear') putBack(call);
      else if (isTransient(error)) for (const one of pending) one.isUncertain = true;
      else throw error;
      failures = meaning === 'progress' ? 0 : failures + 1;
      if (meaning === 'busy') batchSize.halve(pending.length);
      if (failures >= options.attempts) throw error;
      return failures;
    },
    results: () =>
      all.map(({ result, change }) => {
        if (result === undefined) throw new Error(`No result for the record ${JSON.stringify(change.key)}`);
        return result;
      }),
  };
}

/**
 * `progress`: at least one change has a result, and the others were not written. `busy`: nothing was written, and a smaller call may
 * succeed. `unclear`: the error does not say that nothing was written.
 */
type Meaning = 'progress' | 'busy' | 'unclear';

/** Settles the conflicts that an error tells. */
function settle(error: unknown, refusal: unknown, pending: readonly Pending[], table: string): Meaning {
  const [only] = pending;
  switch (error instanceof Error ? error.name : undefined) {
    case 'TransactionCanceledException':
      return settleReasons(error, refusal, pending, table);
    case 'ConditionalCheckFailedException':
      if (only === undefined) return 'unclear';
      settleConflict(only, foundIn(refusal));
      return 'progress';
    case 'TransactionConflictException':
      return 'busy';
    case 'ValidationException':
      // The records that are in the table count as well, and may be larger than all that is known here.
      return pending.length > 1 ? 'busy' : 'unclear';
    default:
      return isThrottle(error) ? 'busy' : 'unclear';
  }
}

const BUSY_CODES = new Set<unknown>(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

function settleReasons(error: unknown, refusal: unknown, pending: readonly Pending[], table: string): Meaning {
  const reasons: unknown = isObject(refusal) ? refusal.CancellationReasons : undefined;
  if (!Array.isArray(reasons) || reasons.length !== pending.length) throw error;
  let isBusy = false;
  for (const [index, refused] of pending.entries()) {
    const reason: unknown = reasons[index];
    if (!isObject(reason)) throw error;
    const { Code: code = 'None', Message: message } = reason;
    if (code === 'None') continue;
    if (code === 'ConditionalCheckFailed') settleConflict(refused, foundIn(reason));
    else if (BUSY_CODES.has(code)) isBusy = true;
    else throw new ChangeRefusedError(table, refused.change.key, message ? `${code}: ${message}` : `${code}`, error);
  }
  if (isBusy || pending.some(({ result }) => result !== undefined)) return isBusy ? 'busy' : 'progress';
  // Refused as a whole, as one that is too large: in smaller parts it may be accepted.
  if (pending.length > 1) return 'busy';
  throw error;
}

function settleConflict(pending: Pending, found: Item | undefined): void {
  const isOurs = pending.isUncertain && sameItem(found, pending.change.next);
  pending.result = isOurs ? { kind: 'done' } : { kind: 'conflict', found };
}

/** The version that a failed condition met; undefined where there was no record. @throws MalformedAnswerError. */
function foundIn(refusal: unknown): Item | undefined {
  if (!isObject(refusal)) throw new MalformedAnswerError('DynamoDB did not say what a failed condition met');
  const { Item: found } = refusal;
  if (found === undefined || found === null) return undefined;
  if (!isItem(found)) throw new MalformedAnswerError('The version that a failed condition met has an unknown form');
  return found;
}

function requireDistinctKeys(changes: readonly Change[]): void {
  const keys = new Set<string>();
  for (const { key, expected, next } of changes) {
    const text = canonicalItem(key);
    if (keys.has(text)) throw new RangeError(`Two changes of the record ${JSON.stringify(key)} in one call`);
    keys.add(text);
    for (const version of [expected, next])
      if (version !== undefined && !hasKey(version, key) && canonicalItem(keyOf(version, key)) !== text)
        throw new RangeError(`A version of the record ${JSON.stringify(key)} has another key`);
  }
}

/** Whether the version has the very values of the key, which was then taken from it. */
const hasKey = (version: Item, key: Item): boolean =>
  Object.keys(key).every((name) => attributeOf(version, name) === key[name]);

const keyOf = (version: Item, key: Item): Item =>
  Object.fromEntries(
    Object.keys(key).flatMap((name) => {
      const value = attributeOf(version, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
