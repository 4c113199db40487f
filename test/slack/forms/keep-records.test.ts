import { expect, test } from 'vitest';
import { createTableForms } from '../../../src/slack/forms/table-forms.ts';
import { backup, freshForEachTest, type Steps, startSteps, value } from '../../checklist/table-jobs/table-steps-rig.ts';

freshForEachTest();

/** The forms over a real table; the answers and the texts of the requests that were posted. */
function formsOf(bot: Steps) {
  const posted: string[] = [];
  const forms = createTableForms({
    tables: bot.steps,
    scope: bot.scope,
    chat: {
      async post(_channel, { text }) {
        posted.push(text);
        return '1.1';
      },
      edit: async () => {},
    },
    clock: { now: () => 0 },
    openView: async () => 'V1',
    updateView: async () => {},
    whoApproves: { policy: 'second-person', approvers: ['U2'] },
    checkApprover: async () => 'approver',
  });
  return { forms, posted };
}
const requester = { person: 'U1', channel: 'C01', reply: async () => {} };

test('keeping the records that cannot be rebuilt asks for a flush of every image that can be read', async () => {
  const bot = await startSteps();
  await backup(bot);
  const { forms, posted } = formsOf(bot);
  const { action } = value(await bot.steps.planFlush({ failedOnly: false }));
  expect((await forms.askToKeep(action, undefined, requester))?.text).toContain(
    'The request for approval is in the channel.',
  );
  expect(posted).toEqual([expect.stringMatching(/that name one of 12 images, and keep all others/)]);
  expect(await bot.scope.current()).toMatchObject({ criteria: {}, images: 12 });
});

test('a scope that somebody set after the form was opened is not replaced', async () => {
  const bot = await startSteps();
  await backup(bot);
  const { forms, posted } = formsOf(bot);
  const { action } = value(await bot.steps.planFlush({ failedOnly: false }));
  await bot.scope.set({ changedSince: '2020-01-01' }, 'U3');
  const before = await bot.scope.current();
  expect(before).toBeDefined();
  expect((await forms.askToKeep(action, undefined, requester))?.text).toContain(
    'the scope of this rescan changed after the flush was requested',
  );
  expect(await bot.scope.current()).toEqual(before);
  expect(posted).toEqual([]);
});

test('a request that is refused leaves no scope behind', async () => {
  const bot = await startSteps();
  await backup(bot);
  const { forms } = formsOf(bot);
  const { action } = value(await bot.steps.planFlush({ failedOnly: false }));
  const gone = { ...action, backupId: '01795940251867-e61dfd26' };
  const refused = await forms.askToKeep(gone, undefined, requester);
  expect(refused).toMatchObject({ isRefusal: true, text: expect.stringMatching(/There is no backup/) });
  expect(await bot.scope.current()).toBeUndefined();
});
