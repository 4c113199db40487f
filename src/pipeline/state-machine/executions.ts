import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  ExecutionNotRedrivable,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  ResourceNotFound,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  UpdateMapRunCommand,
  ValidationException,
} from '@aws-sdk/client-sfn';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import { askBeforeSending, NotSentError } from '../may-send.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** An execution of a state machine as Step Functions describes it. */
export interface ExecutionFacts {
  readonly status: ExecutionStatus;
  readonly isRedrivable: boolean;
  readonly redriveCount: number;
  /** Why it ended, where it did not succeed. */
  readonly error?: string;
  readonly cause?: string;
}

/** The children of a Map Run by their state. */
export interface MapRunFacts {
  readonly status: ExecutionStatus;
  readonly pending: number;
  readonly running: number;
  /** They were running when their execution was stopped or failed. */
  readonly aborted: number;
  /** With the aborted ones. */
  readonly ended: number;
  readonly maxConcurrency: number;
}

/**
 * Executions of a state machine with one Distributed Map. Each call is carried out once or, after a lost reply, again by the
 * SDK, without harm. @throws NotSentError where this process may not change executions at this moment; FaultError (missing state
 * machine or permission, credentials, no network), or the SDK's error
 */
export interface Executions {
  /** The ARN that an execution of this name has, whether it exists or not. */
  arnOf(stateMachineArn: string, name: string): string;
  /**
   * Starts an execution, once for a name: `exists` where one with this name and another input was started, or one with this
   * name has ended.
   */
  start(stateMachineArn: string, name: string, input: object): Promise<'started' | 'exists'>;
  /** Undefined where there is no such execution: it was not started, or it was deleted with its state machine. */
  describe(arn: string): Promise<ExecutionFacts | undefined>;
  /** Ends an execution and its children. One that has ended stays as it is. */
  stop(arn: string, why: { readonly error: string; readonly cause: string }): Promise<void>;
  /** Continues the children that did not succeed. `token`: a repeated call with it continues nothing twice. */
  redrive(arn: string, token: string): Promise<'redriven' | 'not-redrivable'>;
  /** The Map Run of an execution; undefined before it began. */
  mapRunOf(arn: string): Promise<string | undefined>;
  describeMapRun(mapRunArn: string): Promise<MapRunFacts | undefined>;
  /** Children at once, at least 1. A Map Run that has ended is left as it is. */
  setMaxConcurrency(mapRunArn: string, maxConcurrency: number): Promise<void>;
}

/** `mayChange` is asked directly before each request that starts, stops, redrives or changes an execution leaves. */
export function createExecutions(sfn: SFNClient, mayChange: () => boolean): Executions {
  /** The answer of a call, or undefined where it failed as `isExpected` says. */
  async function ask<T>(
    action: string,
    resource: string,
    send: () => Promise<T>,
    isExpected: (error: unknown) => boolean = () => false,
  ): Promise<T | undefined> {
    try {
      return await send();
    } catch (error) {
      if (isExpected(error)) return undefined;
      if (error instanceof NotSentError) throw error;
      throw asFaultError(error, { service: 'states', action: `states:${action}`, resource });
    }
  }
  const isMissing = (error: unknown) => error instanceof ExecutionDoesNotExist || error instanceof ResourceNotFound;

  return {
    arnOf: (stateMachineArn, name) => `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`,
    async start(stateMachineArn, name, input) {
      const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
      askBeforeSending(command.middlewareStack, mayChange);
      const exists = (error: unknown) => error instanceof ExecutionAlreadyExists;
      const answer = await ask('StartExecution', stateMachineArn, () => sfn.send(command), exists);
      return answer ? 'started' : 'exists';
    },
    async describe(executionArn) {
      // With error and cause, which METADATA_ONLY may leave out: by its error the bot knows its own stop.
      const command = new DescribeExecutionCommand({ executionArn });
      const answer = await ask('DescribeExecution', executionArn, () => sfn.send(command), isMissing);
      if (!answer) return;
      const { status, redriveStatus, redriveCount = 0, error, cause } = answer;
      return defined({
        status: statusOf(status),
        isRedrivable: redriveStatus === 'REDRIVABLE',
        redriveCount,
        error,
        cause,
      });
    },
    async stop(executionArn, why) {
      const command = new StopExecutionCommand({ executionArn, ...why });
      askBeforeSending(command.middlewareStack, mayChange);
      await ask('StopExecution', executionArn, () => sfn.send(command), isMissing);
    },
    async redrive(executionArn, clientToken) {
      const command = new RedriveExecutionCommand({ executionArn, clientToken });
      askBeforeSending(command.middlewareStack, mayChange);
      const refused = (error: unknown) => isMissing(error) || error instanceof ExecutionNotRedrivable;
      const answer = await ask('RedriveExecution', executionArn, () => sfn.send(command), refused);
      return answer ? 'redriven' : 'not-redrivable';
    },
    async mapRunOf(executionArn) {
      const command = new ListMapRunsCommand({ executionArn, maxResults: 1 });
      const answer = await ask('ListMapRuns', executionArn, () => sfn.send(command), isMissing);
      return answer?.mapRuns?.[0]?.mapRunArn;
    },
    async describeMapRun(mapRunArn) {
      const command = new DescribeMapRunCommand({ mapRunArn });
      const answer = await ask('DescribeMapRun', mapRunArn, () => sfn.send(command), isMissing);
      const counts = answer?.executionCounts;
      if (!answer || !counts) return;
      const { pending = 0, running = 0, succeeded = 0, failed = 0, timedOut = 0, aborted = 0 } = counts;
      const { maxConcurrency = 0 } = answer;
      const ended = succeeded + failed + timedOut + aborted;
      return { status: statusOf(answer.status), pending, running, aborted, ended, maxConcurrency };
    },
    async setMaxConcurrency(mapRunArn, maxConcurrency) {
      const command = new UpdateMapRunCommand({ mapRunArn, maxConcurrency: Math.max(1, Math.floor(maxConcurrency)) });
      askBeforeSending(command.middlewareStack, mayChange);
      const hasEnded = (error: unknown) =>
        isMissing(error) ||
        (error instanceof ValidationException && error.reason === 'CANNOT_UPDATE_COMPLETED_MAP_RUN');
      await ask('UpdateMapRun', mapRunArn, () => sfn.send(command), hasEnded);
    },
  };
}

const ENDED = ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const;
/** A status that this version does not know counts as running: nothing is started beside it. */
const statusOf = (status: string | undefined): ExecutionStatus => ENDED.find((each) => each === status) ?? 'RUNNING';
