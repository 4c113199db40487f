import type { StateMachineDefinition } from 'aws-local-stepfunctions';
import { z } from 'zod';
import { isTooLarge, StateError, stopped, tooLargeResult } from '../errors.ts';
import { ExecutionAbortedError, ExecutionError, ExecutionTimeoutError, StateMachine } from './library.ts';
import { type Machine, statesOf } from './machine.ts';
import { WAIT } from './prepare.ts';
import { createTracker, type TaskLog } from './tracker.ts';

/** How an execution ended. */
export type Ending =
  | { readonly kind: 'succeeded'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: string; readonly cause: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'aborted' };

export interface MachineRun {
  readonly ended: Promise<Ending>;
  /** Ends it as aborted. Calls that are in flight continue, as in AWS; their results are ignored. */
  abort(): void;
  /** Ends it as timed out. */
  timeOut(): void;
  /** Ends it at once, also where `abort` lets it continue. */
  kill(): void;
  /** What a redrive does not repeat; undefined where a redrive starts over. To be called when it has ended. */
  log(): TaskLog | undefined;
}

export interface RunPorts {
  readonly now: () => number;
  /** The time of a Wait state whose seconds are in its input. Resolves at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** `$$.Execution` and `$$.StateMachine`. */
  readonly context: { readonly Execution: Readonly<Record<string, unknown>>; readonly [name: string]: unknown };
  /** Calls the resource of a task. @throws StateError */
  readonly call: (resource: string, input: unknown, state: string) => Promise<unknown>;
  readonly log?: TaskLog | undefined;
  /** Called when a state of the outermost machine is entered, but not again in a redrive. */
  readonly onEntered?: (state: string) => void;
}

type Input = Parameters<InstanceType<typeof StateMachine>['run']>[0];
/** The interpreter's types of a definition and of JSON; what it is given was checked when the machine was created. */
const definitionSchema = z.custom<StateMachineDefinition>((value) => typeof value === 'object');
const jsonSchema = z.custom<Input>((value) => value !== undefined);

const waitSchema = z.object({ Seconds: z.number().int().min(0) });

/** Runs a machine that `prepare` returned with the interpreter. */
export function runMachine(machine: Machine, input: unknown, ports: RunPorts): MachineRun {
  const tracker = createTracker(machine, ports.log, ports.now);
  const interpreter = new StateMachine(definitionSchema.parse(tracker.watched), {
    validationOptions: { noValidate: true },
  });
  let forced: Ending | undefined;
  const call = async (resource: string, taskInput: unknown, state: string): Promise<Input> => {
    // The interpreter continues after an abort: a retry that waited is attempted once more.
    if (forced) throw stopped();
    if (isTooLarge(taskInput)) throw tooLargeResult(resource);
    const result = await tracker.attempt(state, async () => {
      const value = resource === WAIT ? await waited(taskInput) : await ports.call(resource, taskInput, state);
      if (isTooLarge(value)) throw tooLargeResult(resource);
      return value;
    });
    if (forced) throw stopped();
    return jsonSchema.parse(result);
  };
  const ending = new AbortController();
  async function waited(taskInput: unknown): Promise<null> {
    const asked = waitSchema.safeParse(taskInput);
    if (!asked.success) throw new StateError('States.Runtime', 'The seconds of a Wait state are not a whole number.');
    await ports.wait(asked.data.Seconds * 1_000, ending.signal);
    return null;
  }
  const tasks = [...statesOf(machine)].filter(([, { Type }]) => Type === 'Task');
  const noWait = (name: string | symbol): number | undefined => {
    if (typeof name === 'string') tracker.noteFailure(name);
    return tracker.isReplaying() ? 0 : undefined;
  };
  const run = interpreter.run(jsonSchema.parse(structuredClone(input)), {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(
        tasks.map(([name, { Resource }]) => [name, (taskInput: Input) => call(String(Resource), taskInput, name)]),
      ),
      // Asked when a state failed, and before a wait: a redrive does not wait again.
      retryIntervalOverrides: new Proxy<Record<string, number>>({}, { get: (_, name) => noWait(name) }),
      waitTimeOverrides: new Proxy<Record<string, number>>({}, { get: () => (tracker.isReplaying() ? 0 : undefined) }),
    },
    context: { ...ports.context, Own: { Execution: ports.context.Execution, States: tracker.states } },
  });
  const end = (how: Ending): void => {
    forced ??= how;
    ending.abort();
    run.abort();
  };

  async function follow(): Promise<void> {
    for await (const event of run.eventLogs) {
      if (event.type === 'StateEntered' && event.state.name in machine.States && !tracker.isReplaying())
        ports.onEntered?.(event.state.name);
      if (event.type === 'StateExited' && isTooLarge(event.state.output)) {
        const { name, message } = tooLargeResult(event.state.name);
        end({ kind: 'failed', error: name, cause: message });
      }
    }
  }
  void follow();

  async function ended(): Promise<Ending> {
    try {
      const output: unknown = await run.result;
      if (forced) return forced;
      if (!isTooLarge(output)) return { kind: 'succeeded', output };
      const { name, message } = tooLargeResult('the execution');
      return { kind: 'failed', error: name, cause: message };
    } catch (error) {
      return forced ?? endingOf(error);
    }
  }

  return {
    ended: ended(),
    abort: () => end({ kind: 'aborted' }),
    timeOut: () => end({ kind: 'timed-out' }),
    kill: () => end({ kind: 'aborted' }),
    log: () => tracker.log(),
  };
}

/** Errors of JavaScript come from expressions that the interpreter cannot evaluate. */
const OWN_ERRORS = new Set(['Error', 'TypeError', 'SyntaxError', 'RangeError', 'ReferenceError', 'ZodError']);

function endingOf(error: unknown): Ending {
  if (error instanceof ExecutionAbortedError) return { kind: 'aborted' };
  if (error instanceof ExecutionTimeoutError) return { kind: 'timed-out' };
  const cause = error instanceof ExecutionError ? error.cause : error;
  if (!(cause instanceof Error)) return { kind: 'failed', error: 'States.Runtime', cause: String(cause) };
  const name = OWN_ERRORS.has(cause.name) ? 'States.Runtime' : cause.name;
  return { kind: 'failed', error: name, cause: cause.message };
}
