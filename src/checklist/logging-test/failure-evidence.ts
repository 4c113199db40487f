import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { withoutSecrets } from '../../lib/redact.ts';
import { readLine } from '../../pipeline/logs/log-line.ts';
import { findLines, isWithoutLog, type LogLine } from '../../pipeline/logs/logs.ts';
import type { FailureAttribute } from '../../pipeline/profile/failure-names.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { findFailuresOfImage, removeFailure } from '../../pipeline/table/failure-records.ts';
import { type Item, textOf } from '../../pipeline/table/item.ts';
import { failedName } from '../../pipeline/table/records.ts';
import { patientBackoff, scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, type TableKey } from '../../pipeline/table/table.ts';
import type { FoundRecords, LoggingTestPorts } from './logging-test.ts';

const SHOWN: readonly FailureAttribute[] = [
  'FailureType',
  'ErrorMessage',
  'ErrorCode',
  'FailureTimestamp',
  'AttemptNumber',
  'OCRVersion',
  'CloudWatchLogStream',
];

/**
 * Finds the failure records of an image: by the key that our own logger writes, or with a scan of a table of at most
 * `maxScanBytes` bytes.
 */
export function createFailureRecordSearch(
  dynamodb: DynamoDBClient,
  { table, maxScanBytes, profile }: { table: string; maxScanBytes: number; profile: Pick<Profile, 'failed'> },
): Pick<LoggingTestPorts, 'findRecords' | 'searchRecords'> {
  function toFound(records: readonly Item[], keys: readonly TableKey[]): FoundRecords | undefined {
    const [newest] = records;
    return (
      newest && {
        key: keys.map(({ name }) => `${name} ${textOf(newest[name]) ?? '…'}`).join(', '),
        attributes: SHOWN.flatMap((name) => {
          const value = textOf(newest[failedName(profile, name)]);
          return value === undefined ? [] : [[name, withoutSecrets(value)] as const];
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
      return toFound(await findFailuresOfImage(dynamodb, { table, keys, profile }, imageKey), keys);
    },
    async searchRecords(imageKey) {
      const { approximateBytes, keys } = await describeTable(dynamodb, table);
      if (approximateBytes > maxScanBytes) return;
      const filter = {
        expression: '#k = :k AND #t = :t',
        names: { '#k': failedName(profile, 'ImageKey'), '#t': failedName(profile, 'RecordType') },
        values: { ':k': { S: imageKey }, ':t': { S: profile.failed.mark } },
      };
      const records: Item[] = [];
      for (const segment of scanTable(dynamodb, table, { segments: 1, filter, backoff: patientBackoff }))
        for await (const { items } of segment) records.push(...items);
      return toFound(records, keys);
    },
  };
}

/** Log events are read from a little before the invocation: the clock of the function may be behind. */
const CLOCK_SKEW_MS = 5_000;
/** One invocation logs far fewer lines than this; the rest of a longer log is not read. */
const MAX_LINES = 20_000;

/**
 * Reads the log lines of one invocation: those between its START and its REPORT in its stream, and those that contain
 * its request id or its image key. A log group that does not exist has no lines. The reader throws when the log may not
 * be read.
 */
export function createInvocationLogReader(
  logs: CloudWatchLogsClient,
  logGroup: () => Promise<string>,
): LoggingTestPorts['readLog'] {
  return async ({ imageKey, requestId, from }) => {
    const group = await logGroup();
    /** The request id of the invocation that is running in each stream. */
    const running = new Map<string, string>();
    const lines: string[] = [];
    let isWhole = false;
    let read = 0;
    const take = ({ stream, message }: LogLine) => {
      const mark = readLine(message);
      if (mark.kind === 'start') running.set(stream, mark.requestId);
      const isOfInvocation =
        requestId !== undefined && (running.get(stream) === requestId || message.includes(requestId));
      if (isOfInvocation || message.includes(imageKey)) lines.push(message);
      if (mark.kind !== 'report') return;
      running.delete(stream);
      isWhole ||= mark.requestId === requestId;
    };
    try {
      for await (const line of findLines(logs, group, { from: from - CLOCK_SKEW_MS })) {
        take(line);
        if (++read >= MAX_LINES) break;
      }
    } catch (error) {
      if (!isWithoutLog(error)) throw error;
    }
    return { group, lines, isWhole };
  };
}
