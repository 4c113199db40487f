/**
 * IAM policies as they are described in this folder, once, and written in three spellings: for CloudFormation, with
 * placeholders, and as a template of Terraform.
 */

/** What differs from one installation to another. In an ARN each is written as `{name}`. */
export const NAMES = [
  'partition',
  'region',
  'account',
  'controlTable',
  'controlBucket',
  'controlPrefix',
  'imageBucket',
  'table',
  'ocrFunction',
  'stateMachine',
  'stateMachineRole',
] as const;
export type Name = (typeof NAMES)[number];

/** A permission that an installation can do without. The text says what the bot refuses without it. */
export type Option = 'AllowDeploy' | 'AllowRecreate' | 'UseStepFunctions';

export interface Statement {
  readonly sid: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  /** ARNs with `{names}`, or `*` where AWS scopes none of the actions to a resource. */
  readonly resources: readonly string[];
  /** Why the resource is `*`. Required there. */
  readonly unscoped?: string;
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  /** The statement is only in a role for which this was chosen. */
  readonly option?: Option;
  /** The template creates what this statement would let the bot create, so the role of the template does not have it. */
  readonly createdByTemplate?: boolean;
}

/** How a name is written in one of the spellings. */
export type Spelling = (name: Name) => string;

/** The names as words in capitals, to be replaced by hand: `CONTROL_TABLE`. The partition is that of most accounts. */
export const placeholders: Spelling = (name) =>
  name === 'partition' ? 'aws' : name.replaceAll(/[A-Z]/g, '_$&').toUpperCase();

/** The names as variables of Terraform's `templatefile`: `${control_table}`. */
export const terraform: Spelling = (name) => `\${${name.replaceAll(/[A-Z]/g, '_$&').toLowerCase()}}`;

const PSEUDO: Readonly<Partial<Record<Name, string>>> = {
  partition: 'AWS::Partition',
  region: 'AWS::Region',
  account: 'AWS::AccountId',
};

/** The names as parameters of the template, for `Fn::Sub`: `${ControlTable}`. */
export const cloudFormation: Spelling = (name) => `\${${PSEUDO[name] ?? name.charAt(0).toUpperCase() + name.slice(1)}}`;

/** The ARN in this spelling. @throws Error for a name that is none of `NAMES` */
export const spell = (arn: string, spelling: Spelling): string =>
  arn.replaceAll(/\{(\w+)\}/g, (_, word: string) => {
    const name = NAMES.find((known) => known === word);
    if (name === undefined) throw new Error(`${arn} has the unknown name ${word}`);
    return spelling(name);
  });

/** A statement as IAM reads it. */
export function statementJson(statement: Statement, resource: (arn: string) => unknown): Record<string, unknown> {
  const { sid, effect, actions, resources, condition } = statement;
  return {
    Sid: sid,
    Effect: effect,
    Action: actions,
    Resource: resources.map(resource),
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

/** The policy as a JSON file. */
export const policyFile = (statements: readonly Statement[], spelling: Spelling): string =>
  `${JSON.stringify(policyJson(statements, spelling), undefined, 2)}\n`;

const policyJson = (statements: readonly Statement[], spelling: Spelling) => ({
  Version: '2012-10-17',
  Statement: statements.map((statement) => statementJson(statement, (arn) => spell(arn, spelling))),
});
