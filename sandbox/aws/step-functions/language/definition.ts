import { createRequire } from 'node:module';
import { StepFunctionsError } from '../errors.ts';
import { READER, readerSchema } from '../map/items.ts';
import { WRITER } from '../map/results.ts';
import { isKnownResource } from '../tasks.ts';
import {
  isDistributed,
  type Machine,
  machineSchema,
  machinesIn,
  processorConfigOf,
  type State,
  statesOf,
} from './machine.ts';

/** asl-validator is a CommonJS module without types. It writes into the definition that it is given. */
const validateAsl: (
  definition: object,
  options: { readonly checkArn: boolean; readonly checkPaths: boolean },
) => { readonly isValid: boolean; readonly errorsText: (separator: string) => string } = createRequire(import.meta.url)(
  'asl-validator',
);

const MOST_DEFINITION_BYTES = 1_048_576;
const MOST_STATE_NAME = 80;

const invalid = (what: string): StepFunctionsError =>
  new StepFunctionsError('InvalidDefinition', `Invalid State Machine Definition: '${what}'`);

/**
 * The machine that a definition describes. It is checked with asl-validator, and then for what Step Functions refuses
 * beyond the language, and for what the local one does not have. @throws StepFunctionsError InvalidDefinition
 */
export function parseDefinition(text: string): Machine {
  if (Buffer.byteLength(text) > MOST_DEFINITION_BYTES)
    throw invalid(`DEFINITION_TOO_LARGE: more than ${MOST_DEFINITION_BYTES} bytes`);
  const machine = machineSchema.safeParse(parsedJson(text));
  if (!machine.success) throw invalid('SCHEMA_VALIDATION_FAILED: StartAt and States are required');
  const checked = validateAsl(structuredClone(machine.data), { checkArn: true, checkPaths: true });
  if (!checked.isValid) throw invalid(`SCHEMA_VALIDATION_FAILED: ${checked.errorsText('; ')}`);
  if (machine.data.QueryLanguage === 'JSONata') throw invalid('the local AWS has only JSONPath');
  for (const [name, state] of statesOf(machine.data)) checkState(name, state);
  return machine.data;
}

function checkState(name: string, state: State): void {
  const where = `/States/${name}`;
  if (name.length > MOST_STATE_NAME) throw invalid(`SCHEMA_VALIDATION_FAILED: State name is too long at ${where}`);
  if (state.QueryLanguage === 'JSONata') throw invalid(`the local AWS has only JSONPath, at ${where}`);
  if (state.Type === 'Task') {
    const resource = String(state.Resource);
    if (!isKnownResource(resource)) throw invalid(`the local AWS cannot call ${resource}, at ${where}/Resource`);
  }
  if (state.Type === 'Parallel' && machinesIn(state).length !== 1)
    throw invalid(`the local AWS runs only one branch of a Parallel state, at ${where}`);
  if (state.Type !== 'Map') return;
  const config = processorConfigOf(state);
  if (!isDistributed(state)) {
    for (const field of ['ItemReader', 'ItemBatcher', 'ResultWriter', 'ToleratedFailureCount', 'Label'])
      if (field in state)
        throw invalid(`SCHEMA_VALIDATION_FAILED: Field '${field}' is only for DISTRIBUTED mode at ${where}`);
    if (state.MaxConcurrency !== 1)
      throw invalid(`the local AWS runs an INLINE Map state only with MaxConcurrency 1, at ${where}`);
    return;
  }
  if (config?.ExecutionType !== 'STANDARD' && config?.ExecutionType !== 'EXPRESS')
    throw invalid(`SCHEMA_VALIDATION_FAILED: ExecutionType must be STANDARD or EXPRESS at ${where}/ItemProcessor`);
  for (const machine of machinesIn(state))
    for (const [inner, nested] of statesOf(machine))
      if (isDistributed(nested) && config.ExecutionType === 'EXPRESS')
        throw invalid(`SCHEMA_VALIDATION_FAILED: DISTRIBUTED mode is not supported in EXPRESS at /States/${inner}`);
      else if (isDistributed(nested)) throw invalid(`the local AWS has no nested Map Runs, at /States/${inner}`);
  if ('ItemReader' in state && !readerSchema.safeParse(state.ItemReader).success)
    throw invalid(`the local AWS reads items only with ${READER} as CSV, JSON or JSONL, at ${where}/ItemReader`);
  const { ItemReader: reader, ResultWriter: writer } = state;
  const { ReaderConfig } = readerSchema.safeParse(reader).data ?? {};
  if (ReaderConfig?.InputType === 'CSV' && ReaderConfig.CSVHeaderLocation === undefined)
    throw invalid(`SCHEMA_VALIDATION_FAILED: CSVHeaderLocation is required at ${where}/ItemReader/ReaderConfig`);
  if (ReaderConfig?.CSVHeaderLocation === 'GIVEN' && ReaderConfig.CSVHeaders === undefined)
    throw invalid(`SCHEMA_VALIDATION_FAILED: CSVHeaders is required at ${where}/ItemReader/ReaderConfig`);
  if (writer !== undefined && !isWriter(writer))
    throw invalid(
      `the local AWS writes results only with ${WRITER} and without WriterConfig, at ${where}/ResultWriter`,
    );
}

const isWriter = (writer: unknown): boolean =>
  typeof writer === 'object' &&
  writer !== null &&
  'Resource' in writer &&
  writer.Resource === WRITER &&
  !('WriterConfig' in writer);

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('INVALID_JSON_DESCRIPTION: the definition is not JSON');
  }
}
