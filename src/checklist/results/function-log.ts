import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { Clock } from '../../lib/clock.ts';
import type { FunctionFacts } from '../../pipeline/invoke/ocr-function.ts';
import { findLines, followLines, logGroupOf } from '../../pipeline/logs/logs.ts';
import type { Stops } from '../../state/stops/stops.ts';
import type { FunctionLog } from '../contracts/function-log.ts';

const FOLLOW_EVERY_MS = 2_000;

export interface FunctionLogPorts {
  readonly logs: CloudWatchLogsClient;
  readonly functionName: string;
  readonly functionFacts: () => Promise<Pick<FunctionFacts, 'name' | 'logGroup'>>;
  readonly followStops: Stops;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
}

/**
 * The log group of the function: the one of its configuration, else Lambda's default. @throws what `functionFacts`
 * throws.
 */
export async function readLogGroup(functionFacts: FunctionLogPorts['functionFacts']): Promise<string> {
  const facts = await functionFacts();
  return facts.logGroup ?? logGroupOf(facts.name);
}

/** Reads the log of the function. While its configuration cannot be read, the log group is Lambda's default. */
export function createFunctionLog(ports: FunctionLogPorts): FunctionLog {
  const { logs, clock } = ports;
  let known: string | undefined;
  async function logGroup(): Promise<string> {
    try {
      known ??= await readLogGroup(ports.functionFacts);
      return known;
    } catch (error) {
      ports.warn('the log group of the function could not be read', error);
      return logGroupOf(ports.functionName);
    }
  }
  return {
    async *findLines(window) {
      yield* findLines(logs, await logGroup(), window);
    },
    async *followLines(window) {
      yield* followLines(logs, await logGroup(), { ...window, clock, intervalMs: FOLLOW_EVERY_MS });
    },
    followStops: ports.followStops,
  };
}
