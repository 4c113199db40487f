import { DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { decodeCheckpoint } from '../../../src/run/store/checkpoint.ts';
import { createRunStore, type RunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite, testCredentials } from '../../support/aws/dynalite.ts';
import { type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

/** A paused run with a pending change of pace, exactly as the previous version stored it. */
const formerRecord = {
  pk: 'run#r-0007',
  sk: 'run',
  runId: 'r-0007',
  state: {
    kind: 'paused',
    because: { kind: 'fault', fault: { reason: 'credentials', message: 'expired', mend: 'Renew them.' } },
  },
  stateKind: 'paused',
  plan: {
    runId: 'r-0007',
    selection: {},
    total: 3,
    totalBytes: 30,
    leftOut: 0,
    paceWish: { kind: 'auto' },
    ceilingPerMinute: 160,
    paceBecause: [],
    expectedPerMinute: 60,
    expectedMs: 3_000,
    forecastRestsOn: [],
    plannedBy: 'U1',
    plannedAt: 1_700_000_000_000,
  },
  place: { channel: 'C1', ts: '1.1' },
  startedBy: 'U2',
  startedAt: 1_700_000_000_000,
  entriesAtStart: 0,
  maxInFlight: 10,
  ceilingPerMinute: 160,
  paceWish: { kind: 'fixed', perMinute: 40 },
  fence: 4,
  pace: { id: 'p1', by: 'U3', wish: { kind: 'fixed', perMinute: 50 } },
  paceId: 'p1',
  untold: true,
  checkpoint: JSON.stringify({
    version: 1,
    at: 1_700_000_001_000,
    progress: { lowWater: 1, beyond: [] },
    retries: [{ index: 1, pushbacks: 3, broken: 1 }],
    totals: {
      processed: 1,
      rejected: 0,
      failed: 0,
      failedByType: {},
      pushbacks: 3,
      calls: 4,
      entriesStored: 3,
      costUsd: 0.01,
      invokeMs: 900,
    },
    breaker: { consecutive: 0, recent: [false] },
    pacer: {
      at: 1_700_000_001_000,
      targetPerMinute: 20,
      topPerMinute: 40,
      slowStart: false,
      lowered: true,
      slotAt: 1_700_000_000_500,
      wishSince: 1_700_000_000_100,
      durationMs: 900,
      starts: [[1, 2]],
    },
    growth: {
      grewAt: 1_700_000_000_000,
      lookedAt: 1_700_000_000_200,
      triedAt: 1_700_000_000_300,
      outcomesSinceLook: 1,
      highest: 3,
    },
    topFailures: [],
    firstFailures: [],
    journalSeq: 1,
    startedThrough: 1,
    activeMs: 1_000,
    entries: 3,
    entriesSeenAt: { done: 1, activeMs: 900 },
  }),
};
const formerChunk = {
  pk: 'run#r-0007',
  sk: 'outcomes#0000000002',
  writer: 'me#4',
  startedThrough: 2,
  records: JSON.stringify([
    { index: 2, key: 'a.png', outcome: { kind: 'processed' }, startedAt: 1, durationMs: 2, pushbacks: 5 },
  ]),
};

describe('a run that the previous version stored', () => {
  let dynamo: LocalDynamo;
  let client: DynamoDBClient;
  let store: RunStore;
  beforeEach(async () => {
    dynamo = await startDynalite();
    client = new DynamoDBClient({ endpoint: dynamo.url, region: 'us-east-1', credentials: testCredentials });
    store = createRunStore(
      await openControlTable({ dynamodb: client, tableName: 'control', clock: systemClock }),
      'fn',
      TIMESHEETS.reply,
    );
    for (const item of [formerRecord, formerChunk])
      await client.send(new PutItemCommand({ TableName: 'control', Item: marshall(item) }));
  });
  afterEach(async () => {
    client.destroy();
    await dynamo.stop();
  });
  test('is read with its record, its checkpoint and its journal', async () => {
    const record = await store.read('r-0007');
    expect(record).toMatchObject({
      state: { because: { fault: { fix: 'Renew them.' } } },
      plan: { paceSetting: { kind: 'auto' } },
      location: { channel: 'C1', ts: '1.1' },
      paceSetting: { kind: 'fixed', perMinute: 40 },
      pace: { id: 'p1', by: 'U3', paceSetting: { kind: 'fixed', perMinute: 50 } },
      unannounced: true,
    });
    expect(decodeCheckpoint(record?.checkpoint ?? '')).toMatchObject({
      retries: [{ index: 1, throttles: 3, broken: 1 }],
      totals: { throttles: 3 },
      pacer: { settingSince: 1_700_000_000_100 },
      growth: { checkedAt: 1_700_000_000_200, attemptedAt: 1_700_000_000_300, outcomesSinceCheck: 1 },
      entriesCountedAt: { done: 1, activeMs: 900 },
    });
    const chunks = await Array.fromAsync(store.journal('r-0007', 1));
    expect(chunks.flatMap((chunk) => chunk.records)).toMatchObject([{ index: 2, throttles: 5 }]);
  });

  test('can be changed: the new value wins, and it can be marked as announced', async () => {
    await store.markAnnounced('r-0007');
    const changed = await store.change('r-0007', {
      set: { paceSetting: { kind: 'auto' }, location: { channel: 'C2' } },
    });
    expect(changed.record).toMatchObject({ paceSetting: { kind: 'auto' }, location: { channel: 'C2' } });
    expect(changed.record?.unannounced).toBeUndefined();
  });
});

/** The names that the previous version used, by the names now. */
const FORMER: Readonly<Record<string, string>> = {
  throttles: 'pushbacks',
  location: 'place',
  fix: 'mend',
  paceSetting: 'paceWish',
  settingSince: 'wishSince',
  unannounced: 'untold',
  entriesCountedAt: 'entriesSeenAt',
  checkedAt: 'lookedAt',
  attemptedAt: 'triedAt',
  outcomesSinceCheck: 'outcomesSinceLook',
};
function inFormerNames(stored: unknown): unknown {
  if (Array.isArray(stored)) return stored.map(inFormerNames);
  if (typeof stored !== 'object' || stored === null) return stored;
  return Object.fromEntries(
    Object.entries(stored).map(([name, field]) => [
      FORMER[name] ?? name,
      (name === 'checkpoint' || name === 'records') && typeof field === 'string'
        ? JSON.stringify(inFormerNames(JSON.parse(field)))
        : inFormerNames(field),
    ]),
  );
}

describe('a run that the previous version drove', () => {
  let rig: RunsRig;
  beforeEach(async () => {
    rig = await startRunsRig();
  });
  afterEach(() => rig.close());

  test('is resumed where it was: every image gets one outcome, and no image is invoked twice', async () => {
    const before = await rig.copy();
    const runId = await rig.start(before, { pace: { kind: 'fixed', perMinute: 1_800 } });
    await rig.untilDone(before, 15);
    value(await before.runs.stop('U1', { now: false }));
    const stopped = await before.listensTo('stopped');
    await rig.during(before.runs.shutDown());

    const dynamodb = new DynamoDBClient({});
    const { Items = [] } = await dynamodb.send(
      new QueryCommand({
        TableName: 'rescan-bot-control',
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: `run#${runId}` } },
      }),
    );
    expect(Items.length).toBeGreaterThan(1);
    for (const item of Items) {
      const former = inFormerNames(unmarshall(item));
      if (typeof former !== 'object' || former === null) throw new Error('No item.');
      await dynamodb.send(
        new PutItemCommand({
          TableName: 'rescan-bot-control',
          Item: marshall(former, { removeUndefinedValues: true }),
        }),
      );
    }

    const after = await rig.copy();
    expect(await after.runs.current()).toMatchObject({
      state: stopped.snapshot.state,
      totals: stopped.snapshot.totals,
    });
    value(await rig.during(after.runs.resume('U1')));
    const end = await after.listensTo('completed');
    expect(end.snapshot.totals).toMatchObject({ processed: 58, rejected: 2, failed: 0 });
    expect((await rig.invocations()).counts).toEqual(Array(60).fill(1));
  });
});
