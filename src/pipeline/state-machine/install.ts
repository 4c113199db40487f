import {
  CreateStateMachineCommand,
  DescribeStateMachineCommand,
  type SFNClient,
  StateMachineAlreadyExists,
  StateMachineDoesNotExist,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';

/** A state machine as AWS has it. */
export interface MachineFacts {
  readonly arn: string;
  /** The text of its definition. */
  readonly definition: string;
  readonly roleArn: string;
  readonly type: string;
  readonly isDeleting: boolean;
  /** Changes with every update. */
  readonly revisionId?: string;
}

const asked = (action: string, resource: string) => ({ service: 'states', action: `states:${action}`, resource });

/** Reads a state machine; undefined where there is none. @throws FaultError, or the SDK's error */
export async function describeStateMachine(sfn: SFNClient, arn: string): Promise<MachineFacts | undefined> {
  try {
    const found = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: arn }));
    const { definition = '', roleArn = '', type = '', status, revisionId } = found;
    return defined({ arn, definition, roleArn, type, isDeleting: status === 'DELETING', revisionId });
  } catch (error) {
    if (error instanceof StateMachineDoesNotExist) return;
    throw asFaultError(error, asked('DescribeStateMachine', arn));
  }
}

/**
 * Creates a state machine of type STANDARD. The same call again changes nothing, so a lost reply does no harm.
 * `exists`: somebody created one of this name with other contents meanwhile. @throws FaultError, or the SDK's error
 */
export async function createStateMachine(
  sfn: SFNClient,
  machine: { readonly name: string; readonly definition: string; readonly roleArn: string },
): Promise<'created' | 'exists'> {
  try {
    await sfn.send(new CreateStateMachineCommand({ ...machine, type: 'STANDARD' }));
    return 'created';
  } catch (error) {
    if (error instanceof StateMachineAlreadyExists) return 'exists';
    throw asFaultError(error, asked('CreateStateMachine', machine.name));
  }
}

/**
 * Changes the definition and the role. Executions that run keep the definition that they began with. The same call again changes
 * nothing. @throws FaultError, or the SDK's error
 */
export async function updateStateMachine(
  sfn: SFNClient,
  { arn, definition, roleArn }: { readonly arn: string; readonly definition: string; readonly roleArn: string },
): Promise<void> {
  const command = new UpdateStateMachineCommand({ stateMachineArn: arn, definition, roleArn });
  await sfn.send(command).catch((error: unknown) => {
    throw asFaultError(error, asked('UpdateStateMachine', arn));
  });
}
