import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createOutbox } from '../../../src/state/outbox.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import type { Change, Condition } from '../../../src/state/table/expression.ts';
import { withNamesOfToday } from '../../../src/state/table/previous-names.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';

describe('names of an earlier version', () => {
  test('are replaced at every depth, in lists too', () => {
    expect(
      withNamesOfToday({
        place: { ts: '1' },
        plan: { paceWish: { kind: 'auto' } },
        retries: [{ index: 1, pushbacks: 2 }],
      }),
    ).toEqual({
      location: { ts: '1' },
      plan: { paceSetting: { kind: 'auto' } },
      retries: [{ index: 1, throttles: 2 }],
    });
  });

  test('give way to the name of today where a record has both', () => {
    expect(withNamesOfToday({ place: 'old', location: 'new' })).toEqual({ location: 'new' });
    expect(withNamesOfToday({ location: 'new', place: 'old' })).toEqual({ location: 'new' });
  });

  test('are kept where they are values, and objects that are not plain stay as they are', () => {
    const bytes = new Uint8Array([1, 2]);
    expect(withNamesOfToday({ constructor: 'mend', toString: 1 })).toEqual({ constructor: 'mend', toString: 1 });
    expect(withNamesOfToday({ text: 'place', bytes, set: new Set(['wish']), nothing: null })).toEqual({
      text: 'place',
      bytes,
      set: new Set(['wish']),
      nothing: null,
    });
  });
});

describe('records that the previous version wrote', () => {
  let dynamo: LocalDynamo;
  beforeAll(async () => {
    dynamo = await startDynalite({ createTableMs: 50 });
  });
  afterAll(() => dynamo.stop());

  async function tableWith(tableName: string, ...items: Record<string, unknown>[]) {
    const table = await openControlTable({ dynamodb: dynamo.client, tableName, clock: systemClock });
    for (const item of items)
      await dynamo.client.send(new PutItemCommand({ TableName: tableName, Item: marshall(item) }));
    return table;
  }

  test('a run that was paused by a fault is read with its message in Slack, its pace and its fault', async () => {
    const plan = {
      runId: 'r-0001',
      selection: {},
      total: 3,
      totalBytes: 30,
      leftOut: 0,
      paceWish: { kind: 'fixed', perMinute: 60 },
      ceilingPerMinute: 60,
      paceBecause: [],
      expectedPerMinute: 60,
      expectedMs: 3_000,
      forecastRestsOn: [],
      plannedBy: 'U1',
      plannedAt: 1,
    };
    const table = await tableWith('runs-of-before', {
      pk: 'run#r-0001',
      sk: 'run',
      runId: 'r-0001',
      state: {
        kind: 'paused',
        because: { kind: 'fault', fault: { reason: 'network', message: 'No network.', mend: 'Look at the network.' } },
      },
      stateKind: 'paused',
      plan,
      place: { channel: 'C1', ts: '1.2' },
      maxInFlight: 10,
      ceilingPerMinute: 60,
      paceWish: { kind: 'auto' },
      pace: { id: 'p1', by: 'U2', wish: { kind: 'fixed', perMinute: 30 } },
      fence: 2,
    });
    const store = createRunStore(table, 'ocr', TIMESHEETS.reply);
    expect(await store.read('r-0001')).toMatchObject({
      state: { because: { fault: { fix: 'Look at the network.' } } },
      plan: { paceSetting: { kind: 'fixed', perMinute: 60 } },
      location: { channel: 'C1', ts: '1.2' },
      paceSetting: { kind: 'auto' },
      pace: { paceSetting: { kind: 'fixed', perMinute: 30 } },
    });
    // A new value replaces the old one under its new name.
    const moved = await store.change('r-0001', { set: { location: { channel: 'C2' } } });
    expect(moved.record?.location).toEqual({ channel: 'C2' });
    expect((await store.read('r-0001'))?.location).toEqual({ channel: 'C2' });
  });

  test('attributes are found, replaced and removed under their previous names', async () => {
    const key = { pk: 'run#r-0002', sk: 'run' };
    const table = await tableWith('conditions-of-before', { ...key, untold: true, place: 'C1', wanted: 'approval' });
    const update = (change: Change, condition: Condition) => table.update(key, change, condition);
    expect((await update({ set: { touched: true } }, { absent: ['blocker'] })).ok).toBe(false);
    expect((await update({ set: { touched: true } }, { equals: { unannounced: false } })).ok).toBe(false);
    expect((await update({ set: { touched: true } }, { in: { location: ['C2'] } })).ok).toBe(false);
    await update(
      { set: { location: 'C2' }, remove: ['unannounced'] },
      { equals: { unannounced: true, location: 'C1' } },
    );
    const raw = await dynamo.client.send(new GetItemCommand({ TableName: 'conditions-of-before', Key: marshall(key) }));
    expect(unmarshall(raw.Item ?? {})).toMatchObject({ location: 'C2', wanted: 'approval' });
    expect(raw.Item).not.toHaveProperty('untold');
    expect(raw.Item).not.toHaveProperty('place');
  });

  test('follow-ups and undelivered messages are found under the keys of the previous version', async () => {
    const table = await tableWith(
      'afterwards-of-before',
      {
        pk: 'errands#ocr',
        sk: 'open#r-0001#completed#3#3',
        id: 'r-0001#completed#3#3',
        at: 5,
        about: '{}',
        steps: { report: true },
      },
      { pk: 'errands#ocr', sk: 'over#r-0000#completed#1#1', id: 'r-0000#completed#1#1' },
      { pk: 'outbox#ocr', sk: 'message#000000000000005#000000000#abcd', at: 5, message: '{"text":"hello"}' },
    );
    const followUps = await Array.fromAsync(createFollowUps({ table, name: 'ocr', warn: failOnWarning }).open());
    expect(followUps).toEqual([{ id: 'r-0001#completed#3#3', at: 5, about: {}, steps: ['report'] }]);
    const messages = await Array.fromAsync(createOutbox({ table, name: 'ocr', warn: failOnWarning }).pending());
    expect(messages).toMatchObject([{ message: { text: 'hello' } }]);
  });
});
