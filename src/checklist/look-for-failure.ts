import { type CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  paginateScan,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { describeTable } from '../pipeline/table.ts';
import type { FoundRecord, LoggingTestPorts } from './logging-test.ts';

type Item = Record<string, AttributeValue>;
const SHOWN = [
  'FailureType',
  'ErrorMessage',
  'ErrorCode',
  'FailureTimestamp',
  'AttemptNumber',
  'OCRVersion',
  'CloudWatchLogStream',
];

/** Looks for the record of an image's failure: under the key of our own logger, or by reading the table where it is small. */
export function lookForFailure(
  dynamodb: DynamoDBClient,
  { table, mostBytes }: { table: string; mostBytes: number },
): Pick<LoggingTestPorts, 'findRecord' | 'searchRecord'> {
  const found = async (item: Item | undefined): Promise<FoundRecord | undefined> => {
    if (!item) return;
    const { keys } = await describeTable(dynamodb, table);
    const Key = Object.fromEntries(keys.flatMap(({ name }) => (item[name] ? [[name, item[name]]] : [])));
    return {
      key: keys.map(({ name }) => `${name} ${item[name]?.S ?? item[name]?.N ?? '…'}`).join(', '),
      attributes: SHOWN.flatMap((name) => {
        const value = item[name]?.S ?? item[name]?.N;
        return value === undefined ? [] : [[name, value] as const];
      }),
      async remove() {
        await dynamodb.send(new DeleteItemCommand({ TableName: table, Key }));
      },
    };
  };
  return {
    async findRecord(imageKey) {
      const { keys } = await describeTable(dynamodb, table);
      const [hash, range] = keys;
      if (!hash || !range) return;
      const page = await dynamodb.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: '#h = :h AND begins_with(#r, :r)',
          FilterExpression: 'ImageKey = :k',
          ExpressionAttributeNames: { '#h': hash.name, '#r': range.name },
          ExpressionAttributeValues: {
            ':h': { S: 'FAILED_IMAGE' },
            ':r': { S: `${imageKey}#` },
            ':k': { S: imageKey },
          },
        }),
      );
      return found(page.Items?.[0]);
    },
    async searchRecord(imageKey) {
      if ((await describeTable(dynamodb, table)).approximateBytes > mostBytes) return;
      const pages = paginateScan(
        { client: dynamodb },
        {
          TableName: table,
          ConsistentRead: true,
          FilterExpression: 'ImageKey = :k',
          ExpressionAttributeValues: { ':k': { S: imageKey } },
        },
      );
      for await (const page of pages) if (page.Items?.[0]) return found(page.Items[0]);
      return;
    },
  };
}

export function lookInLog(logs: CloudWatchLogsClient, group: string): LoggingTestPorts['logLines'] {
  return async ({ imageKey, requestId, from }) => {
    const page = await logs.send(
      new FilterLogEventsCommand({ logGroupName: group, startTime: Math.floor(from) - 1000 }),
    );
    return (page.events ?? [])
      .map(({ message = '' }) => message)
      .filter(
        (line) =>
          line.includes(imageKey) || (requestId !== undefined && line.includes(requestId)) || /PutItem/.test(line),
      );
  };
}
