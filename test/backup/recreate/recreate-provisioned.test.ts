import {
  type ApplicationAutoScalingClient,
  DeregisterScalableTargetCommand,
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { PutResourcePolicyCommand, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NotRecreatableError, TableInUseError } from '../../../src/backup/errors.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { digestOfDescription } from '../../../src/pipeline/whole-table/description.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { FAULTS_TIMEOUT_MS, FULL, pointsOf } from '../../support/fault-forms.ts';
import { memoryJobs } from '../../support/memory/memory-jobs.ts';
import { idOf, type RecreateWorld, startRecreateWorld, tablesOf } from './recreate-rig.ts';

let world: RecreateWorld;
beforeAll(async () => {
  world = await startRecreateWorld();
});
afterAll(() => world.stop());

/** Longer than a table takes to change, so that few of the calls at which a process dies are repetitions. */
const SELDOM_MS = 20;
const ITEMS = Array.from({ length: 5 }, (_, index) => timesheetEntry(index));
const ServiceNamespace = 'dynamodb' as const;
const targetOf = (table: string, index?: string) => ({
  ServiceNamespace,
  ResourceId: index === undefined ? `table/${table}` : `table/${table}/index/${index}`,
});

/** Both capacities of the table and the writes of its index: target tracking, a schedule, a suspended part, a tag. */
async function scale(client: ApplicationAutoScalingClient, table: string): Promise<void> {
  const scaled = [
    [targetOf(table), 'dynamodb:table:ReadCapacityUnits', 'DynamoDBReadCapacityUtilization'],
    [targetOf(table), 'dynamodb:table:WriteCapacityUnits', 'DynamoDBWriteCapacityUtilization'],
    [targetOf(table, 'ProjectCodeIndex'), 'dynamodb:index:WriteCapacityUnits', 'DynamoDBWriteCapacityUtilization'],
  ] as const;
  for (const [place, [resource, ScalableDimension, PredefinedMetricType]] of scaled.entries()) {
    const target = { ...resource, ScalableDimension };
    await client.send(
      new RegisterScalableTargetCommand({
        ...target,
        MinCapacity: 10,
        MaxCapacity: 100 + place,
        SuspendedState: { DynamicScalingInSuspended: place === 1 },
        ...(place === 0 && { Tags: { team: 'payroll' } }),
      }),
    );
    await client.send(
      new PutScalingPolicyCommand({
        ...target,
        PolicyName: `track-${place}`,
        PolicyType: 'TargetTrackingScaling',
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 70 + place,
          PredefinedMetricSpecification: { PredefinedMetricType },
          ScaleInCooldown: 60,
        },
      }),
    );
  }
  for (const [ScheduledActionName, MinCapacity] of [
    ['night', 10],
    ['month-end', 50],
    ['morning', 20],
  ] as const)
    await client.send(
      new PutScheduledActionCommand({
        ...targetOf(table),
        ScalableDimension: 'dynamodb:table:WriteCapacityUnits',
        ScheduledActionName,
        Schedule: 'cron(0 8 * * ? *)',
        Timezone: 'Europe/Berlin',
        StartTime: new Date('2031-01-01T00:00:00Z'),
        ScalableTargetAction: { MinCapacity },
      }),
    );
}

const scaled = (items = ITEMS) =>
  world.prepared(items, { isProvisioned: true, change: (table) => scale(world.autoScaling, table) });

const targetsOf = async (table: string) =>
  (
    await world.autoScaling.send(
      new DescribeScalableTargetsCommand({ ServiceNamespace, ResourceIds: [`table/${table}`] }),
    )
  ).ScalableTargets ?? [];

/** Removes all auto scaling of the table, as AWS may when the table is deleted. */
async function forget(table: string): Promise<void> {
  for (const { ResourceId, ScalableDimension } of await targetsOf(table))
    await world.autoScaling.send(
      new DeregisterScalableTargetCommand({ ServiceNamespace, ResourceId, ScalableDimension }),
    );
}

test('A provisioned table is created anew with its capacity and its auto scaling', async () => {
  const rich = await scaled();
  const { create, settings } = rich.description;
  expect(create).toMatchObject({
    BillingMode: 'PROVISIONED',
    ProvisionedThroughput: { ReadCapacityUnits: 30, WriteCapacityUnits: 20 },
    GlobalSecondaryIndexes: [{ ProvisionedThroughput: { ReadCapacityUnits: 12, WriteCapacityUnits: 11 } }],
  });
  expect(settings.autoScaling).toMatchObject([
    { unit: 'ReadCapacityUnits', min: 10, max: 100, tags: [{ Key: 'team', Value: 'payroll' }], policies: [{}] },
    { unit: 'WriteCapacityUnits', max: 101, suspended: { scalingIn: true }, scheduledActions: [{}, {}, {}] },
    { index: 'ProjectCodeIndex', unit: 'WriteCapacityUnits', max: 102 },
  ]);
  const done = await world.recreate(rich);
  expect(done.deleted).toBe(ITEMS.length);
  const after = await world.describe(rich.table);
  expect(after.id).not.toBe(rich.id);
  expect(after.description).toEqual(rich.description);
});

test('Auto scaling that is gone with the deleted table is registered again, with policies, schedules, tags and suspensions', async () => {
  const rich = await scaled();
  const clients = await world.throughBoth({
    async after({ operation, body }) {
      if (operation === 'DeleteTable' && !body.includes('rehearsal')) await forget(rich.table);
    },
  });
  await world.recreate(rich, {}, clients);
  expect((await world.describe(rich.table)).description).toEqual(rich.description);
  const { ScalingPolicies = [] } = await world.autoScaling.send(
    new DescribeScalingPoliciesCommand(targetOf(rich.table)),
  );
  // The alarms are AWS's own.
  expect(ScalingPolicies.every(({ Alarms }) => (Alarms?.length ?? 0) > 0)).toBe(true);
});

test('The rehearsal sets the auto scaling up suspended and with one unit, and leaves none of it', async () => {
  const rich = await scaled();
  const bodies: string[] = [];
  const clients = await world.throughBoth({
    intercept({ operation, body }) {
      if (/^(CreateTable|RegisterScalableTarget|PutScalingPolicy|PutScheduledAction)$/.test(operation))
        bodies.push(`${operation} ${body}`);
      return undefined;
    },
  });
  await world.recreate(rich, {}, clients);
  const rehearsed = bodies.filter((body) => body.includes('rehearsal'));
  expect(rehearsed.filter((body) => body.startsWith('PutS'))).toHaveLength(6);
  for (const body of rehearsed.filter((one) => one.startsWith('Register')))
    expect(body).toContain(
      '"DynamicScalingInSuspended":true,"DynamicScalingOutSuspended":true,"ScheduledScalingSuspended":true',
    );
  const created = JSON.parse(rehearsed.find((body) => body.startsWith('CreateTable'))?.slice(12) ?? '');
  expect(created.ProvisionedThroughput).toEqual({ ReadCapacityUnits: 1, WriteCapacityUnits: 1 });
  expect(await targetsOf(`${rich.table}-rehearsal-a-${rich.table}`)).toEqual([]);
});

test('A capacity that auto scaling changes does not change what was approved; one that nothing scales does', async () => {
  const rich = await scaled();
  const provision = (ReadCapacityUnits: number, WriteCapacityUnits: number, index: number) =>
    world.dynamodb.send(
      new UpdateTableCommand({
        TableName: rich.table,
        ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits },
        GlobalSecondaryIndexUpdates: [
          {
            Update: {
              IndexName: 'ProjectCodeIndex',
              ProvisionedThroughput: { ReadCapacityUnits: index, WriteCapacityUnits: 17 },
            },
          },
        ],
      }),
    );
  await provision(90, 80, 12);
  await expect.poll(async () => (await world.describe(rich.table)).status).toBe('ACTIVE');
  const moved = await world.describe(rich.table);
  expect(moved.description.create.ProvisionedThroughput?.ReadCapacityUnits).toBe(90);
  expect(digestOfDescription(moved.description)).toBe(rich.approvedDigest);
  await world.recreate(rich);
  expect((await world.describe(rich.table)).description).toEqual(moved.description);

  const other = await scaled();
  await world.dynamodb.send(
    new UpdateTableCommand({
      TableName: other.table,
      GlobalSecondaryIndexUpdates: [
        {
          Update: {
            IndexName: 'ProjectCodeIndex',
            ProvisionedThroughput: { ReadCapacityUnits: 99, WriteCapacityUnits: 11 },
          },
        },
      ],
    }),
  );
  await expect.poll(async () => (await world.describe(other.table)).status).toBe('ACTIVE');
  await expect(world.recreate(other)).rejects.toBeInstanceOf(TableInUseError);
});

test('A limit of the auto scaling that somebody changes after the approval stops the deletion', async () => {
  const rich = await scaled();
  await world.autoScaling.send(
    new RegisterScalableTargetCommand({
      ...targetOf(rich.table),
      ScalableDimension: 'dynamodb:table:ReadCapacityUnits',
      MaxCapacity: 500,
    }),
  );
  await expect(world.recreate(rich)).rejects.toBeInstanceOf(TableInUseError);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});

const answers = (operation: string, json: unknown) =>
  world.throughBoth({ intercept: (call) => (call.operation === operation ? { status: 200, json } : undefined) });

test('Auto scaling that cannot be set up again is refused before anything is changed', async () => {
  const rich = await scaled();
  const target = { ...targetOf(rich.table), ScalableDimension: 'dynamodb:table:ReadCapacityUnits', CreationTime: 1 };
  const role = 'arn:aws:iam::1:role/aws-service-role/x/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable';
  const step = { ...target, PolicyName: 'steps', PolicyARN: 'arn', PolicyType: 'StepScaling' };
  const limits = { ...target, MinCapacity: 1, MaxCapacity: 2 };
  for (const [operation, json, why] of [
    ['DescribeScalableTargets', { ScalableTargets: [{ ...limits, RoleARN: 'arn:aws:iam::1:role/own' }] }, /role\/own/],
    [
      'DescribeScalableTargets',
      { ScalableTargets: [{ ...limits, RoleARN: role, ScalableDimension: 'dynamodb:table:Other' }] },
      /dynamodb:table:Other/,
    ],
    ['DescribeScalingPolicies', { ScalingPolicies: [step] }, /StepScaling/],
  ] as const) {
    const refused = world.recreate(rich, {}, await answers(operation, json));
    await expect(refused).rejects.toBeInstanceOf(NotRecreatableError);
    await expect(refused).rejects.toThrow(why);
    expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
  }
});

test('A schedule that AWS does not accept again is refused by the rehearsal', async () => {
  const rich = await scaled();
  const clients = await world.throughBoth({
    intercept: ({ operation }) =>
      operation === 'PutScheduledAction'
        ? { status: 400, json: { __type: 'ValidationException', message: 'The schedule is in the past' } }
        : undefined,
  });
  const refused = world.recreate(rich, {}, clients);
  await expect(refused).rejects.toThrow(/does not accept its auto scaling.*in the past/);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
  expect(await tablesOf(world.dynamodb)).not.toContainEqual(expect.stringContaining(`${rich.table}-rehearsal`));
});

test.each([
  'DescribeScalableTargets',
  'DescribeScalingPolicies',
  'DescribeScheduledActions',
  'ListTagsForResource',
  'RegisterScalableTarget',
  'PutScalingPolicy',
  'PutScheduledAction',
  'TagResource',
])('Where the bot may not call %s of Application Auto Scaling, the table is not deleted', async (forbidden) => {
  const rich = await scaled();
  const action = `application-autoscaling:${forbidden}`;
  const clients = await world.throughBoth({
    intercept: ({ operation }) =>
      operation === forbidden
        ? {
            status: 400,
            json: {
              __type: 'AccessDeniedException',
              Message: `User: u is not authorized to perform: ${action} on resource: r`,
            },
          }
        : undefined,
  });
  const refused = await world.recreate(rich, {}, clients).catch((error: unknown) => error);
  expect(String(refused)).toContain(action);
  if (forbidden.startsWith('Describe')) expect(refused).toBeInstanceOf(FaultError);
  const after = await world.describe(rich.table);
  expect(after.id).toBe(rich.id);
  expect(after.description).toEqual(rich.description);
});

test.each([
  'RegisterScalableTarget',
  'PutScalingPolicy',
  'PutScheduledAction',
  'TagResource',
  'DeregisterScalableTarget',
])('A lost reply to any call of %s does no harm', async (operation) => {
  const rich = await scaled();
  const lost = new Set<string>();
  const clients = await world.throughBoth({
    async after({ operation: done, body }) {
      if (done === 'DeleteTable' && !body.includes('rehearsal')) await forget(rich.table);
    },
    isLost(call) {
      if (call.operation !== operation || lost.has(call.body)) return false;
      lost.add(call.body);
      return true;
    },
  });
  await world.recreate(rich, {}, clients);
  expect(lost.size).toBeGreaterThan(0);
  expect((await world.describe(rich.table)).description).toEqual(rich.description);
});

test(
  'A process that dies between two calls leaves a job that the next one finishes with the same auto scaling',
  async () => {
    class Died extends Error {}
    let isComplete = false;
    let resumedAfterDeletion = 0;
    for (const fatal of pointsOf(9, 2)) {
      if (isComplete) break;
      const rich = await scaled(ITEMS.slice(0, 2));
      const jobs = memoryJobs();
      let calls = 0;
      const alive = () => {
        calls += 1;
        if (calls >= fatal) throw new Died();
      };
      const forgetting = await world.throughBoth({
        async after({ operation, body }) {
          if (operation === 'DeleteTable' && !body.includes('rehearsal')) await forget(rich.table);
        },
      });
      const first = await world
        .recreate(rich, { mayWrite: alive, mayFinish: alive, pollMs: SELDOM_MS }, { jobs, ...forgetting })
        .catch((error: unknown) => error);
      isComplete = !(first instanceof Error);
      if (first instanceof Error && !(first instanceof Died)) throw first;
      const found = await idOf(world.dynamodb, rich.table).catch(() => undefined);
      if (!isComplete && found !== rich.id) resumedAfterDeletion += 1;
      if (!isComplete) await world.recreate(rich, { pollMs: SELDOM_MS }, { jobs, ...forgetting });
      expect((await world.describe(rich.table)).description).toEqual(rich.description);
      expect(await targetsOf(`${rich.table}-rehearsal-a-${rich.table}`)).toEqual([]);
      expect(fatal).toBeLessThan(300);
    }
    expect(resumedAfterDeletion).toBeGreaterThan(FULL ? 4 : 0);
  },
  FAULTS_TIMEOUT_MS,
);

test('A stream with a resource policy is refused, because the new stream has another ARN', async () => {
  const rich = await world.prepared(ITEMS, {
    async change(table) {
      const { description } = await world.describe(table);
      expect(description.create.StreamSpecification?.StreamEnabled).toBe(true);
      const { losses } = await world.describe(table);
      const [ResourceArn = ''] = /arn:\S+\/stream\/\S+(?=\.? )/.exec(losses.join(' ')) ?? [];
      await world.dynamodb.send(new PutResourcePolicyCommand({ ResourceArn, Policy: '{"Statement":[]}' }));
    },
  });
  await expect(world.recreate(rich)).rejects.toThrow(/stream has a resource policy/);
  expect(await idOf(world.dynamodb, rich.table)).toBe(rich.id);
});
