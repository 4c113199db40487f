import { access } from 'node:fs/promises';
import { createApprovalStore } from '../approvals/approval-store.ts';
import { controlTableJobs } from '../backup/job-store.ts';
import type { Clock, Random } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import { type AwsClients, foreseenOr } from '../pipeline/aws.ts';
import { describeFunction } from '../pipeline/ocr-function.ts';
import type { RunControl } from '../rescan/run-control.ts';
import type { ControlTable } from '../state/control-table.ts';
import { createLease } from '../state/lease.ts';
import { createJobRecord } from './job-record.ts';
import { createTableSteps, type TableSteps } from './table-steps.ts';

const POLL_MS = 500;

export interface TablesParts {
  readonly config: Config;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly holder: string;
  readonly runs: Pick<RunControl, 'current'>;
}

/** The steps on the table that the settings name, on real AWS clients. */
export function assembleTables(parts: TablesParts): TableSteps {
  const { config, aws, table, clock, random, logger, runs } = parts;
  const name = config.OCR_FUNCTION;
  return createTableSteps({
    dynamodb: aws.dynamodb,
    lambda: aws.lambda,
    place: { s3: aws.s3, bucket: config.CONTROL_BUCKET, prefix: `${config.CONTROL_PREFIX}backups/` },
    clock,
    random,
    jobs: controlTableJobs(table),
    record: createJobRecord(table, name),
    // The lease of the runs, held under another name: a run and a job on the table exclude each other.
    lease: createLease({
      table,
      name,
      holder: `${parts.holder}/table`,
      durationMs: config.LEASE_SECONDS,
      clock,
      logger,
    }),
    approvals: createApprovalStore(table, name),
    table: config.TABLE,
    functionName: name,
    functionTimeoutMs: async () => (await describeFunction(aws.lambda, name)).timeoutMs,
    codeSha256: async () => (await describeFunction(aws.lambda, name)).codeSha256,
    activeRun: async () => {
      const run = await runs.current();
      return run?.state.kind === 'running' ? run.runId : undefined;
    },
    policy: config.APPROVAL_POLICY,
    approvalMs: config.APPROVAL_MINUTES,
    maxBackupAgeMs: config.BACKUP_MAX_AGE_HOURS,
    maxDifference: config.FLUSH_MAX_DIFFERENCE,
    stopFile: config.STOP_FILE,
    stopFileExists: () =>
      access(config.STOP_FILE).then(
        () => true,
        () => false,
      ),
    readFault: (error) => foreseenOr(error, config.TABLE),
    warn: (message, cause) => logger.warn({ err: cause }, message),
    pollMs: POLL_MS,
  });
}
