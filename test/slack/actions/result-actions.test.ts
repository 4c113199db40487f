import { expect, test } from 'vitest';
import { resultActions } from '../../../src/slack/actions/result-actions.ts';
import { ACTION } from '../../../src/slack/messages/kit/buttons.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';

function actions(lastRun: string) {
  const calls: string[] = [];
  const answer = async () => say('done');
  const table = resultActions({
    results: {
      showFailures: answer,
      async diagnose(_click, runId) {
        calls.push(`diagnose ${runId}`);
        return say('done');
      },
      async retry(_setting, what) {
        calls.push(`retry ${what}`);
        return undefined;
      },
    },
    resultFiles: { failures: async () => undefined },
    places: {
      find: async () => ({ channel: 'D1', where: 'your direct messages' }),
      direct: async () => ({ channel: 'D1', where: 'your direct messages' }),
      upload: answer,
    },
    putBack: { open: answer, ask: answer },
    runs: { current: async () => runSnapshot({ runId: lastRun }) },
  });
  const press = async (action: typeof ACTION.retry | typeof ACTION.diagnose, value: string) =>
    (
      await table[action].execute({
        person: 'U1',
        channel: 'C1',
        triggerId: '1',
        message: { channel: 'C1', ts: '1.0' },
        isEphemeral: false,
        value,
        reply: async () => {},
        removeButtons: async () => void calls.push('buttons removed'),
        replaceMessage: async () => {},
      })
    )?.text;
  return { calls, press };
}

test('the retry button of a run does nothing after a later run, says which, and disappears', async () => {
  const { calls, press } = actions('r-0002');
  expect(await press(ACTION.retry, 'all@r-0001')).toMatch(
    /^Nothing was done: this button belongs to `r-0001`, and `r-0002` has run since\./,
  );
  expect(calls).toEqual(['buttons removed']);
  expect(await press(ACTION.retry, 'unaccounted@r-0002')).toBeUndefined();
  expect(await press(ACTION.retry, 'all')).toBeUndefined();
  expect(calls).toEqual(['buttons removed', 'retry images that are not accounted for', 'retry every failed image']);
});

test('a diagnose button diagnoses the run that it names, and one of an older version that names none does nothing', async () => {
  const { calls, press } = actions('r-0002');
  await press(ACTION.diagnose, 'r-0001');
  expect(await press(ACTION.diagnose, 'diagnose')).toMatch(/^Nothing was done: this button does not name its run/);
  expect(calls).toEqual(['diagnose r-0001']);
});
