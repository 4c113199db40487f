import { describe, expect, test } from 'vitest';
import type { Membership } from '../../../src/slack/intake/channel-membership.ts';
import { type ChoosablePipeline, createPipelineChoice } from '../../../src/slack/requests/choose-pipeline.ts';
import type { PipelineState } from '../../../src/slack/requests/pipeline-state.ts';
import { createChannelBindingStore, createChannelBindings } from '../../../src/state/channel-bindings.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { checklistView } from '../../support/messages/checklist-builders.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const IDLE: PipelineState = { approvals: [], view: checklistView(), machineAheadMs: 0 };

function rig(options: { state?: () => Promise<PipelineState>; membership?: Membership; prodIsDown?: boolean } = {}) {
  const audited: string[] = [];
  const posted: string[] = [];
  const pipeline = (name: string, operators: readonly string[], isRunning = true): ChoosablePipeline => ({
    name,
    listed: [`C0${name.toUpperCase()}`],
    mayOperate: async (person) =>
      operators.includes(person)
        ? { ok: true }
        : { ok: false, refusal: { reason: 'not-listed', role: 'operator', who: operators } },
    ...(isRunning && {
      running: {
        state: name === 'dev' ? (options.state ?? (async () => IDLE)) : async () => IDLE,
        membership: async () => options.membership ?? 'member',
        audit: ({ who, what, outcome }) => void audited.push(`${name}: ${who}: ${what}: ${outcome}`),
        post: async (channel, { text }) => void posted.push(`${channel}: ${text}`),
      },
    }),
  });
  const pipelines = [pipeline('dev', ['U0DEV', 'U0BOTH']), pipeline('prod', ['U0BOTH'], !options.prodIsDown)];
  const store = createChannelBindingStore(createMemoryControlTable().table);
  const clock = createFakeClock();
  const bindings = createChannelBindings({
    stores: () =>
      new Map([
        ['dev', store],
        ['prod', store],
      ]),
    clock,
    onError: () => {},
  });
  const choice = createPipelineChoice({ pipelines: () => pipelines, bindings, clock, onError: () => {} });
  return {
    audited,
    posted,
    bindings,
    use: async (person: string, name: string, channel = 'C0FREE') => (await choice.use(person, channel, name)).text,
    show: async (person: string, channel = 'C0FREE') => (await choice.show(person, channel)).text,
  };
}

describe('use', () => {
  test('binds a free channel, shows it to everybody there and is in the audit', async () => {
    const { use, show, audited, posted } = rig();
    expect(await use('U0BOTH', 'prod')).toMatch(/belongs to the pipeline `prod` now\./);
    expect(posted).toEqual([expect.stringMatching(/^C0FREE: <@U0BOTH> chose the pipeline `prod`/)]);
    expect(audited).toEqual(['prod: U0BOTH: the channel C0FREE: changed: it belongs to the pipeline prod now']);
    expect(await show('U0DEV')).toMatch(/belongs to the pipeline `prod`\. <@U0BOTH> chose it/);
    expect(await use('U0BOTH', 'prod')).toMatch(/already/);
  });

  test('is for operators of the pipeline that is chosen, whatever they may do in the present one', async () => {
    const { use, audited, bindings } = rig();
    expect(await use('U0DEV', 'prod')).toMatch(/read-only|may not|Ask/);
    expect(bindings.of('C0FREE')).toBeUndefined();
    expect(audited).toEqual([expect.stringMatching(/^prod: U0DEV: \/rescan use prod in C0FREE: refused/)]);
    expect(await use('U0DEV', 'dev')).toMatch(/belongs to the pipeline `dev` now/);
  });

  test('does not take a channel that another pipeline lists', async () => {
    const { use, show } = rig();
    expect(await use('U0BOTH', 'prod', 'C0DEV')).toMatch(/list this channel for the pipeline `dev`/);
    expect(await show('U0BOTH', 'C0DEV')).toMatch(/cannot be changed here/);
  });

  test.each(['not-member', 'archived', 'not-found', 'unknown'] as const)(
    'does not take a channel in which the bot may not be heard (%s)',
    async (membership) => {
      expect(await rig({ membership }).use('U0BOTH', 'prod')).toMatch(/cannot post in this channel/);
    },
  );

  test.each([
    ['an open run', { run: runSnapshot() }, /run r-0142/],
    ['a table job', { job: flushJob({ id: 'a-1' }) }, /flush a-1/],
    ['a request for approval', { approvals: [flushApproval()] }, /1 open request for approval/],
  ])('does not take a channel from a pipeline with %s', async (_what, busy, why) => {
    const world = { state: IDLE };
    const { use, bindings } = rig({ state: async () => world.state });
    await use('U0BOTH', 'dev');
    world.state = { ...IDLE, ...busy };
    expect(await use('U0BOTH', 'prod')).toMatch(why);
    expect(bindings.channelsOf('dev')).toEqual(['C0FREE']);
    world.state = IDLE;
    expect(await use('U0BOTH', 'prod')).toMatch(/and no longer to `dev`/);
  });

  test('does not take a channel from a pipeline whose state cannot be read', async () => {
    const world: { fails: boolean } = { fails: false };
    const { use, bindings } = rig({ state: async () => (world.fails ? Promise.reject(new Error('down')) : IDLE) });
    await use('U0BOTH', 'dev');
    world.fails = true;
    expect(await use('U0BOTH', 'prod')).toMatch(/cannot be read/);
    expect(bindings.channelsOf('dev')).toEqual(['C0FREE']);
  });

  test('gives the channel back where something began in it at the same time', async () => {
    const world = { reads: 0 };
    const { use, bindings, posted } = rig({
      async state() {
        world.reads += 1;
        return world.reads < 2 ? IDLE : { ...IDLE, run: runSnapshot() };
      },
    });
    await use('U0BOTH', 'dev');
    posted.length = 0;
    expect(await use('U0BOTH', 'prod')).toMatch(/is busy \(run r-0142\)/);
    expect(bindings.channelsOf('dev')).toEqual(['C0FREE']);
    expect(posted).toEqual([]);
  });

  test('refuses a pipeline that could not be started, and a name that does not exist', async () => {
    const { use } = rig({ prodIsDown: true });
    expect(await use('U0BOTH', 'prod')).toMatch(/could not be started yet/);
    expect(await use('U0BOTH', 'prdo')).toMatch(/Did you mean `prod`\?/);
    expect(await use('U0BOTH', 'zzzzzz')).toMatch(/The pipelines are `dev`, `prod`/);
  });

  test('offers only what the person operates', async () => {
    const { show } = rig();
    expect(await show('U0DEV')).toMatch(/You can choose `dev`/);
    expect(await show('U0NOBODY')).toMatch(/operator of no other pipeline/);
  });
});
