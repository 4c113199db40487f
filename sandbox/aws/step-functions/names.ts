import { StepFunctionsError } from './errors.ts';

const ACCOUNT = '016164185850';
const PREFIX = `arn:aws:states:us-east-1:${ACCOUNT}`;
const MOST_NAME = 80;
// biome-ignore lint/suspicious/noControlCharactersInRegex: names must not contain them
const FORBIDDEN = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff]/;

export const stateMachineArn = (name: string): string => `${PREFIX}:stateMachine:${name}`;
export const executionArn = (machine: string, name: string): string => `${PREFIX}:execution:${machine}:${name}`;
/** `label`: that of the Map state. */
export const childArn = (machine: string, label: string, name: string): string =>
  `${PREFIX}:execution:${machine}/${label}:${name}`;
export const mapRunArn = (machine: string, label: string, id: string): string =>
  `${PREFIX}:mapRun:${machine}/${label}:${id}`;

/** @throws StepFunctionsError InvalidName */
export function checkName(name: string): void {
  if (name.length >= 1 && name.length <= MOST_NAME && !FORBIDDEN.test(name)) return;
  throw new StepFunctionsError('InvalidName', `Invalid Name: '${name}'`);
}

const ARN = /^arn:aws:states:us-east-1:\d{12}:(stateMachine|execution|mapRun|express):[^\s:]+(:[^\s:]+)?(:[^\s:]+)?$/;

/** @throws StepFunctionsError InvalidArn */
export function checkArn(arn: string, kind: 'stateMachine' | 'execution' | 'mapRun'): void {
  if (ARN.exec(arn)?.[1] === kind && arn.length <= 2_000) return;
  const resource = { stateMachine: 'State Machine', execution: 'Execution', mapRun: 'Map Run' }[kind];
  throw new StepFunctionsError(
    'InvalidArn',
    `Invalid Arn: 'Resource type not valid in this context: ${arn}' (${resource})`,
  );
}
