import type { StepName } from '../../checklist/model/step.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import type { Action, Click } from './action.ts';

/** How a step is begun by a button. */
export type StartStep = (click: Click) => Promise<Message | undefined>;

/** The button of the next step, in the checklist and on the home tab. */
export function checklistActions(ports: {
  begin: Readonly<Partial<Record<StepName, StartStep>>>;
}): Readonly<Record<typeof ACTION.nextStep | typeof ACTION.testLogging | typeof ACTION.deploy, Action>> {
  const begin = async (step: string, click: Click): Promise<Message | undefined> => {
    const [, how] = Object.entries(ports.begin).find(([name]) => name === step) ?? [];
    return how
      ? how(click)
      : say(
          `${code(step, 60)} cannot be begun by a button: nothing was done. \`/rescan checklist\` shows what is next.`,
        );
  };
  return {
    [ACTION.nextStep]: { role: 'operator', execute: (click) => begin(click.value, click) },
    [ACTION.testLogging]: { role: 'operator', execute: (click) => begin('test-logging', click) },
    [ACTION.deploy]: { role: 'operator', execute: (click) => begin('deploy', click) },
  };
}
