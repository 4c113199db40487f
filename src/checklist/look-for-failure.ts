import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findFailuresOfImage, removeFailure } from '../pipeline/failure-records.ts';
import { findLines, type LogLine } from '../pipeline/logs.ts';
import { describeTable, type Item, type TableKey } from '../pipeline/table.ts';
import { patientBackoff, scanTable } from '../pipeline/table-scan.ts';
import type { FoundRecord, LoggingTestPorts } from './logging-test.ts';

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
  const textOf = (item: Item, name: string): string | undefined => item[name]?.S ?? item[name]?.N;
  const found = (item: Item | undefined, keys: readonly TableKey[]): FoundRecord | undefined =>
    item && {
      key: keys.map(({ name }) => `${name} ${textOf(item, name) ?? '…'}`).join(', '),
      attributes: SHOWN.flatMap((name) => {
        const value = textOf(item, name);
        return value === undefined ? [] : [[name, value] as const];
      }),
      async remove() {
        await removeFailure(dynamodb, { table, keys }, item);
      },
    };
  return {
    async findRecord(imageKey) {
      const { keys } = await describeTable(dynamodb, table);
      const [newest] = await findFailuresOfImage(dynamodb, { table, keys }, imageKey);
      return found(newest, keys);
    },
    async searchRecord(imageKey) {
      const { approximateBytes, keys } = await describeTable(dynamodb, table);
      if (approximateBytes > mostBytes) return;
      const filter = {
        FilterExpression: 'ImageKey = :k AND RecordType = :t',
        ExpressionAttributeValues: { ':k': { S: imageKey }, ':t': { S: 'FAILED_IMAGE' } },
      };
      for (const segment of scanTable(dynamodb, table, { segments: 1, filter, backoff: patientBackoff }))
        for await (const { items } of segment) if (items[0]) return found(items[0], keys);
      return;
    },
  };
}

/** The window of the look begins a little before the invocation: the function's clock is not the bot's. */
const CLOCK_SKEW_MS = 5_000;
/** No invocation of one image writes more; a log that does is not read to its end. */
const MOST_LINES = 20_000;

/** The function's log lines of one invocation: between its START and its END in its stream, or naming it or its image. */
export function lookInLog(logs: CloudWatchLogsClient, group: string): LoggingTestPorts['logLines'] {
  return async ({ imageKey, requestId, from }) => {
    const lines: LogLine[] = [];
    for await (const line of findLines(logs, group, { from: from - CLOCK_SKEW_MS })) {
      lines.push(line);
      if (lines.length >= MOST_LINES) break;
    }
    const running = new Map<string, string>();
    return lines
      .filter(({ stream, message }) => {
        const [, started] = /^START RequestId: (\S+)/.exec(message) ?? [];
        if (started !== undefined) running.set(stream, started);
        const isIts = requestId !== undefined && (running.get(stream) === requestId || message.includes(requestId));
        if (message.startsWith('REPORT RequestId: ')) running.delete(stream);
        return isIts || message.includes(imageKey);
      })
      .map(({ message }) => message);
  };
}
