import type { Engine } from '../engine.ts';
import { createHands, type StepFunctionsPorts } from './hands.ts';

/**
 * The engine that has AWS Step Functions invoke the function. The bot opens executions of the state machine, follows them, and
 * judges what they record by the rules of every engine.
 * @param check Whether the state machine is installed and is the one of this version. @throws FaultError
 */
export const createStepFunctionsEngine = (ports: StepFunctionsPorts, check: () => Promise<void>): Engine => ({
  kind: 'step-functions',
  check,
  open: async (record) => createHands(record, ports),
});
