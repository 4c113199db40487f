import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  createFailureRecordSearch,
  createInvocationLogReader,
} from '../../../src/checklist/logging-test/failure-evidence.ts';
import { createAwsClients } from '../../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { countRecords } from '../../../src/pipeline/table/count.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createPipelineTable } from '../../support/aws/pipeline-table.ts';
import { startWire, type Wire } from '../../support/aws/wire.ts';

const TABLE = 'Timesheets';

describe('the records of a failure', () => {
  let dynamo: LocalDynamo;
  beforeEach(async () => {
    dynamo = await startDynalite();
    await createPipelineTable(dynamo.client, TABLE);
  });
  afterEach(() => dynamo.stop());
  const put = (hash: string, range: string, image: string) =>
    dynamo.client.send(
      new PutItemCommand({
        TableName: TABLE,
        Item: {
          ResourceName: { S: hash },
          DateProjectCode: { S: range },
          ImageKey: { S: image },
          RecordType: { S: 'FAILED_IMAGE' },
          FailureTimestamp: { S: range.slice(-1) },
          ErrorMessage: { S: `DB_PASSWORD=hunter2 refused ${image}` },
        },
      }),
    );

  test('the failure records of one image are deleted together, and those of other images stay', async () => {
    for (const [range, image] of [
      ['a.png#1', 'a.png'],
      ['a.png#2', 'a.png'],
      ['b.png#1', 'b.png'],
    ] as const)
      await put('FAILED_IMAGE', range, image);
    const look = createFailureRecordSearch(dynamo.client, { table: TABLE, maxScanBytes: 1e6, profile: TIMESHEETS });
    const found = await look.findRecords('a.png');
    expect(found).toMatchObject({ key: 'ResourceName FAILED_IMAGE, DateProjectCode a.png#2' });
    expect(found?.attributes).toContainEqual(['ErrorMessage', 'DB_PASSWORD=[redacted] refused a.png']);
    await found?.remove();
    expect(await look.findRecords('a.png')).toBeUndefined();
    expect(await countRecords(dynamo.client, TABLE)).toBe(1);
  });

  test('failure records with the key of another logger are found and deleted', async () => {
    await put('failures', '1', 'a.png');
    await put('failures', '2', 'a.png');
    const look = createFailureRecordSearch(dynamo.client, { table: TABLE, maxScanBytes: 1e6, profile: TIMESHEETS });
    expect(await look.findRecords('a.png')).toBeUndefined();
    await (await look.searchRecords('a.png'))?.remove();
    expect(await countRecords(dynamo.client, TABLE)).toBe(0);
  });
});

const groupSchema = z.object({ logGroupName: z.string() });

describe('the log of an invocation', () => {
  let wire: Wire;
  let events: { stream: string; message: string }[];
  let groups: string[];
  beforeEach(async () => {
    events = [];
    groups = [];
    wire = await startWire((request) => {
      groups.push(groupSchema.parse(JSON.parse(request.body)).logGroupName);
      return {
        headers: { 'content-type': 'application/x-amz-json-1.1' },
        body: JSON.stringify({
          events: events.map(({ stream, message }, at) => ({
            logStreamName: stream,
            message: `${message}\n`,
            timestamp: at,
            eventId: String(at),
          })),
        }),
      };
    });
    vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await wire.stop();
  });
  const read = async () => {
    const { logs } = createAwsClients();
    try {
      return await createInvocationLogReader(
        logs,
        async () => '/team/ocr',
      )({ imageKey: 'a.png', requestId: 'r-1', from: 0 });
    } finally {
      logs.destroy();
    }
  };

  test.each([
    ['text', 'START RequestId: r-1 Version: $LATEST', 'REPORT RequestId: r-1\tDuration: 3 ms'],
    [
      'JSON',
      '{"time":"2026-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"r-1","version":"$LATEST"}}',
      '{"time":"2026-01-01T00:00:00.001Z","type":"platform.report","record":{"requestId":"r-1","metrics":{}}}',
    ],
  ])(
    'the log of an invocation in %s contains the lines between its start and its end in its stream, and no others',
    async (_, start, end) => {
      events = [
        { stream: 'other', message: 'START RequestId: r-9 Version: 1' },
        { stream: 'mine', message: start },
        { stream: 'other', message: 'not mine' },
        { stream: 'mine', message: 'Could not save failed image record' },
      ];
      expect(await read()).toMatchObject({ group: '/team/ocr', isWhole: false });
      events.push({ stream: 'mine', message: end }, { stream: 'mine', message: 'the next one’s' });
      expect(await read()).toEqual({
        group: '/team/ocr',
        lines: [start, 'Could not save failed image record', end],
        isWhole: true,
      });
      expect(new Set(groups)).toEqual(new Set(['/team/ocr']));
    },
  );
});
