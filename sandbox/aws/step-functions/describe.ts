import { StepFunctionsError } from './errors.ts';
import { type Execution, reasonNotRedrivable } from './execution.ts';
import type { Child } from './map/children.ts';
import type { MapRun } from './map/map-run.ts';
import type { StateMachineRecord } from './state-machines.ts';

/** On the wire a time is in seconds. */
const seconds = (name: string, at: number | undefined) => (at === undefined ? {} : { [name]: at / 1_000 });
const given = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });

export const machineView = (machine: StateMachineRecord) => ({
  stateMachineArn: machine.arn,
  name: machine.name,
  status: 'ACTIVE',
  definition: machine.definition,
  roleArn: machine.roleArn,
  type: 'STANDARD',
  creationDate: machine.createdAt / 1_000,
  loggingConfiguration: { level: 'OFF', includeExecutionData: false },
  tracingConfiguration: { enabled: false },
  encryptionConfiguration: { type: 'AWS_OWNED_KEY' },
  revisionId: machine.revisionId,
});

/** An execution as DescribeExecution returns it. */
export function describeExecution(execution: Execution, now: number) {
  const reason = reasonNotRedrivable(execution, now);
  return {
    executionArn: execution.arn,
    stateMachineArn: execution.machine.arn,
    name: execution.name,
    status: execution.status,
    startDate: execution.startedAt / 1_000,
    ...seconds('stopDate', execution.endedAt),
    input: execution.input,
    inputDetails: { included: true },
    ...(execution.output === undefined ? {} : { output: execution.output, outputDetails: { included: true } }),
    ...given('error', execution.error),
    ...given('cause', execution.cause),
    redriveCount: execution.redriveCount,
    ...seconds('redriveDate', execution.redrivenAt),
    redriveStatus: reason === undefined ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    ...given('redriveStatusReason', reason),
  };
}

/** A child of a Map Run as DescribeExecution returns it. */
export function describeChild(child: Child, mapRun: MapRun) {
  const isRedrivable = child.status === 'FAILED' || child.status === 'TIMED_OUT' || child.status === 'ABORTED';
  const hasOutput = child.status === 'SUCCEEDED';
  return {
    executionArn: child.arn,
    stateMachineArn: mapRun.stateMachineArn,
    name: child.name,
    status: child.status,
    startDate: (child.startedAt ?? mapRun.startedAt) / 1_000,
    ...seconds('stopDate', child.endedAt),
    input: JSON.stringify(child.input),
    inputDetails: { included: true },
    ...(hasOutput ? { output: JSON.stringify(child.output), outputDetails: { included: true } } : {}),
    mapRunArn: mapRun.arn,
    ...given('error', child.error),
    ...given('cause', child.cause),
    redriveCount: child.redriveCount,
    ...seconds('redriveDate', child.redrivenAt),
    redriveStatus: isRedrivable ? 'REDRIVABLE_BY_MAP_RUN' : 'NOT_REDRIVABLE',
    ...(isRedrivable ? {} : { redriveStatusReason: `Execution is ${child.status} and cannot be redriven` }),
  };
}

/** An entry of ListExecutions. */
export const listed = (
  {
    arn,
    name,
    startedAt,
    endedAt,
    redriveCount,
    redrivenAt,
  }: Pick<Execution, 'arn' | 'name' | 'redriveCount'> & {
    readonly startedAt: number | undefined;
    readonly endedAt: number | undefined;
    readonly redrivenAt: number | undefined;
  },
  described: { readonly stateMachineArn: string; readonly status: string; readonly startDate: number },
) => ({
  executionArn: arn,
  stateMachineArn: described.stateMachineArn,
  name,
  status: described.status,
  ...seconds('startDate', startedAt),
  ...seconds('stopDate', endedAt),
  redriveCount,
  ...seconds('redriveDate', redrivenAt),
});

export function describeMapRun(mapRun: MapRun) {
  const { maxConcurrency, toleratedFailureCount = 0, toleratedFailurePercentage = 0 } = mapRun.limits();
  const { redriveCount, redrivenAt } = mapRun.redrives();
  return {
    mapRunArn: mapRun.arn,
    executionArn: mapRun.executionArn,
    status: mapRun.status(),
    startDate: mapRun.startedAt / 1_000,
    ...seconds('stopDate', mapRun.endedAt()),
    maxConcurrency,
    toleratedFailurePercentage,
    toleratedFailureCount,
    ...mapRun.counts(),
    redriveCount,
    ...seconds('redriveDate', redrivenAt),
  };
}

/** Entries of one page, and the token of the next. @throws StepFunctionsError InvalidToken */
export function page(
  name: string,
  items: readonly unknown[],
  { maxResults, nextToken }: { readonly maxResults: number; readonly nextToken?: string | undefined },
): object {
  const from = nextToken === undefined ? 0 : Number(/^page-(\d+)$/.exec(nextToken)?.[1] ?? Number.NaN);
  if (!Number.isInteger(from)) throw new StepFunctionsError('InvalidToken', `Invalid Token: '${nextToken}'`);
  const end = from + (maxResults || 100);
  return { [name]: items.slice(from, end), ...(end < items.length ? { nextToken: `page-${end}` } : {}) };
}
