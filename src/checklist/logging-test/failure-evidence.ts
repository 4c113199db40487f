import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { readLine } from '../../pipeline/logs/log-line.ts';
import { findLines, LogGroupMissingError, type LogLine } from '../../pipeline/logs/logs.ts';
import { findFailuresOfImage, removeFailure } from '../../pipeline/table/failure-records.ts';
import { type Item, textOf } from '../../pipeline/table/item.ts';
import { patientBackoff, scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, type TableKey } from '../../pipeline/table/table.ts';
import type { FoundRecords, LoggingTestPorts } from './logging-test.ts';

const SHOWN = [
  'FailureType',
  'ErrorMessage',
  'ErrorCode',
  'FailureTimestamp',
  'AttemptNumber',
  'OCRVersion',
  'CloudWatchLogStream',
];

/** Looks for the records of an image's failure: under the key of our own logger, or by reading the table where it is small. */
export function createFailureRecordSearch(
  dynamodb: DynamoDBClient,
  { table, mostBytes }: { table: string; mostBytes: number },
): Pick<LoggingTestPorts, 'findRecords' | 'searchRecords'> {
  function found(records: readonly Item[], keys: readonly TableKey[]): FoundRecords | undefined {
    const [newest] = records;
    return (
      newest && {
        key: keys.map(({ name }) => `${name} ${textOf(newest[name]) ?? '…'}`).join(', '),
        attributes: SHOWN.flatMap((name) => {
          const value = textOf(newest[name]);
          return value === undefined ? [] : [[name, value] as const];
        }),
        async remove() {
          for (const record of records) await removeFailure(dynamodb, { table, keys }, record);
        },
      }
    );
  }
  return {
    async findRecords(imageKey) {
      const { keys } = await describeTable(dynamodb, table);
      return found(await findFailuresOfImage(dynamodb, { table, keys }, imageKey), keys);
    },
    async searchRecords(imageKey) {
      const { approximateBytes, keys } = await describeTable(dynamodb, table);
      if (approximateBytes > mostBytes) return;
      const filter = {
        expression: 'ImageKey = :k AND RecordType = :t',
        values: { ':k': { S: imageKey }, ':t': { S: 'FAILED_IMAGE' } },
      };
      const records: Item[] = [];
      for (const segment of scanTable(dynamodb, table, { segments: 1, filter, backoff: patientBackoff }))
        for await (const { items } of segment) records.push(...items);
      return found(records, keys);
    },
  };
}

/** The window of the look begins a little before the invocation: the function's clock is not the bot's. */
const CLOCK_SKEW_MS = 5_000;
/** No invocation of one image writes more; a log that does is not read to its end. */
const MOST_LINES = 20_000;

/**
 * The function's log of one invocation: between its START and its REPORT in its stream, or naming it or its image. A group that
 * is not there has shown nothing yet. @throws where the log may not be read.
 */
export function createInvocationLogReader(
  logs: CloudWatchLogsClient,
  groupOf: () => Promise<string>,
): LoggingTestPorts['readLog'] {
  return async ({ imageKey, requestId, from }) => {
    const group = await groupOf();
    const running = new Map<string, string>();
    const lines: string[] = [];
    let isWhole = false;
    let looked = 0;
    const take = ({ stream, message }: LogLine) => {
      const mark = readLine(message);
      if (mark.kind === 'start') running.set(stream, mark.requestId);
      const isIts = requestId !== undefined && (running.get(stream) === requestId || message.includes(requestId));
      if (isIts || message.includes(imageKey)) lines.push(message);
      if (mark.kind !== 'report') return;
      running.delete(stream);
      isWhole ||= mark.requestId === requestId;
    };
    try {
      for await (const line of findLines(logs, group, { from: from - CLOCK_SKEW_MS })) {
        take(line);
        if (++looked >= MOST_LINES) break;
      }
    } catch (error) {
      if (!(error instanceof LogGroupMissingError)) throw error;
    }
    return { group, lines, isWhole };
  };
}
