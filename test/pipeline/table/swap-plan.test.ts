import { describe, expect, test } from 'vitest';
import { createConditions } from '../../../src/pipeline/table/condition.ts';
import { type Item, MalformedAnswerError } from '../../../src/pipeline/table/item.ts';
import {
  type Change,
  ChangeRefusedError,
  createBatchSize,
  createSwapPlan,
  type SwapPlan,
} from '../../../src/pipeline/table/swap-plan.ts';
import { conflict, done, everyType, keyOf, putNew, remove, replace } from './changes.ts';

const MINUTE = 60_000;
const planOf = (changes: readonly Change[], { batchSize = createBatchSize(), attempts = 5 } = {}): SwapPlan => {
  let tokens = 0;
  return createSwapPlan(changes, {
    table: 'Table "1"',
    conditions: createConditions(new Set(['Hours', 'Added'])),
    batchSize,
    attempts,
    newToken: () => `token-${++tokens}`,
  });
};
const removals = (count: number) => Array.from({ length: count }, (_, index) => remove(everyType(index)));

/** An error of the SDK and, where DynamoDB gave one, its answer. */
type Failure = readonly [error: unknown, refusal?: unknown];
const named = (name: string) => Object.assign(new Error('no'), { name });
const lost = (): Failure => [Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })];
const throttled = (): Failure => [named('ProvisionedThroughputExceededException'), {}];
const contention = (): Failure => [named('TransactionConflictException'), {}];
const failed = (refusal: unknown): Failure => [named('ConditionalCheckFailedException'), refusal];
type Reason = string | { readonly Code?: string; readonly Message?: string; readonly Item?: Item | null };
const cancelled = (...reasons: readonly Reason[]): Failure => [
  named('TransactionCanceledException'),
  { CancellationReasons: reasons.map((reason) => (typeof reason === 'string' ? { Code: reason } : reason)) },
];
const met = (Item?: Item | null): Reason => ({ Code: 'ConditionalCheckFailed', ...(Item !== undefined && { Item }) });

/** Gives the plan the error of its last call; the number of calls without progress. */
const fail = (plan: SwapPlan, [error, refusal]: Failure): number => plan.noteError(error, refusal);
/** What the plan throws when its last call failed. */
function thrownBy(plan: SwapPlan, failure: Failure): unknown {
  try {
    fail(plan, failure);
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The actions of the next call, by the index of their record; undefined when there is no next call. */
function nextActions(plan: SwapPlan, now = 0): readonly number[] | undefined {
  const request = plan.next(now);
  if (request === undefined) return undefined;
  const { TransactItems: actions = [{ Put: JSON.parse(request.body) }] } = JSON.parse(request.body);
  return actions.map(({ Put, Delete }: Record<string, { Item?: Item; Key?: Item }>) => {
    const { ResourceName: name } = Put?.Item ?? Put?.Key ?? Delete?.Key ?? {};
    return Number(JSON.stringify(name).replace(/\D/g, ''));
  });
}
const tokenOf = (plan: SwapPlan, now = 0): unknown => JSON.parse(plan.next(now)?.body ?? '{}').ClientRequestToken;

describe('what a call contains', () => {
  const condition = {
    ConditionExpression: 'attribute_not_exists(#k)',
    ExpressionAttributeNames: { '#k': 'ResourceName' },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
  const bare = keyOf(everyType(0));
  const exists = {
    ConditionExpression: 'attribute_exists(#k) AND attribute_not_exists(#n0) AND attribute_not_exists(#n1)',
    ExpressionAttributeNames: { '#k': 'ResourceName', '#n0': 'Hours', '#n1': 'Added' },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };

  test('one change that writes a version is a PutItem with its condition', () => {
    const request = planOf([putNew(everyType(1))]).next(0);
    expect(request?.operation).toBe('PutItem');
    expect(JSON.parse(request?.body ?? '')).toEqual({ TableName: 'Table "1"', Item: everyType(1), ...condition });
  });

  test('one change that removes a version is a DeleteItem with its condition', () => {
    const request = planOf([remove(bare)]).next(0);
    expect(request?.operation).toBe('DeleteItem');
    expect(JSON.parse(request?.body ?? '')).toEqual({ TableName: 'Table "1"', Key: bare, ...exists });
  });

  test('several changes are one transaction with a token, in their order', () => {
    const request = planOf([putNew(everyType(1)), remove(bare)]).next(0);
    expect(request?.operation).toBe('TransactWriteItems');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      ClientRequestToken: 'token-1',
      TransactItems: [
        { Put: { TableName: 'Table "1"', Item: everyType(1), ...condition } },
        { Delete: { TableName: 'Table "1"', Key: bare, ...exists } },
      ],
    });
  });

  test('no changes need no call and have no results', () => {
    const plan = planOf([]);
    expect(plan.next(0)).toBeUndefined();
    expect(plan.results()).toEqual([]);
  });

  test('a transaction holds at most 100 changes, and the rest follow in another call', () => {
    const plan = planOf(removals(203));
    const sizes: number[] = [];
    for (let actions = nextActions(plan); actions; actions = nextActions(plan)) {
      sizes.push(actions.length);
      plan.noteSuccess();
    }
    expect(sizes).toEqual([100, 100, 3]);
    expect(plan.results()).toEqual(removals(203).map(() => done));
  });

  /** A change whose JSON has this many bytes. */
  const sized = (index: number, bytes: number): Change => {
    const without = Buffer.byteLength(planOf([putNew(everyType(index, { Text: { S: '' } }))]).next(0)?.body ?? '');
    const rest = bytes - without;
    return putNew(everyType(index, { Text: { S: `${'é'.repeat(Math.floor(rest / 2))}${rest % 2 === 1 ? 'x' : ''}` } }));
  };

  test.each([
    ['4 MB together', [1_500_000, 1_500_001, 999_999], [0, 1, 2]],
    ['one byte more than 4 MB', [1_500_000, 1_500_001, 1_000_000], [0, 1]],
    ['more than 4 MB in the first', [4_000_001, 1_000], [0]],
  ])('the size of a transaction is that of its JSON in UTF-8: %s', (_, sizes, first) => {
    const changes = sizes.map((bytes, index) => sized(index, bytes));
    expect(Buffer.byteLength(planOf(changes.slice(0, 1)).next(0)?.body ?? '')).toBe(sizes[0]);
    expect(nextActions(planOf(changes))).toEqual(first);
  });

  test.each([
    ['the same change twice', [remove(everyType(1)), remove(everyType(1))]],
    [
      'two spellings of one key',
      [
        { key: { id: { N: '1' } }, expected: undefined, next: undefined },
        { key: { id: { N: '1.0' } }, expected: undefined, next: undefined },
      ],
    ],
  ])('two changes of one record are refused: %s', (_, changes) => {
    expect(() => planOf(changes)).toThrow(RangeError);
    expect(() => planOf(changes)).toThrow(`Two changes of the record ${JSON.stringify(changes[1]?.key)} in one call`);
  });

  const id = { S: 'a' };
  test.each<[string, Change]>([
    ['the expected one', { key: keyOf(everyType(1)), expected: everyType(2), next: everyType(1) }],
    ['the next one', { key: keyOf(everyType(1)), expected: everyType(1), next: everyType(2) }],
    [
      'with a part of the very same key',
      { key: { id, day: { S: '1' } }, expected: { id, day: { S: '2' } }, next: undefined },
    ],
    [
      'without a part of the key',
      { key: keyOf(everyType(1)), expected: { ResourceName: { S: 'Person_1' } }, next: undefined },
    ],
    [
      'with an inherited name only',
      { key: { toString: { S: '1' } }, expected: { other: { S: '1' } }, next: undefined },
    ],
  ])('a version with another key than its change is refused: %s', (_, change) => {
    expect(() => planOf([change])).toThrow(RangeError);
    expect(() => planOf([change])).toThrow('has another key');
  });

  test('a version whose key is spelled in another way than that of its change is accepted', () => {
    const change = { key: { id: { N: '1' } }, expected: { id: { N: '1.0' }, a: { S: 'x' } }, next: undefined };
    expect(planOf([change]).next(0)?.operation).toBe('DeleteItem');
  });

  test('a change without a result has none to return', () => {
    const plan = planOf(removals(2));
    expect(() => plan.results()).toThrow(`No result for the record ${JSON.stringify(keyOf(everyType(0)))}`);
  });
});

describe('a lost answer', () => {
  test.each([
    ['a broken connection', lost()],
    ['a 5xx', [named('InternalServerError')] as const],
    ['a transaction that is still in progress', [named('TransactionInProgressException'), {}] as const],
  ])('the very same call is made again after %s, and counts as one without progress', (_, failure) => {
    const plan = planOf(removals(3));
    const request = plan.next(0);
    expect(fail(plan, failure)).toBe(1);
    expect(plan.next(1)).toBe(request);
    expect(fail(plan, failure)).toBe(2);
    expect(plan.next(2)).toBe(request);
    plan.noteSuccess();
    expect(plan.next(3)).toBeUndefined();
    expect(plan.results()).toEqual([done, done, done]);
  });

  test.each([
    [9 * MINUTE - 1, 'token-1'],
    [9 * MINUTE, 'token-2'],
  ])('%i ms after a transaction was made first, it is sent with %s', (later, token) => {
    const plan = planOf(removals(3));
    expect(tokenOf(plan, 1_000)).toBe('token-1');
    fail(plan, lost());
    expect(tokenOf(plan, 1_000 + later)).toBe(token);
    expect(nextActions(plan, 1_000 + later)).toEqual([0, 1, 2]);
  });

  test('a single write is sent again at any time: it has no token', () => {
    const plan = planOf(removals(1));
    const request = plan.next(0);
    fail(plan, lost());
    expect(plan.next(1e12)).toBe(request);
  });

  test.each<[string, Change, Item | undefined, 'done' | 'conflict']>([
    ['that is gone, as it was to be', remove(everyType(1)), undefined, 'done'],
    [
      'that is the new version',
      replace(everyType(1), everyType(1, { Hours: { N: '3' } })),
      everyType(1, { Hours: { N: '3.0' } }),
      'done',
    ],
    ['that a person changed', remove(everyType(1)), everyType(1, { Added: { S: 'x' } }), 'conflict'],
    [
      'that is gone and was to be replaced',
      replace(everyType(1), everyType(1, { Hours: { N: '3' } })),
      undefined,
      'conflict',
    ],
  ])('after it, a failed condition on a record %s: %s', (_, change, item, kind) => {
    const result = kind === 'done' ? done : conflict(item);
    const single = planOf([change]);
    single.next(0);
    fail(single, lost());
    single.next(1);
    expect(fail(single, failed({ Item: item }))).toBe(0);
    expect(single.results()).toEqual([result]);

    const batch = planOf([change, remove(everyType(2))]);
    batch.next(0);
    fail(batch, lost());
    // The token is too old by now.
    batch.next(10 * MINUTE);
    expect(fail(batch, cancelled(met(item), 'None'))).toBe(0);
    expect(nextActions(batch)).toEqual([2]);
    batch.noteSuccess();
    expect(batch.results()).toEqual([result, done]);
  });

  test('without one, a record that already is the new version is a conflict', () => {
    const plan = planOf([remove(everyType(1))]);
    plan.next(0);
    expect(fail(plan, failed({}))).toBe(0);
    expect(plan.results()).toEqual([conflict(undefined)]);
    const put = planOf([putNew(everyType(1)), remove(everyType(2))]);
    put.next(0);
    fail(put, cancelled(met(everyType(1)), met(null)));
    expect(put.results()).toEqual([conflict(everyType(1)), conflict(undefined)]);
  });

  test('only the changes of the lost call count as possibly written', () => {
    const plan = planOf(removals(101));
    plan.next(0);
    fail(plan, lost());
    plan.noteSuccess();
    expect(nextActions(plan)).toEqual([100]);
    fail(plan, failed({}));
    expect(plan.results()[100]).toEqual(conflict(undefined));
  });
});

describe('a refusal', () => {
  test('changes without a conflict are sent again at once, with another token, before the rest', () => {
    const plan = planOf(removals(102));
    expect(tokenOf(plan)).toBe('token-1');
    const person = everyType(1, { Added: { S: 'x' } });
    const reasons = Array.from({ length: 100 }, (_, index): Reason => (index === 1 ? met(person) : {}));
    expect(fail(plan, cancelled(...reasons))).toBe(0);
    expect(tokenOf(plan)).toBe('token-2');
    expect(nextActions(plan)?.slice(0, 3)).toEqual([0, 2, 3]);
    expect(nextActions(plan)?.slice(-2)).toEqual([99, 100]);
    plan.noteSuccess();
    expect(nextActions(plan)).toEqual([101]);
    plan.noteSuccess();
    expect(plan.results()[1]).toEqual(conflict(everyType(1, { Added: { S: 'x' } })));
    expect(plan.results().filter(({ kind }) => kind === 'done')).toHaveLength(101);
  });

  test.each<[string, Failure]>([
    ['throttling', throttled()],
    ['throttling of the whole account', [named('ThrottlingException'), {}]],
    ['contention of the call', contention()],
    ['contention of one record', cancelled('None', 'TransactionConflict', 'None', 'None')],
    ['throttling of one record', cancelled('None', 'None', 'ThrottlingError', 'None')],
    ['throttled capacity of one record', cancelled('ProvisionedThroughputExceeded', 'None', 'None', 'None')],
    ['a transaction that is too large', [named('ValidationException'), {}]],
    ['a transaction that is refused without a reason', cancelled('None', 'None', 'None', 'None')],
  ])('after %s nothing is written, and half of the changes are sent with another token after a wait', (_, failure) => {
    const plan = planOf(removals(4));
    plan.next(0);
    expect(fail(plan, failure)).toBe(1);
    expect(tokenOf(plan)).toBe('token-2');
    expect(nextActions(plan)).toEqual([0, 1]);
    fail(plan, contention());
    expect(plan.next(0)?.operation).toBe('DeleteItem');
  });

  test('a conflict beside contention is settled, and counts as no progress', () => {
    const plan = planOf(removals(2));
    plan.next(0);
    expect(fail(plan, cancelled(met(), 'TransactionConflict'))).toBe(1);
    expect(nextActions(plan)).toEqual([1]);
    plan.noteSuccess();
    expect(plan.results()).toEqual([conflict(undefined), done]);
  });

  test('throttling and contention of a single write are waited out', () => {
    for (const failure of [throttled(), contention()]) {
      const plan = planOf(removals(1));
      plan.next(0);
      expect(fail(plan, failure)).toBe(1);
      expect(nextActions(plan)).toEqual([0]);
    }
  });

  test.each<[string, number, Failure]>([
    ['a single write that is invalid', 1, [named('ValidationException'), {}]],
    ['a missing table', 3, [named('ResourceNotFoundException'), {}]],
    ['a call that the caller may not make any more', 3, [new Error('The lease is lost')]],
    ['something that is no error', 3, [{ name: 'ValidationException' }]],
    ['fewer reasons than changes', 3, cancelled(met(), 'None')],
    ['more reasons than changes', 3, cancelled('None', 'None', 'None', 'None')],
    ['no reasons', 3, [named('TransactionCanceledException'), {}]],
    ['an answer that is no JSON', 3, [named('TransactionCanceledException')]],
    ['reasons that are a text', 3, [named('TransactionCanceledException'), { CancellationReasons: 'abc' }]],
    ['a reason that is a text', 2, [named('TransactionCanceledException'), { CancellationReasons: ['a', {}] }]],
    ['a reason that is nothing', 2, [named('TransactionCanceledException'), { CancellationReasons: [{}, null] }]],
    ['a transaction of one change that is refused without a reason', 1, cancelled('None')],
  ])('%s ends the plan with the error itself', (_, count, failure) => {
    const plan = planOf(removals(count));
    plan.next(0);
    expect(thrownBy(plan, failure)).toBe(failure[0]);
  });

  test.each([
    [undefined, 'ItemCollectionSizeLimitExceeded'],
    ['The item is too large', 'ItemCollectionSizeLimitExceeded: The item is too large'],
  ])('a version that DynamoDB does not take is named with the reason (%s)', (message, reason) => {
    const plan = planOf(removals(2));
    plan.next(0);
    const refused = { Code: 'ItemCollectionSizeLimitExceeded', ...(message !== undefined && { Message: message }) };
    const failure = cancelled('None', refused);
    const thrown = thrownBy(plan, failure);
    expect(thrown).toBeInstanceOf(ChangeRefusedError);
    expect(thrown).toMatchObject({
      name: 'ChangeRefusedError',
      key: keyOf(everyType(1)),
      cause: failure[0],
      message: `DynamoDB refused to write the record ${JSON.stringify(keyOf(everyType(1)))} of table Table "1": ${reason}`,
    });
  });

  test.each<[string, unknown, string]>([
    ['no JSON', undefined, 'did not say'],
    ['a text', 'no', 'did not say'],
    ['an item that is a list', { Item: [] }, 'unknown form'],
    ['an item of an unknown type', { Item: { a: { X: '1' } } }, 'unknown form'],
  ])('a conflict whose version cannot be read ends the plan: %s', (_, refusal, text) => {
    const plan = planOf(removals(1));
    plan.next(0);
    const thrown = thrownBy(plan, failed(refusal));
    expect(thrown).toBeInstanceOf(MalformedAnswerError);
    expect(String(thrown)).toContain(text);
  });

  test('a conflict whose version cannot be read ends the plan of a transaction', () => {
    const plan = planOf(removals(2));
    plan.next(0);
    const reasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: [] }];
    const thrown = thrownBy(plan, [named('TransactionCanceledException'), { CancellationReasons: reasons }]);
    expect(thrown).toBeInstanceOf(MalformedAnswerError);
  });
});

describe('attempts', () => {
  test.each([
    ['lost answers', lost],
    ['throttling', throttled],
  ])('the last error is thrown after as many %s in a row as the attempts', (_, failure) => {
    const plan = planOf(removals(2), { attempts: 3 });
    plan.next(0);
    expect(fail(plan, failure())).toBe(1);
    plan.next(0);
    expect(fail(plan, failure())).toBe(2);
    plan.next(0);
    const last = failure();
    expect(thrownBy(plan, last)).toBe(last[0]);
  });

  test('a call that succeeds, and a conflict that is settled, begin the count again', () => {
    const plan = planOf(removals(300), { attempts: 2 });
    plan.next(0);
    expect(fail(plan, lost())).toBe(1);
    plan.next(0);
    plan.noteSuccess();
    plan.next(0);
    expect(fail(plan, lost())).toBe(1);
    plan.next(10 * MINUTE);
    const person = everyType(100, { Added: { S: 'x' } });
    const reasons = Array.from({ length: 100 }, (_, index) => (index === 0 ? met(person) : 'None'));
    expect(fail(plan, cancelled(...reasons))).toBe(0);
    plan.next(10 * MINUTE);
    expect(fail(plan, lost())).toBe(1);
  });

  test('an answer without a call is not taken', () => {
    const plan = planOf(removals(1));
    const failure = throttled();
    expect(thrownBy(plan, failure)).toBe(failure[0]);
  });
});

describe('the size of a batch', () => {
  test('halves down to one change', () => {
    const batchSize = createBatchSize();
    const sizes = [batchSize.changes()];
    while (batchSize.changes() > 1) {
      batchSize.halve(batchSize.changes());
      sizes.push(batchSize.changes());
    }
    expect(sizes).toEqual([100, 50, 25, 12, 6, 3, 1]);
    batchSize.halve(1);
    expect(batchSize.changes()).toBe(1);
  });

  test('is half of the call that was refused, and never grows by a refusal', () => {
    const batchSize = createBatchSize();
    batchSize.halve(8);
    expect(batchSize.changes()).toBe(4);
    // A call that began before.
    batchSize.halve(100);
    expect(batchSize.changes()).toBe(4);
  });

  test('doubles after eight successful calls in a row, up to 100', () => {
    const batchSize = createBatchSize();
    batchSize.halve(60);
    const succeed = (times: number) => {
      for (let time = 0; time < times; time += 1) batchSize.noteSuccess();
      return batchSize.changes();
    };
    expect([succeed(7), succeed(1), succeed(7)]).toEqual([30, 60, 60]);
    batchSize.halve(60);
    expect([succeed(7), succeed(1), succeed(8), succeed(8), succeed(8)]).toEqual([30, 60, 100, 100, 100]);
  });

  test('belongs to all plans of a swapper', () => {
    const batchSize = createBatchSize();
    const first = planOf(removals(4), { batchSize });
    first.next(0);
    fail(first, throttled());
    expect(nextActions(planOf(removals(10), { batchSize }))).toEqual([0, 1]);
    for (let call = 0; call < 8; call += 1) {
      const plan = planOf(removals(1), { batchSize });
      plan.next(0);
      plan.noteSuccess();
    }
    expect(nextActions(planOf(removals(10), { batchSize }))).toEqual([0, 1, 2, 3]);
  });
});
