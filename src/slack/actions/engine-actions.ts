import type { EngineControl } from '../../run/engines/step-functions/install.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { installMessage } from '../messages/run/engine-message.ts';
import type { Action } from './action.ts';

/** The button that creates or updates the state machine. Its value is what was shown: another state is refused. */
export const engineActions = ({
  engine,
}: {
  readonly engine: Pick<EngineControl, 'install'>;
}): Readonly<Record<typeof ACTION.installEngine, Action>> => ({
  [ACTION.installEngine]: {
    role: 'operator',
    async execute({ value, removeButtons }) {
      const answer = await engine.install(value);
      await removeButtons();
      return installMessage(answer);
    },
  },
});
