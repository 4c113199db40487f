import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../lib/clock.ts';
import { redact } from '../lib/redact.ts';
import { readFault } from '../pipeline/aws.ts';
import { FaultError } from '../pipeline/fault.ts';
import type { Fault } from '../pipeline/invoke/invocation.ts';

/** What went wrong with the control table, as a fault: every error that it throws is one. */
export function controlTableFault(error: unknown, action: string, tableName: string): Fault {
  const fault = readFault(error, { service: 'dynamodb', action: `dynamodb:${action}`, resource: tableName });
  if (fault?.reason === 'table-missing')
    return {
      reason: 'control-table',
      message: `The control table ${tableName} is gone.`,
      fix: 'Look at CONTROL_TABLE and AWS_REGION, then start the bot again: it makes the table where there is none.',
    };
  if (fault) return fault;
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    reason: 'control-table',
    message: redact(`The control table ${tableName} did not take ${action}: ${said}`),
    fix: 'Look at CONTROL_TABLE in DynamoDB and at the log of the bot.',
  };
}

const WAIT_MS = 250;
const PATIENCE_MS = 120_000;

/** The table `tableName` is there with the keys `pk` and `sk`, and ACTIVE; made if it was not. */
export async function prepareTable(parts: {
  dynamodb: DynamoDBClient;
  tableName: string;
  clock: Clock;
}): Promise<void> {
  const { dynamodb, tableName, clock } = parts;
  const until = clock.now() + PATIENCE_MS;
  for (;;) {
    const table = await describe(dynamodb, tableName);
    if (table) {
      refuseOtherKey(table, tableName);
      // UPDATING tables serve reads and writes.
      if (table.TableStatus === 'ACTIVE' || table.TableStatus === 'UPDATING') return;
    } else await create(dynamodb, tableName);
    if (clock.now() > until)
      throw new FaultError({
        reason: 'control-table',
        message: `The control table ${tableName} is ${table?.TableStatus ?? 'not there'} after ${PATIENCE_MS / 1000} s.`,
        fix: 'Look at CONTROL_TABLE in DynamoDB.',
      });
    await clock.sleep(WAIT_MS);
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
    // Another copy of the bot was quicker: its table will do.
    if (!(error instanceof ResourceInUseException))
      throw new FaultError(controlTableFault(error, 'CreateTable', tableName), error);
  }
}

function refuseOtherKey(table: TableDescription, tableName: string): void {
  const typeOf = (name: string | undefined) =>
    table.AttributeDefinitions?.find((attribute) => attribute.AttributeName === name)?.AttributeType;
  const key = (table.KeySchema ?? []).map(
    (part) => `${part.AttributeName} (${typeOf(part.AttributeName)}, ${part.KeyType})`,
  );
  if (key.join(', ') === 'pk (S, HASH), sk (S, RANGE)') return;
  throw new FaultError({
    reason: 'control-table',
    message: `The table ${tableName} has the key ${key.join(', ')}, where the bot needs pk (S, HASH), sk (S, RANGE): it is not a control table, and nothing was changed in it.`,
    fix: 'Give CONTROL_TABLE a name of its own.',
  });
}
