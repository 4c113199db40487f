import { ACTION } from '../messages/kit/buttons.ts';
import { answerSharedMessage } from '../messages/results/shared-answer.ts';
import type { Answers } from '../requests/answers.ts';
import type { Action } from './action.ts';

/** The button that shares an answer with the channel. Everybody who gets an answer may share it; the audit has who did. */
export const shareActions = (ports: {
  answers: Pick<Answers, 'share'>;
}): Readonly<Record<typeof ACTION.share, Action>> => ({
  [ACTION.share]: {
    role: 'viewer',
    changesState: true,
    inDirectMessages: true,
    async execute(click) {
      const refused = await ports.answers.share(click.value, click.person);
      if (refused) return refused;
      await click.replaceMessage(answerSharedMessage());
      click.noteOutcome?.('shown: the answer, in the channel');
      return undefined;
    },
  },
});
