import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, succeed } from '../../lib/result.ts';
import type { AwsClients } from '../../pipeline/aws.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { type MetricReading, readMetrics } from '../../pipeline/limits/metrics.ts';
import { readAllQuotas } from '../../pipeline/limits/quotas.ts';
import { type InvocationReport, readLine } from '../../pipeline/logs/log-line.ts';
import { LogGroupMissingError, type LogLine, type LogWindow } from '../../pipeline/logs/logs.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import { createFailureGroups } from '../../results/failures/failure-groups.ts';
import { type Diagnosis, type DiagnosisFacts, diagnose } from '../../results/report/diagnosis.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { ResultControl, ResultRefusal } from '../contracts/result-control.ts';

export interface DiagnosesPorts {
  readonly results: Pick<ResultControl, 'failures' | 'outcomes'>;
  readonly clock: Clock;
  readonly profile: Pick<Profile, 'imageKey'>;
  /** The run with this id; without an id the last one. */
  readonly readRun: (runId?: string) => Promise<RunSnapshot | undefined>;
  readonly readMetrics: (window: { from: number; to: number }) => Promise<MetricReading>;
  readonly findLines: (window: LogWindow) => AsyncIterable<LogLine>;
  readonly functionFacts: () => Promise<DiagnosisFacts['functionFacts']>;
  readonly modelQuota: () => Promise<DiagnosisFacts['modelQuota']>;
  /** The region of the clients. */
  readonly region: () => Promise<string>;
  readonly functionName: string;
  readonly readFault: (error: unknown) => Fault;
}

/** Reads what the chapter "Troubleshooting" of the runbook asks a person to check. */
export interface DiagnoseControl {
  /** Diagnoses a run, without an id the last one. What cannot be read is listed as unread, and the rest is used. */
  diagnose(runId?: string): Promise<Result<LocatedDiagnosis, ResultRefusal>>;
}

/** A diagnosis, with the region and function that its remedies link to. */
export interface LocatedDiagnosis extends Diagnosis {
  readonly run?: RunSnapshot;
  readonly location: { readonly region: string; readonly functionName: string };
  /** The end of the time that was examined, epoch ms. */
  readonly until: number;
}

/** The time that is examined when there is no run. */
const DEFAULT_WINDOW_MS = 30 * 60_000;
/** The log of a whole run can be long, so only its last part is read. */
const LOG_WINDOW_MS = 15 * 60_000;
/** Lambda's line at the end of an invocation, in its text format and in its JSON format. */
const REPORTS = '?REPORT ?"platform.report"';
const MAX_REPORTS = 2_000;
/** Images that were in flight at the last outcome end within this time. */
const SETTLE_MS = 5 * 60_000;

export function createDiagnoses(ports: DiagnosesPorts): DiagnoseControl {
  const { clock } = ports;
  return {
    async diagnose(runId) {
      const unread: Fault[] = [];
      const orUnread = async <T>(read: () => Promise<T>, otherwise: T): Promise<T> => {
        try {
          return await read();
        } catch (error) {
          const fault = error instanceof FaultError ? error.fault : ports.readFault(error);
          if (!unread.some(({ message }) => message === fault.message)) unread.push(fault);
          return otherwise;
        }
      };
      const run = await orUnread(() => ports.readRun(runId), undefined);
      const found = await ports.results.failures(run?.runId);
      if (!found.ok) return found;
      const { totals: failures, dispose } = found.value;
      await dispose();
      const groups = createFailureGroups(ports.profile);
      const startsPerMinute = new Map<number, number>();
      let lastOutcomeAt: number | undefined;
      const outcomes = await ports.results.outcomes(run?.runId);
      if (outcomes.ok)
        for await (const record of outcomes.value.records) {
          groups.add(record);
          const minute = Math.floor(record.startedAt / 60_000);
          startsPerMinute.set(minute, (startsPerMinute.get(minute) ?? 0) + 1);
          lastOutcomeAt = Math.max(lastOutcomeAt ?? 0, record.startedAt + record.durationMs);
        }
      const { from, until } = windowOf(run, lastOutcomeAt, clock.now());
      const noLimits = { timeoutMs: 0, memoryMb: 0 };
      const [metrics, reports, functionFacts, modelQuota] = await Promise.all([
        orUnread<MetricReading>(() => ports.readMetrics({ from, to: until }), { throttling: [] }),
        orUnread(() => readReports(Math.max(from, until - LOG_WINDOW_MS), until), []),
        orUnread(ports.functionFacts, noLimits),
        orUnread(ports.modelQuota, undefined),
      ]);
      let mostPerMinute = 0;
      for (const images of startsPerMinute.values()) mostPerMinute = Math.max(mostPerMinute, images);
      const facts: DiagnosisFacts = {
        mostPerMinute,
        failures,
        clusters: groups.clusters(),
        metrics,
        reports,
        functionFacts,
        ...defined({ run, modelQuota }),
        unread: [...unread, ...(metrics.unread ? [metrics.unread] : [])],
      };
      const { functionName } = ports;
      const location = { region: await ports.region(), functionName };
      return succeed({ ...diagnose(facts), location, until, ...defined({ run }) });
    },
  };

  /**
   * The time in which the run was driven. The window of a run that ended does not depend on when the diagnosis is made.
   */
  function windowOf(run: RunSnapshot | undefined, lastOutcomeAt: number | undefined, now: number) {
    const from = run?.startedAt ?? now - DEFAULT_WINDOW_MS;
    const isOver = run !== undefined && run.state.kind !== 'running';
    const ended = isOver && lastOutcomeAt !== undefined ? lastOutcomeAt + SETTLE_MS : now;
    return { from, until: Math.max(from + 1, Math.min(now, ended)) };
  }

  async function readReports(from: number, to: number): Promise<readonly InvocationReport[]> {
    const reports: InvocationReport[] = [];
    try {
      // One minute more, because Lambda writes the report after the reply.
      for await (const { message } of ports.findLines({ from, to: to + 60_000, pattern: REPORTS })) {
        const read = readLine(message);
        if (read.kind === 'report') reports.push(read.report);
        if (reports.length >= MAX_REPORTS) break;
      }
    } catch (error) {
      // Without a log there are no durations to report.
      if (!(error instanceof LogGroupMissingError)) throw error;
    }
    return reports;
  }
}

/** What a diagnosis reads from AWS besides the log. */
export function createDiagnosisSources(ports: {
  readonly aws: AwsClients;
  readonly functionName: string;
  readonly modelId: string;
  readonly tableName: string;
  readonly warn: (message: string, cause: unknown) => void;
}): Pick<DiagnosesPorts, 'readMetrics' | 'modelQuota' | 'region'> {
  const { aws, functionName, modelId, tableName } = ports;
  return {
    async readMetrics(window) {
      // Without the permission to describe the table, only the metrics of the table itself are read.
      const facts = await describeTable(aws.bulkDynamodb, tableName).catch((error: unknown) => {
        ports.warn('the metrics of the indexes are not read, because the table could not be described', error);
        return undefined;
      });
      const indexes = facts?.indexes.map(({ name }) => name) ?? [];
      return readMetrics(aws.cloudwatch, { functionName, modelId, table: tableName, indexes }, window);
    },
    async modelQuota() {
      const { modelRequestsPerMinute: quota } = await readAllQuotas(aws, { functionName, modelId, tableName });
      return quota && { name: quota.name, perMinute: quota.value };
    },
    region: () => aws.cloudwatch.config.region(),
  };
}
