import type { Clash } from './pipelines-file.ts';

/** What two pipelines of one file must not share, as far as the file shows it. */

interface Pipeline {
  readonly name: string;
  readonly values: {
    readonly slackChannels: readonly string[];
    readonly imageBucket: string;
    readonly ocrFunction: string;
    readonly table: string;
    readonly controlTable: string;
    readonly controlBucket: string;
    readonly controlPrefix: string;
    readonly stopFile: string;
    readonly stateMachine: string;
  };
  readonly connection: {
    readonly awsRegion: string;
    readonly awsProfile: string;
    readonly awsEndpointUrl: string;
  };
}

/** One line for each setting of a pipeline that would mix it with a pipeline above it in the file. */
export const findClashes = (pipelines: readonly Pipeline[]): readonly Clash[] =>
  pipelines.flatMap((one, index) => pipelines.slice(0, index).flatMap((above) => clashesOf(one, above)));

function clashesOf({ name, values, connection }: Pipeline, above: Pipeline): readonly Clash[] {
  const { values: others } = above;
  const found: Clash[] = [];
  const clash = (variable: string, allowed: string) => found.push({ name, variable, allowed });
  const isSameAccount =
    connection.awsRegion === above.connection.awsRegion &&
    connection.awsProfile === above.connection.awsProfile &&
    connection.awsEndpointUrl === above.connection.awsEndpointUrl;
  // The name of a bucket is unique in all of AWS, except between endpoints.
  const isSameStore = connection.awsEndpointUrl === above.connection.awsEndpointUrl;
  const shared = values.slackChannels.filter((channel) => others.slackChannels.includes(channel));
  if (shared.length > 0)
    clash('SLACK_CHANNELS', `a channel belongs to one pipeline (${shared.join(', ')} is listed for ${above.name})`);
  if (isSameAccount && values.table === others.table) clash('TABLE', `a table that is not the TABLE of ${above.name}`);
  if (isSameAccount && values.controlTable === others.table)
    clash('CONTROL_TABLE', `a table that is not the TABLE of ${above.name}`);
  if (isSameAccount && values.table === others.controlTable)
    clash('TABLE', `a table that is not the CONTROL_TABLE of ${above.name}`);
  // Both count their runs and checklists from 1, and a table job of one is an orphan to the other.
  if (isSameAccount && values.controlTable === others.controlTable)
    clash(
      'CONTROL_TABLE',
      `a table that is not the CONTROL_TABLE of ${above.name}, such as rescan-bot-control-${name}`,
    );
  if (
    isSameStore &&
    values.controlBucket === others.controlBucket &&
    overlap(values.controlPrefix, others.controlPrefix)
  )
    clash('CONTROL_PREFIX', `a prefix such as ${name}/ that is not (within) the CONTROL_PREFIX of ${above.name}`);
  if (values.stopFile === others.stopFile && values.ocrFunction === others.ocrFunction)
    clash('STOP_FILE', `a file that ${above.name} does not have, because both have the same OCR_FUNCTION`);
  const machine = stateMachineOf(values.stateMachine, name);
  const otherMachine = stateMachineOf(others.stateMachine, above.name);
  const isSameArn = machine === otherMachine && machine.startsWith('arn:');
  if (isSameArn || (isSameAccount && nameOf(machine) === nameOf(otherMachine)))
    clash('STATE_MACHINE', `a state machine that is not that of ${above.name}, such as ${stateMachineOf('', name)}`);
  return found;
}

/** The state machine of a pipeline. `name`: that of the pipeline in the file; absent for the one of the environment. */
export const stateMachineOf = (given: string, name?: string): string =>
  given === '' ? `rescan-bot${name === undefined ? '' : `-${name}`}` : given;

/** The name of a state machine that is given as a name or an ARN. */
const nameOf = (machine: string): string | undefined => machine.split(':').at(-1);

/** The bot writes `backups/`, `manifests/` and others under a prefix: an empty one holds every other prefix. */
const overlap = (one: string, other: string): boolean =>
  one === other || (one !== '' && other !== '' && (one.startsWith(other) || other.startsWith(one)));
