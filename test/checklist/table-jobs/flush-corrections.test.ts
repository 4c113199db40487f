import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { flushView } from '../../../src/slack/forms/table-views.ts';
import { approvalMessage } from '../../../src/slack/messages/table/approval-message.ts';
import { backup, clients, freshForEachTest, put, startSteps, value, yes } from './table-steps-rig.ts';

freshForEachTest();

const edit = (name: string, hours: string) =>
  clients.dynamodb.send(
    new UpdateItemCommand({
      TableName: 'TimesheetOCR-dev',
      Key: { ResourceName: { S: name }, DateProjectCode: { S: '2026-01-01#P' } },
      UpdateExpression: 'SET Hours = :hours, ProcessingTimestamp = if_not_exists(ProcessingTimestamp, :at)',
      ExpressionAttributeValues: { ':hours': { N: hours }, ':at': { S: '2026-01-01T00:00:00Z' } },
    }),
  );

test('The form and the approval of a flush count corrections by hand, and the flush is carried out with them', async () => {
  const bot = await startSteps();
  await put('Ada_Price');
  await edit('Ada_Price', '7.5');
  await put('Ben');
  await backup(bot);
  const alone = value(await bot.steps.planFlush({ failedOnly: false }));
  expect(alone.action.corrections).toEqual({ kind: 'unknown', because: 'no-backup' });
  expect(JSON.stringify(flushView(alone, 'C01'))).toMatch(
    /Corrections by hand\* not known: there is no earlier backup/,
  );

  await edit('Ada_Price', '4');
  await backup(bot);
  const plan = value(await bot.steps.planFlush({ failedOnly: false }));
  expect(plan.action.corrections).toMatchObject({ kind: 'counted', rows: 1, fields: [{ name: 'Hours', records: 1 }] });
  expect(JSON.stringify(flushView(plan, 'C01'))).toMatch(/1 entry was edited since backup .*`Hours` 1/);

  const approval = value(await bot.steps.request({ action: plan.action, by: 'U1', channel: 'C01' }));
  const shown = approvalMessage(approval, { policy: 'second-person', approvers: ['U2'] }).text;
  expect(shown).toMatch(/1 entry was edited since backup .*A rescan does not bring it back/);
  await bot.steps.setMessage(approval.id, '1.1');
  value(await bot.steps.click(approval.id, yes));
  expect(await bot.listensTo('finished')).toMatchObject({ result: { kind: 'flush' } });
});
