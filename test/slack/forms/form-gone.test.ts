import { expect, test } from 'vitest';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

/** A bot whose plan of a deploy is ready when `ready` is called. */
async function withSlowDeploy() {
  const waiting = Promise.withResolvers<void>();
  const { deploys } = idleControls(createScriptedRunControl());
  const bot = await botInSlack({
    controls: {
      deploys: {
        ...deploys,
        async plan() {
          await waiting.promise;
          return { ok: false, refusal: { reason: 'no-images' } };
        },
      },
    },
  });
  return { ...bot, ready: waiting.resolve };
}

test('a form that is closed while it loads leaves one quiet line in the log and no answer', async () => {
  const bot = await withSlowDeploy();
  await bot.command('operator', '/rescan deploy');
  const view = await bot.until(async () => (await bot.state()).views.U0OPERATOR?.[0], 'a form');
  await bot.closeForm('operator', view.id);
  bot.ready();
  const line = await bot.logged(/A form was closed while it was filled/);
  expect(JSON.parse(line)).toMatchObject({ level: 30, request: '/rescan deploy' });
  await bot.command('operator', '/rescan help');
  await bot.ephemeral(/^rescan-bot runs the OCR function/);
  expect((await bot.state()).ephemerals).toHaveLength(1);
  expect(bot.logLines().filter((text) => JSON.parse(text).level >= 40)).toEqual([]);
});

test('a form that Slack does not open in time says so in one plain sentence', async () => {
  const bot = await withSlowDeploy();
  await bot.world({ errors: { 'views.open': 'expired_trigger_id' } });
  await bot.command('operator', '/rescan deploy');
  expect((await bot.ephemeral(/The form could not be opened/)).text).toBe(
    'The form could not be opened within 3 seconds, and Slack does not open it after that. Nothing was done. Please try again.',
  );
  await bot.logged(/The trigger of a form has expired/);
  expect(bot.logLines().filter((text) => JSON.parse(text).level >= 40)).toEqual([]);
});

test('a form that another copy of the bot has opened for the same request is not said to be missing', async () => {
  const bot = await withSlowDeploy();
  await bot.world({ errors: { 'views.open': 'exchanged_trigger_id' } });
  await bot.command('operator', '/rescan deploy');
  expect(JSON.parse(await bot.logged(/form of this request is already open/))).toMatchObject({ level: 30 });
  await bot.command('operator', '/rescan help');
  await bot.ephemeral(/^rescan-bot runs the OCR function/);
  expect((await bot.state()).ephemerals).toHaveLength(1);
});

test('a form whose facts cannot be read says so in its place, and not only in the channel', async () => {
  const { deploys } = idleControls(createScriptedRunControl());
  const fault = { reason: 'control-table', message: 'The control table is away', fix: 'Look.' } as const;
  let error: Error = new FaultError(fault);
  const bot = await botInSlack({
    controls: {
      deploys: {
        ...deploys,
        async plan() {
          throw error;
        },
      },
    },
  });
  const shown = async () => JSON.stringify((await bot.state()).views.U0OPERATOR?.at(-1)?.view ?? '');
  await bot.command('operator', '/rescan deploy');
  await bot.until(async () => /cannot be shown: .*Nothing was changed/.test(await shown()), 'the refusal in the form');
  expect(await shown()).not.toContain('Reading');
  await bot.ephemeral(/^Failed: /);
  error = new Error('defect');
  await bot.command('operator', '/rescan deploy');
  await bot.until(async () => (await shown()).includes('unexpected error'), 'the refusal in the form');
  await bot.ephemeral(/reference/);
});
