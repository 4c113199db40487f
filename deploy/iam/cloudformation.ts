import { cloudFormation, type Statement, spell } from './policy.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function statementLines({ sid, effect, actions, resources, condition }: Statement): readonly string[] {
  const resource = (arn: string) => (arn === '*' ? quoted(arn) : `!Sub ${quoted(spell(arn, cloudFormation))}`);
  const conditions = Object.entries(condition ?? {}).flatMap(([operator, keys]) => [
    `    ${operator}:`,
    ...Object.entries(keys).flatMap(([key, values]) => [
      `      ${key}:`,
      ...[values].flat().map((value) => `        - ${quoted(value)}`),
    ]),
  ]);
  return [
    `- Sid: ${sid}`,
    `  Effect: ${effect}`,
    '  Action:',
    ...actions.map((action) => `    - ${action}`),
    '  Resource:',
    ...resources.map((arn) => `    - ${resource(arn)}`),
    ...(conditions.length === 0 ? [] : ['  Condition:', ...conditions]),
  ];
}

/** The statements as a list in YAML. An optional one is there only if the condition with its name holds. */
export const statementsYaml = (statements: readonly Statement[]): readonly string[] =>
  statements
    .filter(({ createdByTemplate }) => createdByTemplate !== true)
    .flatMap((statement) => {
      const lines = statementLines(statement);
      if (statement.option === undefined) return lines;
      return ['- !If', `  - ${statement.option}`, ...lines.map((line) => `  ${line}`), '  - !Ref AWS::NoValue'];
    });
