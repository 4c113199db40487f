import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeTableCommand, DynamoDBClient, ListBackupsCommand, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import { type PipelineSandbox, pipeline, startPipeline } from '../support/rigs/pipelines.ts';

const TableName = pipeline.table;
let here: PipelineSandbox;
let dynamodb: DynamoDBClient;
let autoScaling: ApplicationAutoScalingClient;
beforeEach(async () => {
  here = await startPipeline({ images: 20, seedTable: 'full', settings: { SAMPLE_IMAGES: '0' } });
  const local = {
    endpoint: here.sandbox.aws?.url ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  };
  dynamodb = new DynamoDBClient(local);
  autoScaling = new ApplicationAutoScalingClient(local);
});
afterEach(async () => {
  dynamodb.destroy();
  autoScaling.destroy();
  await here.close();
});

const table = async () => (await dynamodb.send(new DescribeTableCommand({ TableName }))).Table;

test('a second person approves that a provisioned, protected table is recreated, and the receipt says how to get everything back', async () => {
  await here.world.set({ billing: 'provisioned' });
  await dynamodb.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }));
  const target = {
    ServiceNamespace: 'dynamodb',
    ResourceId: `table/${TableName}`,
    ScalableDimension: 'dynamodb:table:WriteCapacityUnits',
  } as const;
  await autoScaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 5, MaxCapacity: 90 }));
  const before = await table();
  await here.people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await here.people.sees(/is skipped in this rescan/);
  await here.people.command('operator', '/rescan backup before the rescan');
  await here.people.sees(/is done and verified/);

  await here.people.command('operator', '/rescan flush recreate');
  const form = await here.people.openView('operator', /auto scaling/);
  await here.people.submit('operator', form, { table_name: TableName, reason: 'OCR 2.6.1' });
  const asked = await here.people.sees(/Approval needed/);
  expect(wholeText(asked)).toContain('the table itself, which is created anew');
  const approve = buttonOf(asked, /approve/);
  await here.people.click('operator', asked.ts, approve);
  await here.people.sees(/You asked for this, so a second person must approve it/);
  expect((await table())?.TableId).toBe(before?.TableId);

  await here.people.click('approver', asked.ts, approve);
  const receipt = await here.people.sees(/The flush is done: the table was deleted with .* records and created anew/);
  const text = wholeText(receipt);
  const after = await table();
  expect(after?.TableId).not.toBe(before?.TableId);
  expect(after?.DeletionProtectionEnabled).toBe(true);
  expect(after?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(
    before?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName),
  );
  const { ScalableTargets } = await autoScaling.send(
    new DescribeScalableTargetsCommand({ ServiceNamespace: 'dynamodb', ResourceIds: [target.ResourceId] }),
  );
  expect(ScalableTargets).toMatchObject([{ ...target, MinCapacity: 5, MaxCapacity: 90 }]);
  expect(text).toContain('It left the table empty');
  expect(text).toContain('Verified: the new table has the description of the old one');
  expect(text).toMatch(/s3:\/\/rescan-bot-control\/\S+description\.json/);
  // Point-in-time recovery was off: a native backup was made right before.
  const { BackupSummaries = [] } = await dynamodb.send(new ListBackupsCommand({ TableName }));
  expect(BackupSummaries).toHaveLength(1);
  expect(text).toContain(BackupSummaries[0]?.BackupArn ?? 'no native backup');
});
