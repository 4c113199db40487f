import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { readJson, sendJson } from '../http.ts';
import type { World } from '../world.ts';
import { describeChild, describeExecution, describeMapRun, listed, machineView, page } from './describe.ts';
import { StepFunctionsError } from './errors.ts';
import { createExecutions } from './executions.ts';
import type { RunPorts } from './language/interpreter.ts';
import { checkArn } from './names.ts';
import { createStateMachines } from './state-machines.ts';
import { createTaskCaller, type TaskServices } from './tasks.ts';

const text = z.string().min(1);
const whole = z.number().int().min(0);
const tagSchema = z.object({ key: z.string().max(128).optional(), value: z.string().max(256).optional() });
const createSchema = z.object({
  name: text,
  definition: text,
  roleArn: text,
  type: z.enum(['STANDARD', 'EXPRESS']).default('STANDARD'),
  tags: z.array(tagSchema).max(50).default([]),
});
const machineArnSchema = z.object({ stateMachineArn: text });
const updateSchema = z.object({ stateMachineArn: text, definition: text.optional(), roleArn: text.optional() });
const pageSchema = z.object({ maxResults: whole.max(1_000).default(0), nextToken: z.string().optional() });
const startSchema = z.object({ stateMachineArn: text, name: z.string().optional(), input: z.string().default('{}') });
const executionSchema = z.object({ executionArn: text });
const stopSchema = z.object({
  executionArn: text,
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});
const redriveSchema = z.object({ executionArn: text, clientToken: z.string().min(1).max(64).optional() });
const listExecutionsSchema = pageSchema.extend({
  stateMachineArn: text.optional(),
  mapRunArn: text.optional(),
  statusFilter: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']).optional(),
  redriveFilter: z.enum(['REDRIVEN', 'NOT_REDRIVEN']).optional(),
});
const listMapRunsSchema = pageSchema.extend({ executionArn: text });
const mapRunSchema = z.object({ mapRunArn: text });
const updateMapRunSchema = z.object({
  mapRunArn: text,
  maxConcurrency: whole.optional(),
  toleratedFailurePercentage: z.number().min(0).max(100).optional(),
  toleratedFailureCount: whole.optional(),
});
const historySchema = pageSchema.extend({
  executionArn: text,
  reverseOrder: z.boolean().default(false),
  includeExecutionData: z.boolean().default(true),
});

/** How often a wait that follows the clock looks at it, ms. */
const CLOCK_POLL_MS = 2;

/** Step Functions: the operations that a program uses to install a state machine, run it and steer its Map Runs. */
export function createStepFunctions(ports: {
  readonly world: () => World;
  readonly s3: S3Client;
  readonly services: TaskServices;
}) {
  const { world } = ports;
  const now = () => Date.now() + world().clockAheadMs;
  const machines = createStateMachines(now, world);
  const wait: RunPorts['wait'] = async (ms, signal) => {
    const { speed, waitsByClock } = world().stepFunctions;
    if (!waitsByClock) return void (await sleep(ms / speed, undefined, { signal }).catch(() => undefined));
    const until = now() + ms;
    while (now() < until && !signal.aborted) await sleep(CLOCK_POLL_MS);
  };
  const executions = createExecutions({
    now,
    wait,
    world,
    s3: ports.s3,
    call: createTaskCaller(ports.services, world),
  });

  function listExecutions(input: unknown): object {
    const asked = read(listExecutionsSchema, input);
    if ((asked.stateMachineArn === undefined) === (asked.mapRunArn === undefined))
      throw new StepFunctionsError('ValidationException', 'Specify either a stateMachineArn or a mapRunArn.');
    const all =
      asked.mapRunArn === undefined
        ? executions
            .all()
            .filter(({ machine }) => machine.arn === machines.found(asked.stateMachineArn ?? '').arn)
            .map((execution) => listed(execution, describeExecution(execution, now())))
        : childrenOf(asked.mapRunArn);
    const wanted = all
      .filter(({ status }) => asked.statusFilter === undefined || status === asked.statusFilter)
      .filter(
        ({ redriveCount }) =>
          asked.redriveFilter === undefined || (asked.redriveFilter === 'REDRIVEN') === redriveCount > 0,
      );
    return page('executions', wanted, asked);
  }
  const childrenOf = (arn: string) => {
    const mapRun = executions.mapRun(arn);
    return mapRun.children
      .filter(({ status }) => status !== 'PENDING')
      .map((child) => ({ ...listed(child, describeChild(child, mapRun)), mapRunArn: arn, itemCount: child.itemCount }))
      .toReversed();
  };

  function describe(input: unknown): object {
    const { executionArn } = read(executionSchema, input);
    const found = executions.child(executionArn);
    return found ? describeChild(found.child, found.mapRun) : describeExecution(executions.found(executionArn), now());
  }

  function deleteMachine(arn: string): object {
    checkArn(arn, 'stateMachine');
    for (const execution of executions.all())
      if (execution.machine.arn === arn) executions.stop(execution.arn, undefined, undefined);
    machines.remove(arn);
    return {};
  }

  async function execute(operation: string, input: unknown): Promise<object> {
    switch (operation) {
      case 'CreateStateMachine': {
        const created = machines.create(read(createSchema, input));
        return { stateMachineArn: created.arn, creationDate: created.createdAt / 1_000 };
      }
      case 'UpdateStateMachine': {
        const { stateMachineArn, ...change } = read(updateSchema, input);
        const updated = machines.update(stateMachineArn, change);
        return { updateDate: now() / 1_000, revisionId: updated.revisionId };
      }
      case 'DescribeStateMachine':
        return machineView(machines.found(read(machineArnSchema, input).stateMachineArn));
      case 'ListStateMachines': {
        const items = machines.all().map(({ arn, name, createdAt }) => ({
          stateMachineArn: arn,
          name,
          type: 'STANDARD',
          creationDate: createdAt / 1_000,
        }));
        return page('stateMachines', items, read(pageSchema, input));
      }
      case 'DeleteStateMachine':
        return deleteMachine(read(machineArnSchema, input).stateMachineArn);
      case 'StartExecution': {
        const asked = read(startSchema, input);
        const started = executions.start(machines.found(asked.stateMachineArn), asked.input, asked.name);
        return { executionArn: started.arn, startDate: started.startedAt / 1_000 };
      }
      case 'DescribeExecution':
        return describe(input);
      case 'ListExecutions':
        return listExecutions(input);
      case 'StopExecution': {
        const { executionArn, error, cause } = read(stopSchema, input);
        return { stopDate: executions.stop(executionArn, error, cause) / 1_000 };
      }
      case 'RedriveExecution': {
        const { executionArn, clientToken } = read(redriveSchema, input);
        if (executions.child(executionArn))
          throw new StepFunctionsError('ExecutionNotRedrivable', 'Execution can only be redriven by its Map Run');
        return { redriveDate: (await executions.redrive(executionArn, clientToken)) / 1_000 };
      }
      case 'ListMapRuns': {
        const asked = read(listMapRunsSchema, input);
        const execution = executions.found(asked.executionArn);
        const items = executions
          .mapRuns()
          .filter(({ executionArn }) => executionArn === execution.arn)
          .map((mapRun) => ({
            executionArn: execution.arn,
            mapRunArn: mapRun.arn,
            stateMachineArn: mapRun.stateMachineArn,
            startDate: mapRun.startedAt / 1_000,
            ...(mapRun.endedAt() === undefined ? {} : { stopDate: Number(mapRun.endedAt()) / 1_000 }),
          }))
          .toReversed();
        return page('mapRuns', items, asked);
      }
      case 'DescribeMapRun':
        return describeMapRun(executions.mapRun(read(mapRunSchema, input).mapRunArn));
      case 'UpdateMapRun': {
        const { mapRunArn, ...change } = read(updateMapRunSchema, input);
        const mapRun = executions.mapRun(mapRunArn);
        if (mapRun.status() !== 'RUNNING')
          throw new StepFunctionsError(
            'ValidationException',
            'Cannot update a completed Map Run.',
            'CANNOT_UPDATE_COMPLETED_MAP_RUN',
          );
        mapRun.update(Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)));
        return {};
      }
      case 'GetExecutionHistory': {
        const asked = read(historySchema, input);
        const events = executions.found(asked.executionArn).history.events();
        return page('events', asked.reverseOrder ? events.toReversed() : events, asked);
      }
      default:
        throw new StepFunctionsError('UnknownOperationException', `The local AWS has no Step Functions ${operation}`);
    }
  }

  return {
    async answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
      try {
        const answer = await execute(operation, await readJson(request));
        sendJson(response, 200, answer, 'application/x-amz-json-1.0');
      } catch (error) {
        if (!(error instanceof StepFunctionsError)) throw error;
        const { type, message, reason } = error;
        const body = { __type: type, message, ...(reason === undefined ? {} : { reason }) };
        sendJson(response, 400, body, 'application/x-amz-json-1.0');
      }
    },
    /** What the World pane shows: the newest executions with their Map Runs. */
    view: (limit: number) => ({
      stateMachines: machines.all().map(({ name, roleArn }) => ({ name, roleArn })),
      executions: executions
        .all()
        .slice(0, limit)
        .map((execution) => ({
          ...describeExecution(execution, now()),
          mapRuns: [...execution.mapRuns.values()].map(describeMapRun),
        })),
    }),
    reset(): void {
      executions.clear();
      machines.clear();
    },
  };
}

/** @throws StepFunctionsError ValidationException, which names the member that is wrong. */
function read<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new StepFunctionsError(
    'ValidationException',
    `1 validation error detected: Value at '${issue?.path.join('.')}' failed to satisfy constraint: ${issue?.message}`,
  );
}
