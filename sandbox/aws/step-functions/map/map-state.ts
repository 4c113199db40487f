import { randomUUID } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { World } from '../../world.ts';
import { isTooLarge, StateError, stopped, tooLargeResult } from '../errors.ts';
import type { Execution } from '../execution.ts';
import { type Ending, type MachineRun, type RunPorts, runMachine } from '../language/interpreter.ts';
import { type Machine, processorConfigOf, processorOf, type State } from '../language/machine.ts';
import { prepare } from '../language/prepare.ts';
import { childArn, mapRunArn } from '../names.ts';
import type { Child } from './children.ts';
import { childInputs, type Reader, readerSchema, readItems } from './items.ts';
import { createMapRun, type MapRun } from './map-run.ts';
import { writeResults } from './results.ts';

const whole = z.number().int().min(0);
/** The input of the task that stands for a distributed Map state (`prepare.ts`). */
const evaluatedSchema = z.looseObject({
  Input: z.unknown(),
  Items: z.unknown().optional(),
  Reader: z.unknown().optional(),
  Writer: z.unknown().optional(),
  Batcher: z.unknown().optional(),
  MaxItems: whole.optional(),
  MaxConcurrency: whole.default(0),
  ToleratedFailureCount: whole.optional(),
  ToleratedFailurePercentage: z.number().min(0).max(100).optional(),
});

export interface MapPorts {
  readonly now: () => number;
  readonly wait: RunPorts['wait'];
  readonly world: () => World;
  readonly s3: S3Client;
  readonly call: (resource: string, input: unknown) => Promise<unknown>;
  /** Called for each new Map Run, so that it can be described. */
  readonly keep: (mapRun: MapRun) => void;
}

/**
 * Runs a distributed Map state: reads its items, starts its Map Run, writes the results. `redriven`: the Map Run that a
 * redrive continues. Returns what the state returns. @throws StateError
 */
export async function runMapState(
  ports: MapPorts,
  execution: Execution,
  map: {
    readonly name: string;
    readonly state: State;
    readonly evaluated: unknown;
    readonly redriven: MapRun | undefined;
  },
): Promise<unknown> {
  const asked = evaluatedSchema.safeParse(map.evaluated);
  if (!asked.success)
    throw new StateError(
      'States.Runtime',
      `The fields of the Map state '${map.name}' are not valid: ${asked.error.message}`,
    );
  const mapRun = map.redriven ?? (await startMapRun(ports, execution, map.name, map.state, asked.data));
  const { history } = execution;
  const details = { mapRunArn: mapRun.arn };
  try {
    if (map.redriven) {
      const redrive = mapRun.redrive();
      history.add('MapRunRedriven', {
        mapRunRedrivenEventDetails: { ...details, redriveCount: mapRun.redrives().redriveCount },
      });
      await redrive;
    } else {
      history.add('MapRunStarted', { mapRunStartedEventDetails: details });
      await mapRun.work();
    }
  } catch (error) {
    if (error instanceof StateError)
      history.add('MapRunFailed', { mapRunFailedEventDetails: { error: error.name, cause: error.message } });
    await write(ports, mapRun, asked.data.Writer).catch(() => undefined);
    throw error;
  }
  if (mapRun.status() === 'ABORTED') {
    history.add('MapRunAborted');
    await write(ports, mapRun, asked.data.Writer).catch(() => undefined);
    throw stopped();
  }
  try {
    const output = await write(ports, mapRun, asked.data.Writer);
    history.add('MapRunSucceeded');
    return output;
  } catch (error) {
    mapRun.fail();
    throw error;
  }
}

/** Writes the results to S3, or returns them where the state has no ResultWriter. */
async function write(ports: MapPorts, mapRun: MapRun, writer: unknown): Promise<unknown> {
  if (writer === undefined) {
    const results = mapRun.children.map(({ status, output, error, cause }) =>
      status === 'SUCCEEDED' ? output : { Status: status, Error: error, Cause: cause },
    );
    if (isTooLarge(results)) throw tooLargeResult(mapRun.arn);
    return results;
  }
  const ResultWriterDetails = await writeResults(ports.s3, writer, {
    mapRunArn: mapRun.arn,
    stateMachineArn: mapRun.stateMachineArn,
    children: mapRun.children,
    isDenied: ports.world().stepFunctions.denied.includes('s3:PutObject'),
  });
  mapRun.noteResults();
  return { MapRunArn: mapRun.arn, ResultWriterDetails };
}

async function startMapRun(
  ports: MapPorts,
  execution: Execution,
  name: string,
  state: State,
  asked: z.infer<typeof evaluatedSchema>,
): Promise<MapRun> {
  const { denied } = ports.world().stepFunctions;
  if (denied.includes('states:StartExecution'))
    throw new StateError(
      'States.Permissions',
      `The role is not authorized to perform: states:StartExecution on resource: ${execution.machine.arn}`,
    );
  const reader: Reader | undefined = readerSchema.safeParse(state.ItemReader).data;
  const items = reader
    ? await readItems(ports.s3, reader, asked.Reader, {
        maxItems: asked.MaxItems,
        isDenied: denied.includes('s3:GetObject'),
      })
    : z.array(z.unknown()).safeParse(asked.Items).data;
  if (!items) throw new StateError('States.Runtime', `The items of the Map state '${name}' are not an array.`);
  const selector = state.ItemSelector ?? state.Parameters;
  const selected =
    selector === undefined ? items : await select(selector, items, asked.Input, { ports, execution, name });
  const inputs = childInputs(selected, asked.Batcher);
  const machine = execution.machine.name;
  const label = typeof state.Label === 'string' ? state.Label : Buffer.from(name).toString('hex').slice(0, 32);
  const children = inputs.map(({ input, itemCount }, index): Child => {
    if (isTooLarge(input)) throw new StateError('States.DataLimitExceeded', `Item ${index} is larger than 256 KiB.`);
    const childName = randomUUID();
    return {
      arn: childArn(machine, label, childName),
      name: childName,
      index,
      input,
      itemCount,
      status: 'PENDING',
      startedAt: undefined,
      endedAt: undefined,
      output: undefined,
      error: undefined,
      cause: undefined,
      redriveCount: 0,
      redrivenAt: undefined,
      log: undefined,
      run: undefined,
    };
  });
  const start = childStarter(ports, execution, state, `${execution.machine.arn}/${label}`);
  const mapRun = createMapRun({
    arn: mapRunArn(machine, label, randomUUID()),
    executionArn: execution.arn,
    stateMachineArn: `${execution.machine.arn}/${label}`,
    children,
    limits: {
      maxConcurrency: asked.MaxConcurrency,
      toleratedFailureCount: asked.ToleratedFailureCount,
      toleratedFailurePercentage: asked.ToleratedFailurePercentage,
    },
    now: ports.now,
    start,
  });
  execution.mapRuns.set(name, mapRun);
  execution.history.add('MapStateStarted', { mapStateStartedEventDetails: { length: items.length } });
  ports.keep(mapRun);
  return mapRun;
}

/** The ItemSelector, evaluated by the interpreter for each item. */
async function select(
  selector: unknown,
  items: readonly unknown[],
  input: unknown,
  about: { readonly ports: MapPorts; readonly execution: Execution; readonly name: string },
): Promise<readonly unknown[]> {
  const { ports, execution, name } = about;
  const machine = prepare({ StartAt: name, States: { [name]: { Type: 'Pass', Parameters: selector, End: true } } }, 1);
  const selected: unknown[] = [];
  for (const [Index, Value] of items.entries()) {
    const context = { ...execution.context(), Map: { Item: { Index, Value } } };
    const ending = await runMachine(machine, input, { ...ports, context }).ended;
    if (ending.kind !== 'succeeded')
      throw new StateError(
        'States.Runtime',
        `The ItemSelector of '${name}' cannot be evaluated for item ${Index}: ${ending.kind === 'failed' ? ending.cause : ending.kind}`,
      );
    selected.push(ending.output);
  }
  return selected;
}

function childStarter(ports: MapPorts, execution: Execution, state: State, stateMachineArn: string) {
  const processor = processorOf(state);
  if (!processor) throw new StateError('States.Runtime', 'The Map state has no ItemProcessor.');
  const isExpress = processorConfigOf(state)?.ExecutionType === 'EXPRESS';
  let prepared: { readonly speed: number; readonly machine: Machine } | undefined;
  return (child: Child): MachineRun => {
    const { speed, expressTimeoutSeconds } = ports.world().stepFunctions;
    if (prepared?.speed !== speed) prepared = { speed, machine: prepare(processor, speed) };
    const run = runMachine(prepared.machine, child.input, {
      now: ports.now,
      wait: ports.wait,
      call: ports.call,
      log: isExpress ? undefined : child.log,
      context: {
        Execution: {
          Id: child.arn,
          Input: child.input,
          Name: child.name,
          RoleArn: execution.machine.roleArn,
          StartTime: new Date(child.startedAt ?? ports.now()).toISOString(),
          RedriveCount: child.redriveCount,
        },
        StateMachine: { Id: stateMachineArn, Name: execution.machine.name },
      },
    });
    return isExpress ? asExpress(run, expressTimeoutSeconds * 1_000) : run;
  };
}

/**
 * An EXPRESS child ends after 5 minutes, and a redrive starts it over. StopExecution is not for EXPRESS: a child whose Map
 * Run was stopped counts as aborted, but what it does continues. AWS does not say so of children; this is the worse case.
 */
function asExpress(run: MachineRun, timeoutMs: number): MachineRun {
  const timer = setTimeout(() => run.timeOut(), timeoutMs);
  const aborted = Promise.withResolvers<Ending>();
  void run.ended.then(() => clearTimeout(timer));
  return {
    ...run,
    ended: Promise.race([run.ended, aborted.promise]),
    abort: () => aborted.resolve({ kind: 'aborted' }),
    log: () => undefined,
  };
}
