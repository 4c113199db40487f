import { describe, expect, test } from 'vitest';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';
import { scopeFound } from '../../support/messages/checklist-builders.ts';
import { botInSlack, buttonsOf } from '../../support/rigs/bot-in-slack.ts';

describe('planning and starting a run in Slack', () => {
  test('`/rescan start` is acknowledged at once and posts a plan, whose message becomes the live message of the run', async () => {
    const bot = await botInSlack();
    const said = await bot.command('operator', '/rescan start pace=60');
    expect(said).toMatchObject({ ok: true, acknowledgedInMs: expect.any(Number) });
    await bot.ephemeral(/^Listing the bucket…/);
    const preview = await bot.message(/would invoke the function for 1,398 images/);
    expect(buttonsOf(preview)).toEqual(['plan_start', 'plan_change', 'plan_cancel']);
    expect(bot.runs.calls).toEqual(['plan by U0OPERATOR']);

    await bot.click('approver', preview.ts, 'plan_start');
    await bot.message(/^Rescan r-0142 is running: 0 of 1,398 done/);
    const started = await bot.message(/^Rescan r-0142 started: 1,398 images/);
    expect(started).toMatchObject({ threadTs: preview.ts, isBroadcast: true });
    const running = (await bot.state()).messages.find((message) => message.ts === preview.ts);
    expect(running?.text).toMatch(/is running/);
    expect(buttonsOf(running ?? preview)).toEqual(['run_pause', 'run_slower', 'run_faster', 'run_stop']);
  });

  test('a second click on Start starts nothing and says so', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await Promise.all([
      bot.click('operator', preview.ts, 'plan_start'),
      bot.click('approver', preview.ts, 'plan_start'),
    ]);
    await bot.ephemeral(/Nothing was done: Rescan r-0142 was already started/);
    await bot.message(/^Rescan r-0142 started/);
    expect((await bot.inChannel()).filter(({ text }) => text.includes(' started: '))).toHaveLength(1);
    expect(bot.runs.calls.filter((call) => call.startsWith('start'))).toHaveLength(2);
  });

  test('a plan for some people is dropped where the checklist has lost their scope before the images were listed', async () => {
    const { scope } = idleControls(createScriptedRunControl());
    const bot = await botInSlack({
      controls: { scope: { ...scope, set: async () => ({ ok: true, value: scopeFound() }) } },
    });
    await bot.command('operator', '/rescan start people="Nik Coultas"');
    await bot.ephemeral(/^Nothing was started: the scope of this rescan changed.*It covers everything now/s);
    expect(bot.runs.calls.at(-1)).toMatch(/^cancel/);
    expect((await bot.state()).messages).toEqual([]);
  });

  test('a plan that is too old to start loses its buttons at the click that says why', async () => {
    const refusal = { reason: 'plan-outdated', runId: 'r-0142', plannedAt: 1_767_600_000_000 } as const;
    const bot: Awaited<ReturnType<typeof botInSlack>> = await botInSlack({
      controls: {
        starts: {
          plan: (...request) => bot.runs.plan(...request),
          start: async () => ({ ok: false, refusal }),
          resume: (by) => bot.runs.resume(by),
        },
      },
    });
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await bot.click('operator', preview.ts, 'plan_start');
    await bot.ephemeral(/^Not started: the plan of Rescan r-0142 was made at .* more than a day ago/);
    const now = await bot.until(async () => {
      const found = (await bot.state()).messages.find(({ ts }) => ts === preview.ts);
      return found && buttonsOf(found).length === 0 ? found : undefined;
    }, 'a plan without buttons');
    expect(now.text).toMatch(/would invoke/);
  });

  test('Cancel removes the plan and its buttons, and starts nothing', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await bot.click('operator', preview.ts, 'plan_cancel');
    const cancelled = await bot.message(/^Rescan r-0142 was cancelled by <@U0OPERATOR>/);
    expect(cancelled.ts).toBe(preview.ts);
    expect(buttonsOf(cancelled)).toEqual([]);
    expect(bot.runs.calls).toEqual(['plan by U0OPERATOR', 'cancel r-0142 by U0OPERATOR']);
  });

  test('a trip is an alert in the channel whose Resume button resumes the run', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
    await bot.message(/started/);
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    const trip = await bot.message(
      /^Rescan r-0142 stopped itself: 10 images failed in a row\.\n.*Nothing is running now/s,
    );
    expect(trip.isBroadcast).toBe(true);
    expect(trip.text).toContain('<@U0OPERATOR>');
    expect(buttonsOf(trip)).toEqual(['run_diagnose', 'run_resume', 'failures_show', 'run_status', 'table_restore']);
    await bot.click('approver', trip.ts, 'run_resume');
    await bot.message(/^Rescan r-0142 was resumed by <@U0APPROVER>/);
    expect(bot.runs.calls).toContain('resume by U0APPROVER');
    const spent = await bot.until(async () => {
      const now = (await bot.state()).messages.find(({ ts }) => ts === trip.ts);
      return now && buttonsOf(now).length === 0 ? now : undefined;
    }, 'an alert without buttons');
    expect(spent.text).toBe(trip.text);
  });

  test('a plan offers to resume an open run, or to abandon it after a confirmation', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
    await bot.message(/started/);
    await bot.command('operator', '/rescan start');
    await bot.ephemeral(/r-0142 is running: .*Only one run at a time.*<http[^|]+\|Show it>/);
    await bot.command('operator', '/rescan stop now');
    await bot.message(/was stopped by <@U0OPERATOR>/);
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/^Rescan r-0143 would invoke/);
    expect(buttonsOf(preview)).toEqual(['plan_resume_open', 'plan_abandon_and_start', 'plan_change', 'plan_cancel']);
    expect(JSON.stringify(preview.blocks)).toContain('"confirm":{"title"');
    await bot.click('operator', preview.ts, 'plan_abandon_and_start');
    await bot.message(/^Rescan r-0143 is running/);
    await bot.message(/^Rescan r-0142 was abandoned by <@U0OPERATOR>/);
  });

  test('the form of Change… shows errors at their fields, then plans again in the same message', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await bot.click('operator', preview.ts, 'plan_change');
    const view = await bot.until(async () => (await bot.state()).views.U0OPERATOR?.[0], 'the form is open');
    const refused = await bot.submit('operator', view.id, { limit: 'many', pace: '500' });
    expect(refused).toMatchObject({
      result: 'errors',
      errors: { limit: 'limit=many is not a whole number.' },
    });
    const tooFast = await bot.submit('operator', view.id, { limit: '', pace: '500' });
    expect(tooFast).toMatchObject({ errors: { pace: 'The ceiling is 160 images a minute.' } });
    const taken = await bot.submit('operator', view.id, { sample: '20', pace: 'batch=20 delay=30s' });
    expect(taken).toMatchObject({ result: 'closed' });
    const again = await bot.message(/^Rescan r-0143 would invoke the function for 20 images/);
    expect(again.ts).toBe(preview.ts);
    expect(again.text).toContain('a random sample of 20 (seed 7)');
    expect(again.text).toContain('Pace: 40 images a minute');
    expect(bot.runs.calls).toContain('cancel r-0142 by U0OPERATOR');
  });
});
