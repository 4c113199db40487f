import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWriteCapacity } from '../../../sandbox/aws/dynamodb/capacity.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { sameItem } from '../../../src/pipeline/table/canonical.ts';
import { createConditions } from '../../../src/pipeline/table/condition.ts';
import { type Item, textOf } from '../../../src/pipeline/table/item.ts';
import { patientBackoff } from '../../../src/pipeline/table/scan.ts';
import { ChangeRefusedError } from '../../../src/pipeline/table/swap-plan.ts';
import { type LocalDynamo, startDynalite, testCredentials } from '../../support/aws/dynalite.ts';
import { throttled } from '../../support/aws/fault-proxy.ts';
import { putItems } from '../../support/aws/items.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import { conflict, done, everyType, keyOf, putNew, remove, replace } from './changes.ts';
import { impatientClock, type SwapRig, swapRig } from './swap-rig.ts';
import { describeSwap } from './swap-suite.ts';

let dynamo: LocalDynamo;
let rig: SwapRig;
beforeAll(async () => {
  dynamo = await startDynalite();
  rig = swapRig(dynamo.url);
});
afterAll(async () => {
  await rig.stop();
  await dynamo.stop();
});

describeSwap(() => rig, { keepsTokens: true, knowsNull: true, many: 301 });

test.each(['single', 'batch'])(
  'the version that a conflict returns has every attribute, whatever its name (%s)',
  async (size) => {
    const found: Item = { ...everyType(1), ...JSON.parse('{"__proto__":{"S":"kept"},"toString":{"N":"1"}}') };
    const table = await rig.table([found, everyType(2)]);
    const { swap } = rig.swapper(table, { attributeNames: new Set(['__proto__', 'toString', 'constructor']) });
    const others = size === 'batch' ? [remove(everyType(2))] : [];
    const [first, ...rest] = await swap([remove(everyType(1)), ...others]);
    expect(first?.kind === 'conflict' && Object.keys(first.found ?? {})).toContain('__proto__');
    expect(first?.kind === 'conflict' && sameItem(first.found, found)).toBe(true);
    expect(rest).toEqual(others.map(() => done));
    expect(await swap([remove(found)])).toEqual([done]);
  },
);

/** Waits pass `speed` times faster than real time. */
function fastClock(speed: number) {
  const start = Date.now();
  const waits: number[] = [];
  const clock: Clock = {
    now: () => start + (Date.now() - start) * speed,
    sleep: (ms) => {
      waits.push(ms);
      return new Promise((resolve) => setTimeout(resolve, ms / speed));
    },
  };
  return { clock, waits };
}

const entries = (count: number) => Array.from({ length: count }, (_, index) => everyType(index));
const actionsIn = (body: string): number => JSON.parse(body).TransactItems?.length ?? 1;
const tokenIn = (body: string): string => JSON.parse(body).ClientRequestToken;
const cancelled = (codes: readonly string[]) => ({
  status: 400,
  json: {
    __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
    Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes.join(', ')}]`,
    CancellationReasons: codes.map((Code) => ({ Code })),
  },
});
const serverError = { status: 500, json: { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError' } };

describe('batches', () => {
  test.each(['throttling', 'contention'])(
    'the batch size of a swapper halves on %s down to single writes, and doubles after eight successful calls',
    async (reason) => {
      const items = entries(700);
      const table = await rig.table(items);
      const sizes: number[] = [];
      let isHard = true;
      const { dynamodb } = await rig.through({
        intercept({ operation, body }) {
          const actions = actionsIn(body);
          sizes.push(actions);
          if (!isHard || operation !== 'TransactWriteItems') return undefined;
          return reason === 'throttling' ? throttled : cancelled(Array(actions).fill('TransactionConflict'));
        },
      });
      const { swap } = rig.swapper(table, { dynamodb });
      expect(await swap(items.slice(0, 3).map(remove))).toEqual([done, done, done]);
      expect(sizes).toEqual([3, 1, 1, 1]);
      sizes.length = 0;
      isHard = false;
      expect(await swap(items.slice(3).map(remove))).toEqual(items.slice(3).map(() => done));
      // Three of the eight single writes were in the call before.
      expect(sizes.slice(0, 5)).toEqual([1, 1, 1, 1, 1]);
      expect(sizes.slice(5, 13)).toEqual(Array(8).fill(2));
      expect(sizes.at(-2)).toBe(64);
      expect((await rig.contents(table)).size).toBe(0);
    },
  );

  test('a swapper writes to a table with 5 provisioned write units', async () => {
    const { clock } = fastClock(400);
    const capacity = createWriteCapacity(clock.now);
    const small = await startDynalite({
      now: clock.now,
      takeWriteUnits: (_, units) => capacity.take(units, { unitsPerSecond: 5, burstSeconds: 1 }),
    });
    const own = swapRig(small.url);
    const table = await own.table();
    const { swap } = own.swapper(table, { clock, backoff: { ...patientBackoff, clock, random: Math.random } });
    const items = entries(40);
    expect(await swap(items.map(putNew))).toEqual(items.map(() => done));
    expect(await swap(items.map(remove))).toEqual(items.map(() => done));
    expect((await own.contents(table)).size).toBe(0);
    await own.stop();
    await small.stop();
  });

  test('a transaction of a swapper holds at most 4 MB', async () => {
    const items = Array.from({ length: 40 }, (_, index) => everyType(index, { Text: { S: 'x'.repeat(300_000) } }));
    const table = await rig.table();
    const bodies: number[] = [];
    const { dynamodb } = await rig.through({
      intercept({ body }) {
        bodies.push(body.length);
        return undefined;
      },
    });
    const { swap } = rig.swapper(table, { dynamodb });
    expect(await swap(items.map(putNew))).toEqual(items.map(() => done));
    expect(bodies).toHaveLength(4);
    expect(Math.max(...bodies)).toBeLessThan(4_200_000);
  });
});

describe('tokens', () => {
  test('a transaction is repeated with its token after a lost answer, and with a new one after a refusal', async () => {
    const items = entries(3);
    const edited = everyType(2, { Lines: { L: [] } });
    const table = await rig.table([...items.slice(0, 2), edited]);
    const calls: { token: string; actions: number }[] = [];
    const { dynamodb } = await rig.through({
      intercept({ body, count }) {
        calls.push({ token: tokenIn(body), actions: actionsIn(body) });
        return count === 1 ? serverError : undefined;
      },
    });
    expect(await rig.swapper(table, { dynamodb }).swap(items.map(remove))).toEqual([done, done, conflict(edited)]);
    expect(calls.map(({ actions }) => actions)).toEqual([3, 3, 2]);
    expect(calls[1]?.token).toBe(calls[0]?.token);
    expect(calls[2]?.token).not.toBe(calls[0]?.token);
  });

  test.each([
    { minutes: 8, isSame: true },
    { minutes: 9.1, isSame: false },
  ])('a token is used again $minutes minutes after the first call: $isSame', async ({ minutes, isSame }) => {
    const clock = createFakeClock();
    const items = entries(3);
    const table = await rig.table(items);
    const tokens: string[] = [];
    const { dynamodb } = await rig.through({
      intercept({ body }) {
        tokens.push(tokenIn(body));
        return undefined;
      },
      isLost({ count }) {
        // The process stands still, for example because the machine sleeps.
        if (count === 1) clock.jump(minutes * 60_000);
        return count === 1;
      },
    });
    const backoff = { ...patientBackoff, clock: { ...clock, sleep: async () => {} }, random: Math.random };
    const result = await rig.swapper(table, { dynamodb, clock, backoff }).swap(items.map(remove));
    // With another token all conditions fail, and that the records are gone is what was asked for.
    expect(result).toEqual([done, done, done]);
    expect(tokens).toHaveLength(2);
    expect(tokens[0] === tokens[1]).toBe(isSame);
  });

  test('a transaction that is still in progress is repeated with its token', async () => {
    const items = entries(3);
    const table = await rig.table(items);
    const tokens: string[] = [];
    const { dynamodb } = await rig.through({
      intercept({ body, count }) {
        tokens.push(tokenIn(body));
        if (count > 2) return undefined;
        return {
          status: 400,
          json: { __type: 'com.amazonaws.dynamodb.v20120810#TransactionInProgressException', Message: 'in progress' },
        };
      },
    });
    expect(await rig.swapper(table, { dynamodb }).swap(items.map(remove))).toEqual([done, done, done]);
    expect(new Set(tokens).size).toBe(1);
  });
});

describe('expressions', () => {
  const wide = (attributes: number, more: Item = {}): Item => ({
    ...keyOf(everyType(1)),
    ...Object.fromEntries(Array.from({ length: attributes }, (_, index) => [`Attribute_${index}`, { N: '1' }])),
    ...more,
  });

  test.each([149, 150, 151, 400])('a record of %d attributes is compared in its first 150', async (attributes) => {
    const lastCompared = `Attribute_${Math.min(attributes, 150) - 1}`;
    const table = await rig.table([wide(attributes, { [lastCompared]: { N: '2' } }), everyType(2)]);
    const { swap } = rig.swapper(table);
    const [first] = await swap([remove(wide(attributes)), remove(everyType(2))]);
    expect(first?.kind).toBe('conflict');
    await putItems(rig.dynamodb, table, [wide(400, { Attribute_150: { N: '2' } }), everyType(2)]);
    // What stays uncovered (docs/decisions/0002): an edit of the attributes after the 150th only.
    expect(await swap([remove(wide(400)), remove(everyType(2))])).toEqual([done, done]);
  });

  test('as many absent names are excluded as fit into 300 operators and 4 KB', async () => {
    const names = new Set(Array.from({ length: 400 }, (_, index) => `Other_${index}`));
    const { conditionFor } = createConditions(names);
    const { ConditionExpression: expression } = JSON.parse(`{${conditionFor(keyOf(everyType(1)), everyType(1))}}`);
    expect(expression.length).toBeLessThanOrEqual(4_096);
    expect(expression.split(' AND ').length * 2 - 1).toBeLessThanOrEqual(300);
    // Longer than that with one clause more.
    expect(expression.length).toBeGreaterThan(4_096 - 40);
    const table = await rig.table([everyType(1, { Other_3: { S: 'new' } }), everyType(2)]);
    const results = await rig
      .swapper(table, { attributeNames: names })
      .swap([remove(everyType(1)), remove(everyType(2))]);
    expect(results.map(({ kind }) => kind)).toEqual(['conflict', 'done']);
  });

  test('a name that is added to the known names later is excluded from then on', async () => {
    const names = new Set<string>();
    const { swap } = rig.swapper(await rig.table([everyType(1), everyType(2, { Late: { S: 'x' } })]), {
      attributeNames: names,
    });
    expect(await swap([remove(everyType(1))])).toEqual([done]);
    names.add('Late');
    expect((await swap([remove(everyType(2))]))[0]?.kind).toBe('conflict');
  });
});

describe('errors', () => {
  test('a swapper calls mayWrite before every call, and does not write after it throws', async () => {
    const items = entries(250);
    const table = await rig.table(items);
    const { dynamodb, calls } = await rig.through({});
    let asked = 0;
    const mayWrite = () => {
      asked += 1;
      if (asked > 2) throw new Error('The lease is lost');
    };
    await expect(rig.swapper(table, { dynamodb, mayWrite }).swap(items.map(remove))).rejects.toThrow(
      'The lease is lost',
    );
    expect([asked, calls('TransactWriteItems')]).toEqual([3, 2]);
    expect((await rig.contents(table)).size).toBe(50);
  });

  test('a swapper does not repeat a call after a lost answer when mayWrite throws', async () => {
    const items = entries(2);
    const table = await rig.table(items);
    let isOver = false;
    const { dynamodb, calls } = await rig.through({
      isLost: () => {
        isOver = true;
        return true;
      },
    });
    const mayWrite = () => {
      if (isOver) throw new Error('The readings are too old');
    };
    await expect(rig.swapper(table, { dynamodb, mayWrite }).swap(items.map(remove))).rejects.toThrow('too old');
    expect(calls('TransactWriteItems')).toBe(1);
  });

  test('a swapper starts no call after its signal is aborted', async () => {
    const items = entries(250);
    const table = await rig.table(items);
    const stop = new AbortController();
    const { dynamodb, calls } = await rig.through({ after: () => stop.abort(new Error('stopped')) });
    const swapper = rig.swapper(table, { dynamodb, signal: stop.signal });
    await expect(swapper.swap(items.map(remove))).rejects.toThrow('stopped');
    expect(calls('TransactWriteItems')).toBe(1);
  });

  test('a swapper returns its results when its signal is aborted during the last call', async () => {
    const table = await rig.table(entries(2));
    const stop = new AbortController();
    const { dynamodb } = await rig.through({ after: () => stop.abort(new Error('stopped')) });
    expect(await rig.swapper(table, { dynamodb, signal: stop.signal }).swap(entries(2).map(remove))).toEqual([
      done,
      done,
    ]);
  });

  test('a swapper throws the last error when the attempts without progress are used up', async () => {
    const table = await rig.table(entries(2));
    const { dynamodb, calls } = await rig.through({ intercept: () => throttled });
    const backoff = { ...patientBackoff, clock: impatientClock, random: Math.random, attempts: 4 };
    await expect(rig.swapper(table, { dynamodb, backoff }).swap(entries(2).map(remove))).rejects.toMatchObject({
      name: 'ProvisionedThroughputExceededException',
    });
    expect(calls('TransactWriteItems') + calls('DeleteItem')).toBe(4);
  });

  test('a swapper refuses two changes of one record, in whatever form its key is written', async () => {
    const table = await rig.table([everyType(1)]);
    const { swap } = rig.swapper(table);
    await expect(swap([remove(everyType(1)), remove(everyType(1))])).rejects.toThrow(RangeError);
    const numbered = (N: string) => ({ key: { id: { N } }, expected: undefined, next: undefined });
    await expect(swap([numbered('1'), numbered('1.0')])).rejects.toThrow(RangeError);
    expect((await rig.contents(table)).size).toBe(1);
  });

  test('a swapper refuses a version whose key is not the key of its change', async () => {
    const { swap } = rig.swapper(await rig.table([everyType(1)]));
    const wrong = { key: keyOf(everyType(1)), expected: everyType(1), next: everyType(2) };
    await expect(swap([wrong])).rejects.toThrow(RangeError);
    await expect(swap([{ ...wrong, expected: everyType(2), next: everyType(1) }])).rejects.toThrow(RangeError);
  });

  test('a swapper refuses a client that repeats calls by itself', async () => {
    const dynamodb = new DynamoDBClient({ endpoint: dynamo.url, region: 'us-east-1', credentials: testCredentials });
    await expect(rig.swapper('any', { dynamodb }).swap([remove(everyType(1))])).rejects.toThrow('maxAttempts 1');
    dynamodb.destroy();
  });

  test('a swapper names the record and the reason when DynamoDB does not accept the new version', async () => {
    const table = await rig.table();
    const { dynamodb } = await rig.through({ intercept: () => cancelled(['None', 'ItemCollectionSizeLimitExceeded']) });
    const failed = await rig
      .swapper(table, { dynamodb })
      .swap(entries(2).map(putNew))
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ChangeRefusedError);
    expect(failed).toMatchObject({ key: keyOf(everyType(1)) });
    expect(String(failed)).toContain('ItemCollectionSizeLimitExceeded');
  });
});

test('transactions of two swappers on the same records never both succeed', async () => {
  const slow = await startDynalite({ transactionMs: () => 5 });
  const own = swapRig(slow.url);
  const items = entries(60);
  const table = await own.table(items);
  const next = (name: string) => items.map((item) => replace(item, { ...item, Text: { S: name } }));
  const { clock } = fastClock(5);
  const swapAll = (name: string) =>
    own.swapper(table, { clock, backoff: { ...patientBackoff, clock, random: Math.random } }).swap(next(name));
  const [a, b] = await Promise.all([swapAll('a'), swapAll('b')]);
  const left = [...(await own.contents(table)).values()];
  for (const [index] of items.entries()) {
    const winners = [a[index], b[index]].filter((result) => result?.kind === 'done');
    expect(winners).toHaveLength(1);
  }
  expect(left.filter(({ Text }) => textOf(Text) === 'a').length).toBe(a.filter(({ kind }) => kind === 'done').length);
  await own.stop();
  await slow.stop();
});
