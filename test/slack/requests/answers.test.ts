import { describe, expect, test } from 'vitest';
import type { StepRefusal } from '../../../src/checklist/contracts/step-control.ts';
import { succeed } from '../../../src/lib/result.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';
import { failuresFound } from '../../support/messages/result-builders.ts';
import { botInSlack, buttonsOf } from '../../support/rigs/bot-in-slack.ts';

async function* nothing(): AsyncGenerator<never> {}
const noImages: StepRefusal = { reason: 'no-images' };

/** A bot with two failed images. */
async function withFailures(more: { settings?: Record<string, string> } = {}) {
  const { results, steps } = idleControls(createScriptedRunControl());
  const failures = async () =>
    succeed({
      ...failuresFound(),
      choose: async () => ({ images: 0, gone: 0, attempt: 2 }),
      images: nothing,
      all: nothing,
      dispose: async () => {},
      runIds: ['r-0001'],
    });
  return botInSlack({
    ...more,
    controls: {
      results: { ...results, failures },
      steps: { ...steps, quotas: async () => ({ ok: false, refusal: noImages }) },
    },
  });
}
const FAILED = /images? failed/;
const inChannel = async (bot: Awaited<ReturnType<typeof withFailures>>) =>
  (await bot.inChannel()).filter(({ text }) => FAILED.test(text));

describe('an answer that only the person who asked sees', () => {
  test('is not in the channel before this person shares it, and then once, with who shared it and when it was true', async () => {
    const bot = await withFailures();
    await bot.command('viewer', '/rescan failures');
    const answer = await bot.ephemeral(FAILED);
    expect(answer.onlyFor).toBe('U0VIEWER');
    expect(buttonsOf(answer)).toContain('answer_share');
    expect(await inChannel(bot)).toEqual([]);

    await Promise.all([1, 2].map(() => bot.click('viewer', answer.ts, 'answer_share')));
    const shared = await bot.message(FAILED);
    expect(shared.text).toMatch(/\nShared by <@U0VIEWER>\. As of <!date\^\d+\^\{time\}\|\d\d:\d\d UTC>\.$/);
    expect(shared.text.startsWith(answer.text)).toBe(true);
    expect(buttonsOf(shared)).toEqual(buttonsOf(answer).filter((id) => id !== 'answer_share'));
    await bot.ephemeral(/^You shared this answer in the channel\.$/);
    await bot.ephemeral(/^<@U0VIEWER> shared this answer at .*Nothing was posted again\.$/);
    expect(await inChannel(bot)).toHaveLength(1);
    // The answer itself has made room.
    expect((await bot.state()).ephemerals.filter(({ text }) => FAILED.test(text))).toEqual([]);
  });

  test('that Slack did not accept in the channel can be shared again', async () => {
    const bot = await withFailures();
    await bot.command('viewer', '/rescan failures');
    const answer = await bot.ephemeral(FAILED);
    await bot.world({ errors: { 'chat.postMessage': 'restricted_action' } });
    await bot.click('viewer', answer.ts, 'answer_share');
    await bot.ephemeral(/Slack did not let the bot post in this channel/);
    await bot.world({ errors: {} });
    await bot.click('viewer', answer.ts, 'answer_share');
    await bot.message(FAILED);
  });

  test('that was stored by another process can be shared, and a refusal has no button that shares it', async () => {
    const bot = await withFailures();
    await bot.command('viewer', '/rescan failures');
    const answer = await bot.ephemeral(FAILED);
    await bot.stopBot();
    await bot.startBot();
    await bot.click('viewer', answer.ts, 'answer_share');
    await bot.message(FAILED);
    await bot.command('operator', '/rescan quotas');
    const refused = await bot.until(
      async () =>
        (await bot.state()).ephemerals.find(
          ({ onlyFor, text }) => onlyFor === 'U0OPERATOR' && !text.includes('Reading'),
        ),
      'a refusal',
    );
    expect(buttonsOf(refused)).not.toContain('answer_share');
  });
});

test('a file that a person asks for goes to their direct messages, or to the thread of the run in this channel', async () => {
  const { results } = idleControls(createScriptedRunControl());
  const outcome = { kind: 'processed', entriesStored: 1 } as const;
  const one = { index: 0, key: 'a.png', outcome, throttles: 0, startedAt: 0, durationMs: 1 };
  async function* records() {
    yield one;
  }
  const outcomes = async () => succeed({ runId: 'r-0142', records: records(), profile: TIMESHEETS });
  const bot = await botInSlack({ controls: { results: { ...results, outcomes } } });
  await bot.command('viewer', '/rescan export run');
  await bot.ephemeral(/^The CSV is in your direct messages with the bot\.$/);
  expect((await bot.message(/Outcomes of the images of r-0142/)).channelId).toBe('D0VIEWER');
  await bot.command('operator', '/rescan start');
  const { ts } = await bot.message(/would invoke/);
  await bot.click('operator', ts, 'plan_start');
  await bot.message(/^Rescan r-0142 started/);
  await bot.command('viewer', '/rescan export run');
  await bot.ephemeral(/^The CSV is in <http[^|]+\|the run’s thread>\.$/);
  const inThread = (await bot.state()).messages.filter(
    ({ threadTs, text }) => threadTs === ts && /Outcomes/.test(text),
  );
  expect(inThread).toHaveLength(1);
});

describe('the answer to a click', () => {
  test('on a notice that is also in the channel appears in the channel; on a reply, in its thread', async () => {
    const bot = await withFailures();
    await bot.command('operator', '/rescan start');
    const { ts: head } = await bot.message(/would invoke/);
    await bot.click('operator', head, 'plan_start');
    await bot.message(/^Rescan r-0142 started/);
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    const trip = await bot.message(/stopped itself.*Nothing is running/s);
    await bot.click('viewer', trip.ts, 'failures_show');
    expect(await bot.ephemeral(FAILED)).not.toHaveProperty('threadTs');
    await bot.runs.resume('U0OPERATOR');
    await bot.runs.becomes({ kind: 'paused', because: { kind: 'person', by: 'U0OPERATOR' } });
    const paused = await bot.message(/was paused by <@U0OPERATOR>.*Nothing is running/s);
    expect(paused).toMatchObject({ threadTs: head, isBroadcast: false });
    await bot.click('viewer', paused.ts, 'run_status');
    const status = await bot.until(
      async () => (await bot.state()).ephemerals.find(({ threadTs }) => threadTs === head),
      'an answer in the thread',
    );
    expect(status.onlyFor).toBe('U0VIEWER');
  });
});
