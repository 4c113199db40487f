import type { ChildType } from '../src/run/engines/step-functions/child-type.ts';
import { stateMachineDefinition } from '../src/run/engines/step-functions/definition.ts';

/** How a template writes what differs between installations. */
export interface DefinitionSpelling {
  readonly partition: string;
  readonly childType: string;
  /** Seconds. */
  readonly invokeTimeout: string;
}

export const cloudFormationDefinition: DefinitionSpelling = {
  partition: '${AWS::Partition}',
  childType: '${ChildType}',
  invokeTimeout: '${InvokeTimeout}',
};
export const terraformDefinition: DefinitionSpelling = {
  partition: '${partition}',
  childType: '${child_type}',
  invokeTimeout: '${invoke_timeout_seconds}',
};

const TIMEOUT = /"TimeoutSeconds":(\d+)/g;

/** The timeout of an invocation for each type of children, seconds. @throws Error when the definition has none or two */
export function invokeTimeout(childType: ChildType): number {
  const [found, ...others] = [...JSON.stringify(stateMachineDefinition(childType)).matchAll(TIMEOUT)];
  if (found?.[1] === undefined || others.length > 0)
    throw new Error('The definition of the state machine does not have exactly one timeout.');
  return Number(found[1]);
}

/** The definition of the state machine as the bot writes it, in one line, with variables for what differs. */
export const definitionText = (spelling: DefinitionSpelling): string =>
  JSON.stringify(stateMachineDefinition('STANDARD', spelling.partition))
    .replaceAll(TIMEOUT, `"TimeoutSeconds":${spelling.invokeTimeout.replaceAll('$', '$$$$')}`)
    .replaceAll('"ExecutionType":"STANDARD"', `"ExecutionType":"${spelling.childType.replaceAll('$', '$$$$')}"`);

/** The property `DefinitionString` of the template. */
export const definitionYaml = (): readonly string[] => [
  'DefinitionString: !Sub',
  `  - '${definitionText(cloudFormationDefinition).replaceAll("'", "''")}'`,
  '  - InvokeTimeout: !FindInMap [ChildTypes, !Ref ChildType, InvokeTimeout]',
];

/** The mapping of the template with the timeouts. */
export const childTypesYaml = (): readonly string[] => [
  'ChildTypes:',
  `  STANDARD: { InvokeTimeout: '${invokeTimeout('STANDARD')}' }`,
  `  EXPRESS: { InvokeTimeout: '${invokeTimeout('EXPRESS')}' }`,
];
