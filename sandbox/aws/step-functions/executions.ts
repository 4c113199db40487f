import { randomUUID } from 'node:crypto';
import { MOST_STATE_BYTES, StepFunctionsError } from './errors.ts';
import { type Execution, reasonNotRedrivable } from './execution.ts';
import { createHistory } from './history.ts';
import { type Ending, type MachineRun, runMachine } from './language/interpreter.ts';
import { MAP_RUN, prepare } from './language/prepare.ts';
import type { TaskLog } from './language/tracker.ts';
import type { MapRun } from './map/map-run.ts';
import { type MapPorts, runMapState } from './map/map-state.ts';
import { checkArn, checkName, executionArn } from './names.ts';
import type { StateMachineRecord } from './state-machines.ts';

/** How long the name of an ended execution cannot be used again. */
const NAME_MS = 90 * 24 * 60 * 60_000;

/** The executions of all state machines. */
export function createExecutions(ports: Omit<MapPorts, 'keep'>) {
  const { now, world } = ports;
  const executions = new Map<string, Execution>();
  const mapRuns = new Map<string, MapRun>();
  const tokens = new Map<string, number>();

  function launch(execution: Execution, log: TaskLog | undefined): void {
    const { machine } = execution;
    /** Map Runs that a redrive continues. */
    const toRedrive = new Map([...execution.mapRuns].filter(([, mapRun]) => log && mapRun.status() !== 'SUCCEEDED'));
    const { speed } = world().stepFunctions;
    const run = runMachine(prepare(machine.machine, speed), JSON.parse(execution.input), {
      now,
      wait: ports.wait,
      context: execution.context(),
      log,
      call(resource, input, name) {
        const state = machine.machine.States[name];
        if (resource !== MAP_RUN || !state) return ports.call(resource, input);
        const redriven = toRedrive.get(name);
        toRedrive.delete(name);
        const keep = (mapRun: MapRun) => mapRuns.set(mapRun.arn, mapRun);
        const work = runMapState({ ...ports, keep }, execution, { name, state, evaluated: input, redriven });
        execution.afterEnd = Promise.all([execution.afterEnd, work.catch(() => undefined)]);
        return work;
      },
      onEntered(name) {
        const type = machine.machine.States[name]?.Type ?? '';
        execution.history.add(`${type}StateEntered`, { stateEnteredEventDetails: { name } });
      },
    });
    execution.run = run;
    execution.afterEnd = run.ended.then((ending) => end(execution, run, ending));
  }

  function end(execution: Execution, run: MachineRun, ending: Ending): void {
    if (execution.run !== run) return;
    execution.run = undefined;
    execution.log = run.log();
    execution.endedAt ??= now();
    const { history } = execution;
    switch (ending.kind) {
      case 'succeeded':
        execution.status = 'SUCCEEDED';
        execution.output = JSON.stringify(ending.output);
        return history.add('ExecutionSucceeded', { executionSucceededEventDetails: { output: execution.output } });
      case 'failed':
        execution.status = 'FAILED';
        execution.error = ending.error;
        execution.cause = ending.cause;
        return history.add('ExecutionFailed', {
          executionFailedEventDetails: { error: ending.error, cause: ending.cause },
        });
      case 'timed-out':
        execution.status = 'TIMED_OUT';
        stopMapRuns(execution);
        return history.add('ExecutionTimedOut', { executionTimedOutEventDetails: {} });
      case 'aborted':
        execution.status = 'ABORTED';
        return history.add('ExecutionAborted', {
          executionAbortedEventDetails: { error: execution.error, cause: execution.cause },
        });
    }
  }

  const stopMapRuns = (execution: Execution): void => {
    for (const mapRun of execution.mapRuns.values()) mapRun.abort();
  };

  const open = (): number => [...executions.values()].filter(({ status }) => status === 'RUNNING').length;
  function checkLimit(): void {
    if (open() >= world().stepFunctions.openExecutions)
      throw new StepFunctionsError(
        'ExecutionLimitExceeded',
        'The maximum number of running executions has been reached.',
      );
  }

  /** @throws StepFunctionsError */
  function found(arn: string): Execution {
    checkArn(arn, 'execution');
    const execution = executions.get(arn);
    if (execution) return execution;
    throw new StepFunctionsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  function checkInput(input: string): void {
    if (Buffer.byteLength(input) > MOST_STATE_BYTES)
      throw new StepFunctionsError(
        'ValidationException',
        `1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to ${MOST_STATE_BYTES}`,
      );
    try {
      JSON.parse(input);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StepFunctionsError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${why}'`);
    }
  }

  function start(machine: StateMachineRecord, input: string, wanted: string | undefined): Execution {
    const name = wanted ?? randomUUID();
    checkName(name);
    checkInput(input);
    const arn = executionArn(machine.name, name);
    const existing = executions.get(arn);
    if (existing?.status === 'RUNNING' && existing.input === input) return existing;
    if (existing && (existing.endedAt === undefined || now() - existing.endedAt < NAME_MS))
      throw new StepFunctionsError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    checkLimit();
    const startedAt = now();
    const execution: Execution = {
      arn,
      name,
      machine,
      input,
      startedAt,
      history: createHistory(now),
      mapRuns: new Map(),
      status: 'RUNNING',
      endedAt: undefined,
      output: undefined,
      error: undefined,
      cause: undefined,
      redriveCount: 0,
      redrivenAt: undefined,
      log: undefined,
      run: undefined,
      afterEnd: Promise.resolve(),
      context() {
        const { redriveCount, redrivenAt } = this;
        return {
          Execution: {
            Id: arn,
            Input: JSON.parse(input),
            Name: name,
            RoleArn: machine.roleArn,
            StartTime: new Date(startedAt).toISOString(),
            RedriveCount: redriveCount,
            ...(redrivenAt === undefined ? {} : { RedriveTime: new Date(redrivenAt).toISOString() }),
          },
          StateMachine: { Id: machine.arn, Name: machine.name },
        };
      },
    };
    executions.set(arn, execution);
    execution.history.add('ExecutionStarted', {
      executionStartedEventDetails: { input, roleArn: machine.roleArn },
    });
    launch(execution, undefined);
    return execution;
  }

  /** Returns when it ended, epoch ms. An execution that has ended keeps its status. */
  function stop(arn: string, error: string | undefined, cause: string | undefined): number {
    const execution = found(arn);
    if (execution.status === 'RUNNING') {
      execution.status = 'ABORTED';
      execution.endedAt = now();
      execution.error = error;
      execution.cause = cause;
      stopMapRuns(execution);
      execution.run?.abort();
    }
    return execution.endedAt ?? now();
  }

  /** `token`: a repeated request with it returns the time of the first. */
  async function redrive(arn: string, token: string | undefined): Promise<number> {
    const execution = found(arn);
    const id = `${arn} ${token}`;
    const before = token === undefined ? undefined : tokens.get(id);
    if (before !== undefined && now() - before < 15 * 60_000) return before;
    const check = () => {
      const reason = reasonNotRedrivable(execution, now());
      if (reason !== undefined) throw new StepFunctionsError('ExecutionNotRedrivable', reason);
    };
    check();
    checkLimit();
    await execution.afterEnd;
    // Another redrive may have been faster.
    check();
    const at = now();
    Object.assign(execution, { status: 'RUNNING', endedAt: undefined, error: undefined, cause: undefined });
    execution.redriveCount += 1;
    execution.redrivenAt = at;
    if (token !== undefined) tokens.set(id, at);
    execution.history.add('ExecutionRedriven', {
      executionRedrivenEventDetails: { redriveCount: execution.redriveCount },
    });
    launch(execution, execution.log ?? new Map());
    return at;
  }

  return {
    start,
    stop,
    redrive,
    found,
    all: (): readonly Execution[] => [...executions.values()].toReversed(),
    mapRuns: (): readonly MapRun[] => [...mapRuns.values()],
    /** @throws StepFunctionsError */
    mapRun(arn: string): MapRun {
      checkArn(arn, 'mapRun');
      const mapRun = mapRuns.get(arn);
      if (mapRun) return mapRun;
      throw new StepFunctionsError('ResourceNotFound', `Resource not found: '${arn}'`);
    },
    /** The child with this ARN and its Map Run, or undefined. */
    child(arn: string) {
      for (const mapRun of mapRuns.values()) {
        const child = mapRun.children.find((one) => one.arn === arn);
        if (child) return { child, mapRun };
      }
      return;
    },
    /** Stops and forgets everything. */
    clear(): void {
      for (const { arn, status } of executions.values()) if (status === 'RUNNING') stop(arn, undefined, undefined);
      for (const mapRun of mapRuns.values()) mapRun.kill();
      executions.clear();
      mapRuns.clear();
      tokens.clear();
    },
  };
}
export type Executions = ReturnType<typeof createExecutions>;
