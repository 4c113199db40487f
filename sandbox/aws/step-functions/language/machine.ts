import { z } from 'zod';

/** A state and a machine as Amazon States Language writes them. */
export const stateSchema = z.looseObject({ Type: z.string() });
export const machineSchema = z.looseObject({ StartAt: z.string(), States: z.record(z.string(), stateSchema) });
export type State = z.infer<typeof stateSchema>;
export type Machine = z.infer<typeof machineSchema>;

const processorSchema = z.looseObject({
  ProcessorConfig: z
    .looseObject({ Mode: z.string().default('INLINE'), ExecutionType: z.string().optional() })
    .optional(),
});

/** What a Map state runs for each item. */
export const processorOf = (state: State): Machine | undefined =>
  machineSchema.safeParse(state.ItemProcessor ?? state.Iterator).data;

export const processorConfigOf = (state: State) => processorSchema.safeParse(state.ItemProcessor).data?.ProcessorConfig;

export const isDistributed = (state: State): boolean =>
  state.Type === 'Map' && processorConfigOf(state)?.Mode === 'DISTRIBUTED';

/** The machines inside a Parallel or Map state. */
export const machinesIn = (state: State): readonly Machine[] => {
  if (state.Type === 'Parallel') return z.array(machineSchema).safeParse(state.Branches).data ?? [];
  const processor = state.Type === 'Map' ? processorOf(state) : undefined;
  return processor ? [processor] : [];
};

/** The state with each machine inside it replaced. */
export function withMachines(state: State, change: (machine: Machine) => Machine): State {
  if (state.Type === 'Parallel') return { ...state, Branches: machinesIn(state).map(change) };
  const processor = state.Type === 'Map' ? processorOf(state) : undefined;
  if (!processor) return state;
  const { Iterator: _old, ...rest } = state;
  return { ...rest, ItemProcessor: change(processor) };
}

/** Every state of the machine, with those inside Parallel and Map states. */
export function* statesOf(machine: Machine): Generator<readonly [name: string, state: State]> {
  for (const [name, state] of Object.entries(machine.States)) {
    yield [name, state];
    for (const inner of machinesIn(state)) yield* statesOf(inner);
  }
}
