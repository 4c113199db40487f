import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../lib/clock.ts';
import { redact } from '../../lib/redact.ts';
import { readFault } from '../../pipeline/aws.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';

/** The fault behind any error of the control table. */
export function controlTableFault(error: unknown, action: string, tableName: string): Fault {
  const fault = readFault(error, { service: 'dynamodb', action: `dynamodb:${action}`, resource: tableName });
  if (fault?.reason === 'table-missing')
    return {
      reason: 'control-table',
      message: `The control table ${tableName} does not exist any more.`,
      fix: 'Check CONTROL_TABLE and AWS_REGION, then restart the bot: it creates the table when there is none.',
    };
  if (fault) return fault;
  const description = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    reason: 'control-table',
    message: redact(`The control table ${tableName} rejected ${action}: ${description}`),
    fix: `Check the table ${tableName} (setting CONTROL_TABLE) in DynamoDB and the log of the bot.`,
  };
}

const POLL_MS = 250;
const TIMEOUT_MS = 120_000;

/** Makes sure that the table `tableName` exists with the keys `pk` and `sk` and can be used. @throws FaultError */
export async function prepareTable(parts: {
  dynamodb: DynamoDBClient;
  tableName: string;
  clock: Clock;
}): Promise<void> {
  const { dynamodb, tableName, clock } = parts;
  const deadline = clock.now() + TIMEOUT_MS;
  for (;;) {
    const table = await describe(dynamodb, tableName);
    if (table) {
      refuseOtherKeys(table, tableName);
      // UPDATING tables serve reads and writes.
      if (table.TableStatus === 'ACTIVE' || table.TableStatus === 'UPDATING') return;
    } else await create(dynamodb, tableName);
    if (clock.now() > deadline) {
      const status = table ? `has the status ${table.TableStatus}` : 'does not exist';
      throw new FaultError({
        reason: 'control-table',
        message: `The control table ${tableName} ${status} after ${TIMEOUT_MS / 1000} s.`,
        fix: `Check the table ${tableName} (setting CONTROL_TABLE) in DynamoDB.`,
      });
    }
    await clock.sleep(POLL_MS);
  }
}

async function describe(dynamodb: DynamoDBClient, tableName: string): Promise<TableDescription | undefined> {
  try {
    return (await dynamodb.send(new DescribeTableCommand({ TableName: tableName }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw new FaultError(controlTableFault(error, 'DescribeTable', tableName), error);
  }
}

async function create(dynamodb: DynamoDBClient, tableName: string): Promise<void> {
  try {
    await dynamodb.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  } catch (error) {
    // Another process of the bot created it first.
    if (!(error instanceof ResourceInUseException))
      throw new FaultError(controlTableFault(error, 'CreateTable', tableName), error);
  }
}

function refuseOtherKeys(table: TableDescription, tableName: string): void {
  const typeOf = (name: string | undefined) =>
    table.AttributeDefinitions?.find((attribute) => attribute.AttributeName === name)?.AttributeType;
  const keys = (table.KeySchema ?? []).map(
    (part) => `${part.AttributeName} (${typeOf(part.AttributeName)}, ${part.KeyType})`,
  );
  if (keys.join(', ') === 'pk (S, HASH), sk (S, RANGE)') return;
  throw new FaultError({
    reason: 'control-table',
    message: `The table ${tableName} is not a control table: its key is ${keys.join(', ')}, and the bot needs pk (S, HASH), sk (S, RANGE). Nothing was changed.`,
    fix: 'Set CONTROL_TABLE to a table that only the bot uses. The bot creates the table when it does not exist.',
  });
}
