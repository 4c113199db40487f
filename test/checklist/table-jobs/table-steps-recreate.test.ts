import {
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  ListTagsOfResourceCommand,
  TagResourceCommand,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { refusalOfUse } from '../../../src/approvals/approval.ts';
import { optionsOf } from '../../../src/checklist/contracts/table-action.ts';
import { tablesOf } from '../../backup/recreate/recreate-rig.ts';
import {
  aws,
  backup,
  clients,
  freshForEachTest,
  inTable,
  put,
  type Steps,
  startSteps,
  value,
  yes,
} from './table-steps-rig.ts';

freshForEachTest();

const TableName = 'TimesheetOCR-dev';
const described = async () => (await clients.dynamodb.send(new DescribeTableCommand({ TableName }))).Table;
const recoveryOn = () =>
  clients.dynamodb.send(
    new UpdateContinuousBackupsCommand({
      TableName,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    }),
  );
const protect = () => clients.dynamodb.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }));

async function requestRecreate({ steps }: Steps) {
  const plan = value(await steps.planFlush({ failedOnly: false, recreate: true }));
  const approval = value(await steps.request({ action: plan.action, by: 'U1', channel: 'C01' }));
  await steps.setMessage(approval.id, '1.1');
  return { plan, approval };
}

/** Makes the local AWS refuse these calls; nothing: allows everything again. */
const deny = (...operations: string[]) => aws.turn({ accessDenied: operations.map((name) => `dynamodb:${name}`) });

async function eventually<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await read();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

test('A recreation that a second person approves replaces the table, and its receipt names the description', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await protect();
  const before = await described();
  await backup(bot);
  const records = await inTable();
  const { plan, approval } = await requestRecreate(bot);
  expect(plan.recreation?.losses.join(' ')).toContain('Point-in-time recovery begins anew');
  const facts = new Map(approval.fingerprint.map((fact) => [fact.name, fact.value]));
  expect(facts.get('description of the table')).toBe(plan.recreation?.digest);
  expect(facts.get('what is deleted')).toBe('the table itself, which is created anew');
  expect(facts.get('safeguard')).toContain('system backup');
  value(await bot.steps.click(approval.id, yes));
  const { result } = await bot.listensTo('finished');
  if (result.kind !== 'flush') throw new Error(result.kind);
  expect(result).toMatchObject({ deleted: records, newRows: 0, remaining: { total: 0 } });
  expect(result.recreated?.descriptionUri).toContain('description.json');
  const after = await described();
  expect(after?.TableId).not.toBe(before?.TableId);
  expect(after?.DeletionProtectionEnabled).toBe(true);
  expect(after?.GlobalSecondaryIndexes?.length).toBe(2);
  expect(await tablesOf(clients.dynamodb)).not.toContainEqual(expect.stringContaining('rehearsal'));
  expect(await bot.steps.current()).toBeUndefined();
  const again = await bot.steps.planFlush({ failedOnly: false });
  expect(again).toMatchObject({ ok: false, refusal: { reason: 'backup-used' } });
});

test('The requester cannot approve a recreation', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  const before = await described();
  const { approval } = await requestRecreate(bot);
  expect(await bot.steps.click(approval.id, { ...yes, by: 'U1' })).toMatchObject({ ok: false });
  expect((await described())?.TableId).toBe(before?.TableId);
});

test('A setting that changes between the request and the approval makes the approval void', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  const before = await described();
  const { approval } = await requestRecreate(bot);
  await clients.dynamodb.send(
    new TagResourceCommand({ ResourceArn: before?.TableArn, Tags: [{ Key: 'team', Value: 'payroll' }] }),
  );
  const clicked = value(await bot.steps.click(approval.id, yes));
  expect(clicked.refused).toMatchObject({ reason: 'use', refusal: { reason: 'changed' } });
  expect(clicked.approval.state.kind).toBe('void');
  expect((await described())?.TableId).toBe(before?.TableId);
});

test('An approval of a recreation does not cover a flush of the records', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  const { approval } = await requestRecreate(bot);
  const flush = value(await bot.steps.planFlush({ failedOnly: false }));
  const use = { action: 'flush', options: optionsOf(flush.action), fingerprint: approval.fingerprint } as const;
  const approved = { ...approval, state: { kind: 'approved', by: 'U2', at: 1 } } as const;
  expect(refusalOfUse(approved, use, approval.requestedAt)).toMatchObject({ reason: 'changed' });
  expect(refusalOfUse(approved, { ...use, options: approval.options }, approval.requestedAt)).toBeUndefined();
});

test('A recreation is refused when the bot may not read a setting, and the refusal names the IAM action', async () => {
  const bot = await startSteps();
  await backup(bot);
  deny('GetResourcePolicy');
  const refused = await bot.steps.planFlush({ failedOnly: false, recreate: true });
  expect(refused).toMatchObject({ ok: false, refusal: { reason: 'fault', fault: { reason: 'access-denied' } } });
  expect(JSON.stringify(refused)).toContain('dynamodb:GetResourcePolicy');
  value(await bot.steps.planFlush({ failedOnly: false }));
});

test('A provisioned table with auto scaling is recreated with both; without the permission to read it, it is refused', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  aws.turn({ billing: 'provisioned', accessDenied: ['application-autoscaling:DescribeScalableTargets'] });
  const refused = await bot.steps.planFlush({ failedOnly: false, recreate: true });
  expect(refused).toMatchObject({ ok: false, refusal: { reason: 'fault', fault: { reason: 'access-denied' } } });
  expect(JSON.stringify(refused)).toContain('Allow application-autoscaling:DescribeScalableTargets');
  aws.turn({ accessDenied: [] });
  const target = {
    ServiceNamespace: 'dynamodb',
    ResourceId: `table/${TableName}`,
    ScalableDimension: 'dynamodb:table:WriteCapacityUnits',
  } as const;
  await clients.autoScaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 5, MaxCapacity: 50 }));
  const before = await described();
  const { approval } = await requestRecreate(bot);
  value(await bot.steps.click(approval.id, yes));
  const { result } = await bot.listensTo('finished');
  expect(result).toMatchObject({ kind: 'flush', remaining: { total: 0 } });
  expect((await described())?.TableId).not.toBe(before?.TableId);
  const { ScalableTargets } = await clients.autoScaling.send(
    new DescribeScalableTargetsCommand({ ServiceNamespace: 'dynamodb', ResourceIds: [target.ResourceId] }),
  );
  expect(ScalableTargets).toMatchObject([{ ...target, MinCapacity: 5, MaxCapacity: 50 }]);
});

test('A bot that is shut down after the deletion creates the table at its next start, although the job was stopped and its approval has expired', async () => {
  const bot = await startSteps({ APPROVAL_MINUTES: '1' });
  await recoveryOn();
  await protect();
  await backup(bot);
  const before = await described();
  const tags = await clients.dynamodb.send(new ListTagsOfResourceCommand({ ResourceArn: before?.TableArn }));
  const { approval } = await requestRecreate(bot);
  // The creation waits: every call of it is throttled away until the bot is gone.
  const isGone = async () => ((await described().catch(() => undefined)) === undefined ? true : undefined);
  const creating = hold(CreateTableCommand);
  value(await bot.steps.click(approval.id, yes));
  await eventually(isGone);
  value(await bot.steps.stop('U1'));
  await bot.steps.shutDown();
  creating.release();
  expect(await isGone()).toBe(true);
  await bot.table.update({ pk: `approval#${approval.id}`, sk: 'approval' }, { set: { expiresAt: 1 } });
  expect((await bot.steps.approval(approval.id))?.expiresAt).toBe(1);
  const next = await startSteps({ APPROVAL_MINUTES: '1' });
  next.steps.standBy();
  const { result } = await next.listensTo('finished');
  expect(result).toMatchObject({ kind: 'flush', newRows: 0 });
  const after = await described();
  expect(after?.DeletionProtectionEnabled).toBe(true);
  expect((await clients.dynamodb.send(new ListTagsOfResourceCommand({ ResourceArn: after?.TableArn }))).Tags).toEqual(
    tags.Tags,
  );
});

test('A recreation whose creation is refused says so, and names the file to create the table with', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  const { approval } = await requestRecreate(bot);
  const creating = hold(CreateTableCommand, 'AccessDeniedException');
  value(await bot.steps.click(approval.id, yes));
  const { refusal } = await bot.listensTo('failed');
  creating.release();
  if (refusal.reason !== 'table-unfinished') throw new Error(JSON.stringify(refusal));
  expect(refusal.state).toBe('missing');
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(refusal.createUri) ?? [];
  expect([bucket, key?.endsWith('create-table.json')]).toEqual(['rescan-bot-control', true]);
});

test('A recreation that cannot mark its backup as used is done all the same, and its receipt has the reason', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await backup(bot);
  const before = await described();
  const { approval } = await requestRecreate(bot);
  const { middlewareStack } = clients.s3;
  middlewareStack.add(
    (next, context) => async (args) => {
      const { input } = args;
      const isMark = context.commandName === 'PutObjectCommand' && 'IfMatch' in input && input.IfMatch !== undefined;
      if (isMark) throw Object.assign(new Error('not allowed'), { name: 'AccessDenied' });
      return next(args);
    },
    { step: 'initialize', name: 'refuse-mark' },
  );
  value(await bot.steps.click(approval.id, yes));
  const { result } = await bot.listensTo('finished');
  middlewareStack.remove('refuse-mark');
  expect(result).toMatchObject({
    kind: 'flush',
    recreated: { notMarked: { reason: 'access-denied' } },
  });
  expect((await described())?.TableId).not.toBe(before?.TableId);
});

test('A stop during the comparison ends the recreation with the table as it was', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await protect();
  await backup(bot);
  const before = await described();
  await put('A record more');
  aws.turn({ addedLatencyMs: 60 });
  const { approval } = await requestRecreate(bot);
  value(await bot.steps.click(approval.id, yes));
  value(await bot.steps.stop('U1'));
  await bot.listensTo('stopped');
  aws.turn({ addedLatencyMs: 0 });
  expect(await described()).toEqual(before);
});

test('A bot that is shut down right before the deletion leaves a job that the next start turns back and then completes', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await protect();
  await backup(bot);
  const before = await described();
  const { approval } = await requestRecreate(bot);
  const deleting = hold(DeleteTableCommand);
  value(await bot.steps.click(approval.id, yes));
  await eventually(async () => ((await described())?.DeletionProtectionEnabled ? undefined : true));
  await bot.steps.shutDown();
  deleting.release();
  const next = await startSteps();
  next.steps.standBy();
  await next.listensTo('resumed');
  expect((await next.listensTo('finished')).result).toMatchObject({ kind: 'flush', newRows: 0 });
  const after = await described();
  expect(after?.TableId).not.toBe(before?.TableId);
  expect(after?.DeletionProtectionEnabled).toBe(true);
});

test('A stop that is stored while the bot is down turns the deletion protection on again and deletes nothing', async () => {
  const bot = await startSteps();
  await recoveryOn();
  await protect();
  await backup(bot);
  const before = await described();
  const { approval } = await requestRecreate(bot);
  const deleting = hold(DeleteTableCommand);
  value(await bot.steps.click(approval.id, yes));
  await eventually(async () => ((await described())?.DeletionProtectionEnabled ? undefined : true));
  await bot.steps.shutDown();
  expect((await described())?.DeletionProtectionEnabled).toBe(false);
  deleting.release();
  const next = await startSteps();
  value(await next.steps.stop('U2'));
  next.steps.standBy();
  await next.listensTo('stopped');
  expect(await described()).toEqual(before);
});

/** Fails every call of this command for the real table with a throttling that is repeated, or another error, until released. */
function hold(command: { readonly name: string }, name = 'ThrottlingException') {
  const { middlewareStack } = clients.bulkDynamodb;
  const middleware = `hold-${command.name}`;
  middlewareStack.add(
    (next, context) => async (args) => {
      const { input } = args;
      if (context.commandName === command.name && 'TableName' in input && input.TableName === TableName) {
        const error = new Error(`${name} on ${command.name}`);
        error.name = name;
        throw error;
      }
      return next(args);
    },
    { step: 'initialize', name: middleware },
  );
  return { release: () => void middlewareStack.remove(middleware) };
}
