import { randomUUID } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb';
import { type Backoff, isThrottle, isTransient, waitBefore } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { canonicalItem, sameItem } from './canonical.ts';
import { createConditions } from './condition.ts';
import { attributeOf, type Item, isItem, isObject } from './item.ts';
import { callWithJson, MalformedAnswerError, refusalOf } from './json-call.ts';
import { patientBackoff } from './scan.ts';

/** One change of a record: what is expected to be there (undefined: nothing) and what should be there afterwards (undefined: nothing). */
export interface Change {
  readonly key: Item;
  readonly expected: Item | undefined;
  readonly next: Item | undefined;
}

/** `conflict`: nothing was written, because the record was not the expected version but `found` (undefined: no record). */
export type ChangeResult = { readonly kind: 'done' } | { readonly kind: 'conflict'; readonly found: Item | undefined };

export interface SwapPorts {
  /** One attempt per call (`maxAttempts: 1`): the retries are here. */
  readonly dynamodb: DynamoDBClient;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SwapOptions {
  readonly table: string;
  /** Every attribute name that is known to be in this table: a record that has one of them, but not in `expected`, is a conflict. */
  readonly attributeNames: ReadonlySet<string>;
  /** Called right before every call that writes; throws when the caller may not write any more (lease lost, stop, readings too old). */
  readonly mayWrite: () => void;
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
}

export interface Swapper {
  /**
   * Writes each change if the record still is its expected version. The results are in the order of the changes. Several calls may
   * run at the same time, for different keys.
   *
   * A call to DynamoDB whose answer is lost is repeated. Within 10 minutes DynamoDB itself recognises the repeated transaction by its
   * token. Otherwise (a single write, or a later repetition) the same condition is checked again, in one step with the write: a
   * record that still is the expected version is written now, and one that is `next` already counts as done, because the table then
   * holds what the caller asked for, no matter who wrote it; the replaced version was saved by the caller before. Anything else is a
   * conflict.
   *
   * @throws RangeError when two changes have the same key or a version has another key than its change; ChangeRefusedError; the
   * error of `mayWrite`; `signal.reason`; DynamoDB's error when the attempts without progress are used up. After an error some of
   * the changes may be written.
   */
  swap(changes: readonly Change[]): Promise<readonly ChangeResult[]>;
}

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

interface Pending {
  readonly change: Change;
  /** The request without its operation: the body of PutItem and DeleteItem, and of Put and Delete in a transaction. */
  readonly json: string;
  readonly bytes: number;
  /** An earlier call with this change may have been carried out. */
  isUncertain: boolean;
  result: ChangeResult | undefined;
}

interface Request {
  readonly pending: readonly Pending[];
  readonly operation: 'TransactWriteItems' | 'PutItem' | 'DeleteItem';
  readonly body: string;
  /** From then on the body is not sent again. */
  readonly expiresAt: number;
}

/**
 * The only writer of production records: compare-and-swap in transactions of up to 100 changes. It keeps its batch size between
 * calls: contention (TransactionConflict) and throttling halve it, down to single conditional writes, and success doubles it.
 */
export function createSwapper({ dynamodb, clock, random }: SwapPorts, options: SwapOptions): Swapper {
  const { table, mayWrite, signal } = options;
  const backoff = options.backoff ?? { ...patientBackoff, clock, random };
  const conditions = createConditions(options.attributeNames);
  const tableJson = JSON.stringify(table);
  let batchSize = MAX_BATCH;
  let successes = 0;

  const shrink = (from: number) => {
    batchSize = Math.max(1, Math.min(batchSize, Math.floor(from / 2)));
    successes = 0;
  };
  const grow = () => {
    successes += 1;
    if (successes < CALLS_BEFORE_GROWTH) return;
    batchSize = Math.min(MAX_BATCH, batchSize * 2);
    successes = 0;
  };

  const pendingOf = (change: Change): Pending => {
    const { key, expected, next } = change;
    const what = next === undefined ? `"Key":${JSON.stringify(key)}` : `"Item":${JSON.stringify(next)}`;
    const condition = conditions.conditionFor(key, expected);
    const json = `{"TableName":${tableJson},${what},${condition},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`;
    return { change, json, bytes: Buffer.byteLength(json), isUncertain: false, result: undefined };
  };

  const nextRequest = (queue: Pending[]): Request => {
    let bytes = 0;
    let count = 0;
    for (const { bytes: more } of queue) {
      if (count === batchSize || (count > 0 && bytes + more > MAX_BATCH_BYTES)) break;
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
    const body = `{"ClientRequestToken":"${randomUUID()}","TransactItems":[${actions.join(',')}]}`;
    return { pending, operation: 'TransactWriteItems', body, expiresAt: clock.now() + TOKEN_MS };
  };

  const settleConflict = (pending: Pending, found: Item | undefined) => {
    const isOurs = pending.isUncertain && sameItem(found, pending.change.next);
    pending.result = isOurs ? { kind: 'done' } : { kind: 'conflict', found };
  };

  /** Settles the conflicts that an error tells. `undefined`: the error does not say that nothing was written. */
  const settleRefusal = (error: unknown, request: Request): { readonly isBusy: boolean } | undefined => {
    if (error instanceof TransactionCanceledException) return settleReasons(error, request);
    const [only] = request.pending;
    if (error instanceof ConditionalCheckFailedException && only !== undefined) {
      settleConflict(only, foundIn(refusalOf(error)));
      return { isBusy: false };
    }
    // The records that are in the table count as well, and may be larger than all that is known here.
    const isTooLarge = request.pending.length > 1 && error instanceof Error && error.name === 'ValidationException';
    return isTooLarge || isThrottle(error) || error instanceof TransactionConflictException
      ? { isBusy: true }
      : undefined;
  };

  const settleReasons = (error: TransactionCanceledException, { pending }: Request): { readonly isBusy: boolean } => {
    const reasons = error.CancellationReasons ?? [];
    const refusal = refusalOf(error);
    const reported = isObject(refusal) && Array.isArray(refusal.CancellationReasons) ? refusal.CancellationReasons : [];
    if (reasons.length !== pending.length) throw error;
    let isBusy = false;
    for (const [index, { Code: code = 'None', Message: message }] of reasons.entries()) {
      const refused = pending[index];
      if (refused === undefined || code === 'None') continue;
      if (code === 'ConditionalCheckFailed') settleConflict(refused, foundIn(reported[index]));
      else if (BUSY_CODES.has(code)) isBusy = true;
      else throw new ChangeRefusedError(table, refused.change.key, message ? `${code}: ${message}` : code, error);
    }
    if (!isBusy && pending.every(({ result }) => result === undefined)) {
      if (pending.length === 1) throw error;
      // Refused as a whole, as one that is too large: in smaller parts it may be accepted.
      return { isBusy: true };
    }
    return { isBusy };
  };

  async function writeAll(queue: Pending[]): Promise<void> {
    const putBack = ({ pending }: Request) => queue.unshift(...pending.filter(({ result }) => result === undefined));
    let failures = 0;
    let uncertain: Request | undefined;
    while (queue.length > 0 || uncertain !== undefined) {
      signal?.throwIfAborted();
      if (uncertain !== undefined && clock.now() >= uncertain.expiresAt) {
        putBack(uncertain);
        uncertain = undefined;
      }
      const request: Request = uncertain ?? nextRequest(queue);
      uncertain = undefined;
      try {
        await callWithJson(dynamodb, request.operation, request.body, { beforeSend: mayWrite });
        for (const pending of request.pending) pending.result = { kind: 'done' };
        failures = 0;
        grow();
        continue;
      } catch (error) {
        const refusal = settleRefusal(error, request);
        if (refusal !== undefined) {
          putBack(request);
          if (!refusal.isBusy) {
            failures = 0;
            continue;
          }
          shrink(request.pending.length);
        } else if (isTransient(error)) {
          for (const pending of request.pending) pending.isUncertain = true;
          uncertain = request;
        } else throw error;
        failures += 1;
        if (failures >= backoff.attempts) throw error;
      }
      await waitBefore(backoff, failures, signal);
    }
  }

  return {
    async swap(changes) {
      if ((await dynamodb.config.maxAttempts()) !== 1)
        throw new Error(
          'The client of createSwapper must have maxAttempts 1: retries would hide whether a write was carried out',
        );
      requireDistinctKeys(changes);
      const pending = changes.map(pendingOf);
      await writeAll([...pending]);
      return pending.map(({ result, change }) => {
        if (result === undefined) throw new Error(`No result for the record ${JSON.stringify(change.key)}`);
        return result;
      });
    },
  };
}

/** The version that a failed condition met; undefined where there was no record. @throws MalformedAnswerError. */
function foundIn(refusal: unknown): Item | undefined {
  if (!isObject(refusal)) throw new MalformedAnswerError('DynamoDB did not say what a failed condition met');
  const { Item: found } = refusal;
  if (found === undefined || found === null) return undefined;
  if (!isItem(found)) throw new MalformedAnswerError('The version that a failed condition met has an unknown form');
  return found;
}

const BUSY_CODES = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

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
