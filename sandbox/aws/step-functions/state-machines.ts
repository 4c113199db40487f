import { randomUUID } from 'node:crypto';
import type { World } from '../world.ts';
import { StepFunctionsError } from './errors.ts';
import { parseDefinition } from './language/definition.ts';
import type { Machine } from './language/machine.ts';
import { checkArn, checkName, stateMachineArn } from './names.ts';

/** A state machine. An execution keeps the one that it was started with. Times are epoch ms. */
export interface StateMachineRecord {
  readonly arn: string;
  readonly name: string;
  readonly definition: string;
  readonly machine: Machine;
  readonly roleArn: string;
  readonly createdAt: number;
  readonly revisionId: string;
  readonly tags: readonly { readonly key?: string | undefined; readonly value?: string | undefined }[];
}

const ROLE = /^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/;
/** State machines of one account (Step Functions quotas). */
const MOST_MACHINES = 10_000;

/** The state machines of the account. `now` in epoch ms. */
export function createStateMachines(now: () => number, world: () => World) {
  const machines = new Map<string, StateMachineRecord>();

  function checkRole(roleArn: string): void {
    if (!ROLE.test(roleArn)) throw new StepFunctionsError('InvalidArn', `Invalid Role Arn: '${roleArn}'`);
    if (world().accessDenied.includes('iam:PassRole'))
      throw new StepFunctionsError(
        'AccessDeniedException',
        `User: arn:aws:sts::016164185850:assumed-role/rescan-bot/bot is not authorized to perform: iam:PassRole on resource: ${roleArn}`,
      );
    if (!world().stepFunctions.roleTrusted)
      throw new StepFunctionsError(
        'AccessDeniedException',
        'Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.',
      );
  }

  /** @throws StepFunctionsError */
  function found(arn: string): StateMachineRecord {
    checkArn(arn, 'stateMachine');
    const machine = machines.get(arn);
    if (machine) return machine;
    throw new StepFunctionsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }

  return {
    found,
    all: (): readonly StateMachineRecord[] =>
      [...machines.values()].toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    /** The same name with the same definition is the same state machine; the role is not compared. */
    create(asked: {
      readonly name: string;
      readonly definition: string;
      readonly roleArn: string;
      readonly type: 'STANDARD' | 'EXPRESS';
      readonly tags: StateMachineRecord['tags'];
    }): StateMachineRecord {
      checkName(asked.name);
      if (asked.type === 'EXPRESS')
        throw new StepFunctionsError('StateMachineTypeNotSupported', 'The local AWS has only STANDARD state machines.');
      const machine = parseDefinition(asked.definition);
      checkRole(asked.roleArn);
      const arn = stateMachineArn(asked.name);
      const existing = machines.get(arn);
      if (existing?.definition === asked.definition) return existing;
      if (existing) throw new StepFunctionsError('StateMachineAlreadyExists', `State Machine Already Exists: '${arn}'`);
      if (machines.size >= MOST_MACHINES)
        throw new StepFunctionsError('StateMachineLimitExceeded', `There are ${MOST_MACHINES} state machines.`);
      const { type: _type, ...rest } = asked;
      const created = { ...rest, arn, machine, createdAt: now(), revisionId: 'INITIAL' };
      machines.set(arn, created);
      return created;
    },
    update(arn: string, change: { readonly definition?: string | undefined; readonly roleArn?: string | undefined }) {
      const existing = found(arn);
      const { definition = existing.definition, roleArn = existing.roleArn } = change;
      if (change.definition === undefined && change.roleArn === undefined)
        throw new StepFunctionsError(
          'MissingRequiredParameter',
          'Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified',
        );
      const machine = change.definition === undefined ? existing.machine : parseDefinition(definition);
      if (change.roleArn !== undefined) checkRole(roleArn);
      const updated = { ...existing, definition, roleArn, machine, revisionId: randomUUID() };
      machines.set(arn, updated);
      return updated;
    },
    /** Returns whether it existed. */
    remove(arn: string): boolean {
      checkArn(arn, 'stateMachine');
      return machines.delete(arn);
    },
    clear: () => machines.clear(),
  };
}
