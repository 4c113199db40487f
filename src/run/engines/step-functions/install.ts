import { defined } from '../../../lib/defined.ts';
import { FaultError } from '../../../pipeline/fault.ts';
import type { MachineFacts } from '../../../pipeline/state-machine/install.ts';
import type { EngineKind } from '../../model/types.ts';
import { type ChildType, chooseChildType } from './child-type.ts';
import {
  digestOf,
  type Installation,
  installationFault,
  installationId,
  judgeInstallation,
  type WantedMachine,
  wantedDefinition,
} from './installation.ts';

/** What the bot knows of its engines. */
export interface EngineReport {
  /** The engine of runs whose plan names none. */
  readonly engine: EngineKind;
  readonly machine: WantedMachine;
  readonly functionTimeoutMs: number;
  readonly installation: Installation;
  /** The run that is running on the state machine, which forbids an installation. */
  readonly runningRunId?: string;
  /**
   * The halted run whose last execution began with another definition than that of this version. It is continued by a new
   * execution: a redrive would use the old definition.
   */
  readonly haltedRunId?: string;
  /** What a click confirms. */
  readonly installationId: string;
  /** Why an installation would be refused now. */
  readonly obstacle?: InstallRefusal;
}

/** The state machine of this version of the bot. `digest`: that of its definition. */
export interface InstalledMachine {
  readonly stateMachineArn: string;
  readonly childType: ChildType;
  readonly digest: string;
}

export type InstallAnswer =
  | { readonly kind: 'created' | 'updated'; readonly report: EngineReport }
  | { readonly kind: 'unchanged'; readonly report: EngineReport }
  | { readonly kind: 'refused'; readonly because: InstallRefusal; readonly report: EngineReport };
export type InstallRefusal =
  | 'no-role'
  | 'run-running'
  | 'foreign'
  | 'deleting'
  /** The state machine, the role or the bot is not what the person confirmed. */
  | 'changed'
  /** After the installation AWS still has another definition or role: somebody else changes it, too. */
  | 'not-confirmed';

export interface EngineControl {
  report(): Promise<EngineReport>;
  /** Creates or updates the state machine. Repeating it, also after a crash or a lost reply, changes nothing more. */
  install(id: string): Promise<InstallAnswer>;
  /** @throws FaultError where no run can start on the state machine */
  checkInstalled(): Promise<InstalledMachine>;
}

export interface OpenRun {
  readonly runId: string;
  readonly isRunning: boolean;
  readonly hasExecution: boolean;
  readonly definition?: string;
}

export interface EngineControlPorts {
  readonly engine: EngineKind;
  /** The setting STATE_MACHINE: a name or an ARN. */
  readonly stateMachine: string;
  /** The setting STATE_MACHINE_ROLE. */
  readonly roleArn: string | undefined;
  readonly describeFunction: () => Promise<{ readonly arn?: string; readonly timeoutMs: number }>;
  readonly describe: (arn: string) => Promise<MachineFacts | undefined>;
  readonly create: (machine: { name: string; definition: string; roleArn: string }) => Promise<'created' | 'exists'>;
  readonly update: (machine: { arn: string; definition: string; roleArn: string }) => Promise<void>;
  /** The open run on the state machine. `definition`: the digest of that of its last execution, if it had one. */
  readonly openRunOnMachine: () => Promise<OpenRun | undefined>;
}

/** `arn:aws:lambda:eu-west-1:123456789012:function:NAME` */
const FUNCTION_ARN = /^arn:([\w-]+):lambda:([\w-]+):(\d{12}):function:/;

/** The ARN of the state machine: of the name, in the account and the region of the function. @throws FaultError */
function arnOf(stateMachine: string, functionArn: string | undefined): string {
  if (stateMachine.startsWith('arn:')) return stateMachine;
  const [, partition, region, account] = FUNCTION_ARN.exec(functionArn ?? '') ?? [];
  if (partition === undefined)
    throw new FaultError({
      reason: 'configuration',
      message: 'Lambda does not name the account of the function, so the ARN of the state machine is not known.',
      fix: 'Set STATE_MACHINE to the ARN of the state machine.',
    });
  return `arn:${partition}:states:${region}:${account}:stateMachine:${stateMachine}`;
}

function obstacleOf({ installation, machine, runningRunId }: EngineReport): InstallRefusal | undefined {
  if (installation.kind === 'foreign' || installation.kind === 'deleting') return installation.kind;
  if (installation.kind === 'missing' && machine.roleArn === undefined) return 'no-role';
  return runningRunId === undefined ? undefined : 'run-running';
}

export function createEngineControl(ports: EngineControlPorts): EngineControl {
  async function read(): Promise<{ report: EngineReport; found: MachineFacts | undefined }> {
    const { arn: functionArn, timeoutMs } = await ports.describeFunction();
    const arn = arnOf(ports.stateMachine, functionArn);
    const machine: WantedMachine = {
      arn,
      name: arn.split(':').at(-1) ?? arn,
      childType: chooseChildType(timeoutMs),
      ...(ports.roleArn !== undefined && { roleArn: ports.roleArn }),
    };
    const [found, run] = await Promise.all([ports.describe(arn), ports.openRunOnMachine()]);
    const installation = judgeInstallation(found, machine);
    const digest = installation.kind === 'current' ? installation.digest : digestOf(machine);
    const isOther = run?.hasExecution && run.definition !== digest;
    const report: Omit<EngineReport, 'obstacle'> = {
      engine: ports.engine,
      machine,
      functionTimeoutMs: timeoutMs,
      installation,
      installationId: installationId(found, machine),
      ...(run?.isRunning && { runningRunId: run.runId }),
      ...(run && !run.isRunning && isOther && { haltedRunId: run.runId }),
    };
    return { report: defined({ ...report, obstacle: obstacleOf(report) }), found };
  }

  return {
    report: async () => (await read()).report,
    async install(id) {
      const { report, found } = await read();
      const { installation, machine } = report;
      if (installation.kind === 'current' && installation.changes.length === 0) return { kind: 'unchanged', report };
      const because = report.obstacle ?? (id === report.installationId ? undefined : 'changed');
      if (because) return { kind: 'refused', because, report };
      const definition = wantedDefinition(machine);
      const roleArn = machine.roleArn ?? found?.roleArn ?? '';
      if (found) await ports.update({ arn: machine.arn, definition, roleArn });
      else if ((await ports.create({ name: machine.name, definition, roleArn })) === 'exists')
        return { kind: 'refused', because: 'changed', report: (await read()).report };
      const after = (await read()).report;
      return after.installation.kind === 'current'
        ? { kind: found ? 'updated' : 'created', report: after }
        : { kind: 'refused', because: 'not-confirmed', report: after };
    },
    async checkInstalled() {
      const { installation, machine } = (await read()).report;
      if (installation.kind !== 'current') throw new FaultError(installationFault(installation, machine));
      const { childType, digest } = installation;
      return { stateMachineArn: machine.arn, childType, digest };
    },
  };
}
