import type { ScopeControl } from '../../checklist/contracts/scope-control.ts';
import type { StepName } from '../../checklist/model/step.ts';
import { clearScope } from '../commands/checklist/scope-command.ts';
import type { ScopeForm } from '../forms/scope/scope-form.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, refuseWith } from '../messages/kit/message.ts';
import type { Action, Click } from './action.ts';

/** Starts a step when its button is clicked. */
export type StartStep = (click: Click) => Promise<Message | undefined>;

/** The buttons that start a step: in the checklist, on the Home tab and in other messages. */
export function checklistActions(ports: {
  startStep: Readonly<Partial<Record<StepName, StartStep>>>;
  scope: ScopeControl;
  scopeForm: Pick<ScopeForm, 'open'>;
}): Readonly<
  Record<
    | typeof ACTION.nextStep
    | typeof ACTION.testLogging
    | typeof ACTION.deploy
    | typeof ACTION.clearScope
    | typeof ACTION.chooseScope,
    Action
  >
> {
  const start = async (step: string, click: Click): Promise<Message | undefined> => {
    const [, starter] = Object.entries(ports.startStep).find(([name]) => name === step) ?? [];
    return starter
      ? starter(click)
      : refuseWith(`Nothing was done: no button starts ${code(step, 60)}. \`/rescan checklist\` shows the next step.`);
  };
  return {
    [ACTION.nextStep]: {
      role: 'operator',
      isHeavy: (step) => step === 'validate',
      execute: (click) => start(click.value, click),
    },
    [ACTION.testLogging]: { role: 'operator', execute: (click) => start('test-logging', click) },
    [ACTION.clearScope]: {
      role: 'operator',
      async execute({ person, value, removeButtons }) {
        const now = await ports.scope.current();
        if (now && now.id !== value)
          return refuseWith('Nothing was changed: this rescan has another scope by now.', '`/rescan scope` shows it.');
        const answer = await clearScope(person, ports.scope);
        await removeButtons();
        return answer;
      },
    },
    [ACTION.chooseScope]: { role: 'operator', execute: (click) => ports.scopeForm.open(click.triggerId, click) },
    [ACTION.deploy]: { role: 'operator', execute: (click) => start('deploy', click) },
  };
}
