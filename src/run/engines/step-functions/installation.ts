import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { parseJson } from '../../../lib/json.ts';
import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import type { MachineFacts } from '../../../pipeline/state-machine/install.ts';
import type { ChildType } from './child-type.ts';
import { definitionDigest, stateMachineDefinition } from './definition.ts';

/** Where the state machine of the bot is, and what it must be. */
export interface WantedMachine {
  readonly arn: string;
  readonly name: string;
  /** The setting STATE_MACHINE_ROLE. */
  readonly roleArn?: string;
  /** What suits the timeout of the function. */
  readonly childType: ChildType;
}

/** What an installation changes. */
export type MachineChange =
  | { readonly kind: 'definition'; readonly from: string; readonly to: string }
  | { readonly kind: 'role'; readonly from: string; readonly to: string }
  | { readonly kind: 'children'; readonly from: ChildType; readonly to: ChildType };

/** The state of the state machine. */
export type Installation =
  | { readonly kind: 'missing' }
  /** It is of this version of the bot. `childType`: that of its children. `changes`: what may be changed, but need not. */
  | {
      readonly kind: 'current';
      readonly childType: ChildType;
      /** The beginning of the digest of its definition. */
      readonly digest: string;
      readonly changes: readonly MachineChange[];
      readonly roleArn: string;
    }
  /** The bot may change it. */
  | { readonly kind: 'outdated'; readonly changes: readonly MachineChange[]; readonly roleArn: string }
  /** It was not made by the bot, which never overwrites it. */
  | { readonly kind: 'foreign'; readonly why: string }
  | { readonly kind: 'deleting' };

/** `aws`, `aws-cn` or `aws-us-gov`. */
const partitionOf = (arn: string): string => arn.split(':')[1] ?? 'aws';
/** The definition that the bot installs, as text. */
export const wantedDefinition = ({ arn, childType }: Pick<WantedMachine, 'arn' | 'childType'>): string =>
  JSON.stringify(stateMachineDefinition(childType, partitionOf(arn)));

const CHILD_TYPES: readonly ChildType[] = ['STANDARD', 'EXPRESS'];
/** The first words of the comment of every definition that the bot made. */
const OURS = 'rescan-bot:';
/** The beginning of the digest of the definition that the bot installs. */
export const digestOf = (wanted: Pick<WantedMachine, 'arn' | 'childType'>): string =>
  shortDigest(wantedDefinition(wanted));
const shortDigest = (definition: string): string => definitionDigest(definition).slice(0, 12);

/**
 * Compares the state machine with what this version of the bot needs. STANDARD children are right for every function; EXPRESS
 * ones only for one with a short timeout.
 */
export function judgeInstallation(found: MachineFacts | undefined, wanted: WantedMachine): Installation {
  if (!found) return { kind: 'missing' };
  if (found.isDeleting) return { kind: 'deleting' };
  if (found.type !== 'STANDARD') return { kind: 'foreign', why: `it is of the type ${found.type}, not STANDARD` };
  const definition = parseJson(found.definition);
  const comment =
    typeof definition === 'object' && definition !== null ? Reflect.get(definition, 'Comment') : undefined;
  if (typeof comment !== 'string' || !comment.startsWith(OURS))
    return { kind: 'foreign', why: 'its definition was not made by this bot' };
  const partition = partitionOf(found.arn);
  const childType = CHILD_TYPES.find((type) => isDeepStrictEqual(definition, stateMachineDefinition(type, partition)));
  const changes: MachineChange[] = [];
  if (childType === undefined)
    changes.push({
      kind: 'definition',
      from: shortDigest(found.definition),
      to: shortDigest(wantedDefinition(wanted)),
    });
  if (wanted.roleArn !== undefined && wanted.roleArn !== found.roleArn)
    changes.push({ kind: 'role', from: found.roleArn, to: wanted.roleArn });
  const isTooLong = childType === 'EXPRESS' && wanted.childType === 'STANDARD';
  const isOutdated = changes.length > 0 || isTooLong;
  if (childType !== undefined && childType !== wanted.childType)
    changes.push({ kind: 'children', from: childType, to: wanted.childType });
  return childType === undefined || isOutdated
    ? { kind: 'outdated', changes, roleArn: found.roleArn }
    : { kind: 'current', childType, changes, roleArn: found.roleArn, digest: digestOf({ arn: found.arn, childType }) };
}

/** Identifies what a person confirmed: another state, definition or role is another installation. */
export const installationId = (found: MachineFacts | undefined, wanted: WantedMachine): string =>
  createHash('sha256')
    .update(JSON.stringify([found ?? null, wanted.arn, wanted.roleArn ?? null, wantedDefinition(wanted)]))
    .digest('hex')
    .slice(0, 16);

/** Why no run can start on the state machine. */
export function installationFault(
  installation: Exclude<Installation, { kind: 'current' }>,
  { name }: WantedMachine,
): Fault {
  const fault = (message: string, fix: string): Fault => ({ reason: 'state-machine', message, fix });
  switch (installation.kind) {
    case 'missing':
      return fault(`The state machine ${name} does not exist.`, 'Install it with `/rescan engine install`.');
    case 'deleting':
      return fault(`The state machine ${name} is being deleted.`, 'Wait some minutes, then `/rescan engine install`.');
    case 'foreign':
      return fault(
        `The state machine ${name} cannot be used: ${installation.why}.`,
        'Set STATE_MACHINE to another name, then install it with `/rescan engine install`.',
      );
    case 'outdated':
      return fault(
        `The state machine ${name} is not the one of this version of the bot.`,
        'Update it with `/rescan engine install`.',
      );
  }
}
