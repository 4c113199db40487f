import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createOutcomeWriter } from '../../../src/run/engines/local/outcome-writer.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { createRunStore, type RunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/control-table.ts';
import { type LocalDynamo, startDynalite, testCredentials } from '../../support/dynalite.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';

let dynamo: LocalDynamo;
let end = async () => {};
/** How many replies of the control table are still to be lost. */
let losing = 0;
/** Called once what was asked has been done and before its reply is lost. */
let onLoss = () => {};
let store: RunStore;

beforeEach(async () => {
  losing = 0;
  onLoss = () => {};
  dynamo = await startDynalite();
  const proxy = await startFaultProxy(dynamo.url, {
    isLost({ operation }) {
      if (operation !== 'PutItem' || losing === 0) return false;
      losing -= 1;
      onLoss();
      return true;
    },
  });
  // One attempt, so that each lost reply is a write that seems to have failed.
  const client = new DynamoDBClient({
    endpoint: proxy.url,
    region: 'us-east-1',
    credentials: testCredentials,
    maxAttempts: 1,
  });
  end = async () => {
    client.destroy();
    await proxy.stop();
    await dynamo.stop();
  };
  store = createRunStore(await openControlTable({ dynamodb: client, tableName: 'control', clock: systemClock }), 'fn');
});
afterEach(() => end());

const outcome = (index: number): OutcomeRecord => ({
  index,
  key: `image ${index}.png`,
  outcome: { kind: 'processed', entriesStored: 3 },
  startedAt: 1,
  durationMs: 2,
  throttles: 0,
});

async function onRecord(): Promise<number[]> {
  const found: number[] = [];
  for await (const chunk of store.journal('r-0001', 0)) found.push(...chunk.records.map(({ index }) => index));
  return found;
}

test('an outcome that came while an earlier write only seemed to fail is on record before it counts', async () => {
  const counted: number[] = [];
  const writer = createOutcomeWriter({
    clock: systemClock,
    append: (chunk) => store.append('r-0001', { ...chunk, writer: 'me' }),
    position: { journalSeq: 0, startedThrough: 5 },
    onRecord: (records, own) => {
      expect(own).toBe(true);
      counted.push(...records.map(({ index }) => index));
    },
    onError: () => {},
    abandoned: new AbortController().signal,
  });
  losing = 1;
  onLoss = () => {
    writer.add(outcome(1));
    writer.add(outcome(2));
  };
  writer.add(outcome(0));
  await writer.idle();
  expect(counted).toEqual([0, 1, 2]);
  expect(await onRecord()).toEqual([0, 1, 2]);
});

test('what another driver put under the same number is told from one’s own, and counts as well', async () => {
  await store.append('r-0001', { seq: 1, writer: 'before me', startedThrough: 0, records: [outcome(7)] });
  const mine: number[] = [];
  const others: number[] = [];
  const writer = createOutcomeWriter({
    clock: systemClock,
    append: (chunk) => store.append('r-0001', { ...chunk, writer: 'me' }),
    position: { journalSeq: 0, startedThrough: 5 },
    onRecord: (records, own) => void (own ? mine : others).push(...records.map(({ index }) => index)),
    onError: () => {},
    abandoned: new AbortController().signal,
  });
  writer.add(outcome(0));
  await writer.idle();
  expect({ mine, others }).toEqual({ mine: [0], others: [7] });
  expect(await onRecord()).toEqual([7, 0]);
});
