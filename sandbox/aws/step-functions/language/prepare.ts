import { z } from 'zod';
import { isDistributed, type Machine, type State, withMachines } from './machine.ts';

/** The resource of the task that stands for a distributed Map state. */
export const MAP_RUN = 'sandbox:map-run';
/** The resource of the task that stands for a Wait state whose seconds are in its input. */
export const WAIT = 'sandbox:wait';
/** `setTimeout` takes no more. The interpreter's own default of 60 s is not that of Step Functions. */
const NO_TIMEOUT_SECONDS = 2_000_000;

/** Where the context object of a state is found: the interpreter has no `$$.State`. */
export const contextKeyOf = (state: string): string => `s${Buffer.from(state).toString('hex')}`;

const retriersSchema = z.array(
  z.looseObject({ IntervalSeconds: z.number().default(1), MaxDelaySeconds: z.number().optional() }),
);

/**
 * The machine as the interpreter runs it with the results of Step Functions:
 * - `$$.State` and `$$.Execution` are read from where `tracker.ts` keeps them. In the interpreter a branch has no
 *   `$$.State`, and its `$$.Execution.Input` is the input of the branch.
 * - Retry delays and waits are divided by `speed`. A Wait state with SecondsPath becomes a task that waits.
 * - A task without a timeout has none.
 * - A Pass state may have a Result such as 0 or false.
 * - A distributed Map state becomes a task with the evaluated fields of the Map state as its input.
 */
export function prepare(machine: Machine, speed: number): Machine {
  const States = Object.entries(machine.States).map(([name, state]) => [name, prepareState(name, state, speed)]);
  return { ...machine, States: Object.fromEntries(States) };
}

function prepareState(name: string, state: State, speed: number): State {
  if (isDistributed(state)) return prepareState(name, asTask(state), speed);
  if (state.Type === 'Wait' && typeof state.SecondsPath === 'string')
    return prepareState(name, waitAsTask(state, state.SecondsPath), speed);
  const { ItemProcessor, Iterator, Branches, ...own } = state;
  const fields = withContext(own, contextKeyOf(name));
  const nested = Object.fromEntries(
    Object.entries({ ItemProcessor, Iterator, Branches }).filter(([, value]) => value !== undefined),
  );
  const prepared = withMachines({ ...fields, ...nested, Type: state.Type }, (inner) => prepare(inner, speed));
  const retriers = retriersSchema.safeParse(state.Retry).data;
  return {
    ...prepared,
    ...(retriers === undefined ? {} : { Retry: retriers.map((retrier) => faster(retrier, speed)) }),
    ...(state.Type === 'Task' && state.TimeoutSeconds === undefined && state.TimeoutSecondsPath === undefined
      ? { TimeoutSeconds: NO_TIMEOUT_SECONDS }
      : {}),
    ...(state.Type === 'Wait' && typeof state.Seconds === 'number' ? { Seconds: state.Seconds / speed } : {}),
    ...(state.Type === 'Pass' && 'Result' in state && !state.Result ? { Parameters: state.Result } : {}),
  };
}

const faster = (retrier: z.infer<typeof retriersSchema>[number], speed: number) => ({
  ...retrier,
  IntervalSeconds: retrier.IntervalSeconds / speed,
  ...(retrier.MaxDelaySeconds === undefined ? {} : { MaxDelaySeconds: retrier.MaxDelaySeconds / speed }),
});

const isPath = (field: string): boolean => field.endsWith('.$') || field.endsWith('Path') || field === 'Variable';
const recordSchema = z.record(z.string(), z.unknown());

/** The fields with their references to the context object redirected. */
function withContext(fields: Readonly<Record<string, unknown>>, key: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [field, redirected(field, value, key)] as const),
  );
}
function redirected(field: string, value: unknown, key: string): unknown {
  if (typeof value === 'string')
    return isPath(field)
      ? value
          .replace(/\$\$\.Execution\b/g, () => '$$.Own.Execution')
          .replace(/\$\$\.State\b/g, () => `$$.Own.States.${key}`)
      : value;
  if (Array.isArray(value)) return value.map((entry) => redirected(field, entry, key));
  const record = recordSchema.safeParse(value);
  return record.success ? withContext(record.data, key) : value;
}

const waitAsTask = ({ SecondsPath: _path, ...state }: State, path: string): State => ({
  ...state,
  Type: 'Task',
  Resource: WAIT,
  Parameters: { 'Seconds.$': path },
  ResultPath: null,
});

const KEPT = ['InputPath', 'ResultSelector', 'ResultPath', 'OutputPath', 'Retry', 'Catch', 'Next', 'End'];
const distributedSchema = z.looseObject({
  ItemReader: z
    .looseObject({
      Parameters: recordSchema.optional(),
      ReaderConfig: z.looseObject({ MaxItemsPath: z.string().optional() }).optional(),
    })
    .optional(),
  ResultWriter: z.looseObject({ Parameters: recordSchema.optional() }).optional(),
  ItemBatcher: recordSchema.optional(),
});

/** A distributed Map state as a task. The interpreter evaluates the fields that depend on the input. */
function asTask(state: State): State {
  const { ItemReader, ResultWriter, ItemBatcher } = distributedSchema.parse(state);
  const orPath = (field: string) =>
    typeof state[`${field}Path`] === 'string'
      ? { [`${field}.$`]: state[`${field}Path`] }
      : state[field] === undefined
        ? {}
        : { [field]: state[field] };
  const batchPath = (field: string) =>
    typeof ItemBatcher?.[`${field}Path`] === 'string' ? { [`${field}.$`]: ItemBatcher[`${field}Path`] } : {};
  const maxItems = ItemReader?.ReaderConfig?.MaxItemsPath;
  return {
    Type: 'Task',
    Resource: MAP_RUN,
    ...Object.fromEntries(KEPT.filter((field) => field in state).map((field) => [field, state[field]])),
    Parameters: {
      'Input.$': '$',
      ...(ItemReader ? { Reader: ItemReader.Parameters ?? {} } : { 'Items.$': state.ItemsPath ?? '$' }),
      ...(maxItems === undefined ? {} : { 'MaxItems.$': maxItems }),
      ...(ResultWriter ? { Writer: ResultWriter.Parameters ?? {} } : {}),
      ...(ItemBatcher
        ? { Batcher: { ...ItemBatcher, ...batchPath('MaxItemsPerBatch'), ...batchPath('MaxInputBytesPerBatch') } }
        : {}),
      ...orPath('MaxConcurrency'),
      ...orPath('ToleratedFailureCount'),
      ...orPath('ToleratedFailurePercentage'),
    },
  };
}
