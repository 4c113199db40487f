import type { EngineReport, InstallAnswer, InstallRefusal } from '../../../run/engines/step-functions/install.ts';
import type { MachineChange } from '../../../run/engines/step-functions/installation.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { duration } from '../kit/format.ts';
import { asRefusal, compose, type Message } from '../kit/message.ts';

/** Which engine runs use, the state of the state machine, and what to do. */
export function engineMessage(report: EngineReport): Message {
  const { obstacle } = report;
  const changes = changesOf(report);
  return compose({
    fact: factOf(report),
    lines: [
      report.engine === 'local'
        ? 'Runs use this process (`RUN_ENGINE=local`). A plan may say `engine=step-functions`.'
        : 'Runs use AWS Step Functions (`RUN_ENGINE=step-functions`). A plan may say `engine=local`.',
      ...changes.map((change) => `• ${change}`),
      ...(changes.length > 0 && obstacle ? obstacleLines(obstacle, report) : []),
      ...haltedLines(report),
    ],
    notes: notesOf(report),
    buttons: changes.length > 0 && !obstacle ? [installButton(report, changes)] : [],
  });
}

function factOf({ installation, machine }: EngineReport): string {
  const name = code(machine.name, 100);
  switch (installation.kind) {
    case 'missing':
      return `The state machine ${name} is not installed.`;
    case 'current':
      return `The state machine ${name} is installed and up to date.`;
    case 'outdated':
      return `The state machine ${name} is not the one that this version of the bot needs.`;
    case 'foreign':
      return `The state machine ${name} cannot be used: ${sentence(installation.why, 200)}.`;
    case 'deleting':
      return `AWS is deleting the state machine ${name}.`;
  }
}

/** What a resume of a halted run does whose execution began with another definition. */
const haltedLines = ({ haltedRunId }: EngineReport): readonly string[] =>
  haltedRunId === undefined
    ? []
    : [
        `Run ${haltedRunId} began with another definition. A resume starts a new execution with the definition of this version for its remaining images.`,
      ];

/** What an installation would do, one line each; empty where there is nothing to do. */
function changesOf({ installation, machine }: EngineReport): readonly string[] {
  switch (installation.kind) {
    case 'missing':
      return [
        `Creates the state machine ${code(machine.arn, 200)} with ${machine.childType} children.`,
        `Its role: ${machine.roleArn === undefined ? 'not set' : code(machine.roleArn, 200)}.`,
      ];
    case 'outdated':
    case 'current':
      return installation.changes.map(describeChange);
    case 'foreign':
    case 'deleting':
      return [];
  }
}

function describeChange(change: MachineChange): string {
  switch (change.kind) {
    case 'definition':
      return `Replaces the definition ${code(change.from, 20)} by ${code(change.to, 20)}.`;
    case 'role':
      return `Replaces the role ${code(change.from, 200)} by ${code(change.to, 200)}.`;
    case 'children':
      return change.to === 'EXPRESS'
        ? 'Children become EXPRESS: they cost less, and the timeout of the function allows them.'
        : 'Children become STANDARD: the timeout of the function is too long for EXPRESS ones.';
  }
}

function notesOf({ installation, machine, functionTimeoutMs }: EngineReport): readonly string[] {
  const timeout = `The function has a timeout of ${duration(functionTimeoutMs)}, which suits ${machine.childType} children.`;
  if (installation.kind !== 'current' && installation.kind !== 'outdated') return [timeout];
  const version =
    installation.kind === 'current'
      ? [
          `Definition ${code(installation.digest, 20)}, ${installation.childType} children: the same as in this version of the bot.`,
        ]
      : [];
  return [`ARN: ${code(machine.arn, 200)} · role: ${code(installation.roleArn, 200)}`, ...version, timeout];
}

/** Slack's dialog asks once more. It names the state machine, the role and what changes. */
function installButton({ installation, machine, installationId }: EngineReport, changes: readonly string[]) {
  const verb = installation.kind === 'missing' ? 'Create' : 'Update';
  const plainChanges = changes.map((change) => change.replaceAll('`', '')).join(' ');
  const machineText = installation.kind === 'missing' ? '' : `${code(machine.name, 90).replaceAll('`', '')}: `;
  return button(ACTION.installEngine, `${verb} state machine`, installationId, {
    style: 'primary',
    confirm: { title: `${verb} the state machine?`, text: `${machineText}${plainChanges}`, yes: verb, no: 'Cancel' },
  });
}

function obstacleLines(because: InstallRefusal, { runningRunId, machine }: EngineReport): readonly string[] {
  switch (because) {
    case 'no-role':
      return [
        'Nothing can be installed without a role. Create the role (docs: “Permissions of the state machine’s role”), set `STATE_MACHINE_ROLE` to its ARN and restart the bot.',
      ];
    case 'run-running':
      return [
        `Run ${runningRunId ?? ''} is running on the state machine. Pause it or wait until it has ended, then \`/rescan engine install\`.`,
      ];
    case 'foreign':
      return ['The bot does not overwrite it. Set `STATE_MACHINE` to another name and restart the bot.'];
    case 'deleting':
      return ['Wait some minutes, then `/rescan engine install`.'];
    case 'changed':
      return ['`/rescan engine` shows what an installation would do now.'];
    case 'not-confirmed':
      return [
        `AWS shows another definition or role of ${code(machine.name, 100)} than the bot has just written. Somebody else may change it, too. \`/rescan engine\` shows the present state.`,
      ];
  }
}

const REFUSED: Readonly<Record<InstallRefusal, string>> = {
  'no-role': 'Nothing was installed: the setting `STATE_MACHINE_ROLE` is empty.',
  'run-running': 'Nothing was installed: a run is running on the state machine.',
  foreign: 'Nothing was installed: the state machine of this name was not made by the bot.',
  deleting: 'Nothing was installed: AWS is deleting the state machine.',
  changed: 'Nothing was installed: the state machine or the settings changed since this was shown.',
  'not-confirmed': 'The state machine was written, but AWS shows other contents.',
};

/** What became of an installation. */
export function installMessage(answer: InstallAnswer): Message {
  const { report } = answer;
  const name = code(report.machine.name, 100);
  switch (answer.kind) {
    case 'created':
    case 'updated':
      return compose({
        fact: `The state machine ${name} was ${answer.kind}.`,
        lines: [
          report.engine === 'local'
            ? 'Plan a run with `engine=step-functions` to use it, or set `RUN_ENGINE=step-functions`.'
            : 'The next run uses it.',
          ...haltedLines(report),
        ],
        notes: notesOf(report),
      });
    case 'unchanged':
      return compose({
        fact: `The state machine ${name} is installed and up to date. Nothing was changed.`,
        notes: notesOf(report),
      });
    case 'refused':
      return installRefusal(answer.because, report);
  }
}

export const installRefusal = (because: InstallRefusal, report: EngineReport): Message =>
  asRefusal(compose({ fact: REFUSED[because], lines: obstacleLines(because, report) }));
