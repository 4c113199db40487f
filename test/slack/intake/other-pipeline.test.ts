import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { assembleWithoutPipeline } from '../../../src/app/slack/without-pipeline.ts';
import { readSettings } from '../../../src/settings.ts';
import { createClosedIntake } from '../../../src/slack/intake/closed-intake.ts';
import { createDeduplicator } from '../../../src/slack/intake/deduplicate.ts';
import { createRouter, type RequestTarget } from '../../../src/slack/intake/route.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { noPipelineMessage } from '../../../src/slack/messages/pipelines/choose-messages.ts';
import type { StoredStop } from '../../../src/state/stops/stored-stops.ts';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { BUTTONS, FORMS, IN_DIRECT_MESSAGES, LINES } from '../../support/messages/every-request.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import { createIntakeRig } from '../../support/rigs/intake-rig.ts';

const CHANNELS = { dev: 'C0TIMESHEET', prod: 'C0PROD' } as const;
type Name = keyof typeof CHANNELS;
const OTHER: Readonly<Record<Name, Name>> = { dev: 'prod', prod: 'dev' };
const NAMES: readonly Name[] = ['dev', 'prod'];
/** An operator and approver of both pipelines: nothing but the pipeline itself holds a request back. */
const PERSON = 'U0BOTH';

/** Two pipelines with runs, approvals and backups of the same ids, and what leads requests to them. `chosen`: for C0CHOSEN. */
function twoPipelines(chosen: { pipeline?: Name } = {}) {
  const rigOf = (name: Name) =>
    createIntakeRig({
      settings: { SLACK_CHANNELS: CHANNELS[name], OPERATORS: PERSON, APPROVERS: PERSON },
      channels: () => channelsOf(name),
      runs: createScriptedRunControl({ firstRun: runSnapshot() }),
    });
  const channelsOf = (name: Name) => [CHANNELS[name], ...(chosen.pipeline === name ? ['C0CHOSEN'] : [])];
  const rigs = { dev: rigOf('dev'), prod: rigOf('prod') };
  const chat: RequestTarget['chat'] = {
    post: async () => '9.0',
    postEphemeral: async () => {},
    removeButtons: async () => {},
  };
  const targetOf = (intake: RequestTarget['intake'], homeChannel: string): RequestTarget => ({
    intake,
    homeChannel,
    chat,
    suggest: async () => [],
  });
  const nowhere = targetOf(
    createClosedIntake({
      commands: new Map(),
      answer: noPipelineMessage,
      deduplicator: createDeduplicator(createFakeClock()),
      reportError: () => 'ref',
    }),
    '',
  );
  const router = createRouter({
    pipelines: NAMES.map((name) => {
      const target = targetOf(rigs[name].intake, CHANNELS[name]);
      const channels = () => channelsOf(name);
      return { id: name, target: () => target, listed: [CHANNELS[name]], channels, known: async (id: string) => id };
    }),
    nowhere,
    refresh: async () => {},
  });
  const heard: Message[] = [];
  let deliveries = 0;
  const common = () => {
    deliveries += 1;
    heard.length = 0;
    for (const { seen } of Object.values(rigs)) {
      seen.calls.length = 0;
      seen.audited.length = 0;
    }
    const id = `delivery-${deliveries}`;
    return {
      person: PERSON,
      deliveryId: id,
      triggerId: id,
      reply: async (message: Message) => void heard.push(message),
    };
  };
  const acknowledge = async (answer?: object): Promise<boolean> => {
    if (answer) heard.push({ text: JSON.stringify(answer), blocks: [] });
    return true;
  };
  return {
    router,
    text: () => heard.map(({ text }) => text).join('\n'),
    callsOf: (name: Name) => rigs[name].seen.calls.map((call) => call.name),
    refusalsOf: (name: Name) => rigs[name].seen.audited.filter(({ outcome }) => outcome.startsWith('refused')).length,
    async command(line: string, channelId: string) {
      const { target, channel } = await router.ofChannel(channelId);
      await target.intake.command({ ...common(), channel, text: line, acknowledge });
    },
    async click(actionId: string, value: string, channelId: string, blockId: string | undefined) {
      const { target, channel, ...foreign } = await router.ofClick({ channelId, blockId, viewCallbackId: undefined });
      const message = { channel, ts: '1.0' };
      const unused = { removeButtons: async () => {}, replaceMessage: async () => {}, isEphemeral: false };
      await target.intake.click({ ...common(), ...foreign, ...unused, message, actionId, value, acknowledge });
    },
    async submit(viewCallbackId: string, metadata: object, values: object) {
      const { target, callbackId } = router.ofView(viewCallbackId);
      const { reply, ...incoming } = common();
      const view = { viewId: 'V1', privateMetadata: JSON.stringify(metadata), values, callbackId };
      await target.intake.submission({ ...incoming, ...view, replyIn: (_, message) => reply(message), acknowledge });
    },
  };
}
const blockOf = (name: Name) => `pipeline:${name}:1`;

describe('every command', () => {
  test.each(Object.values(LINES).flat())('%s acts on the pipeline of its channel only', async (line) => {
    const both = twoPipelines();
    for (const name of NAMES) {
      await both.command(line, CHANNELS[name]);
      expect(both.callsOf(OTHER[name])).toEqual([]);
    }
    await both.command(line, 'C0OTHER');
    expect([...both.callsOf('dev'), ...both.callsOf('prod')]).toEqual([]);
    expect(both.text()).toContain('belongs to no pipeline');
  });
});

describe('every button', () => {
  test.each(Object.entries(BUTTONS))(
    '%s of the other pipeline does nothing, with any id',
    async (actionId, [, value]) => {
      const both = twoPipelines({ pipeline: 'prod' });
      const nothing = () => expect([...both.callsOf('dev'), ...both.callsOf('prod')]).toEqual([]);
      for (const name of NAMES) {
        await both.click(actionId, value, CHANNELS[name], blockOf(OTHER[name]));
        nothing();
        expect(both.text()).toContain(`of the pipeline \`${OTHER[name]}\``);
        await both.click(actionId, value, 'C0OTHER', blockOf(name));
        nothing();
        // Its own button does something.
        await both.click(actionId, value, CHANNELS[name], blockOf(name));
        expect(both.callsOf(OTHER[name])).toEqual([]);
        await both.click(actionId, value, 'D0DIRECT', blockOf(name));
        expect(both.callsOf(OTHER[name])).toEqual([]);
        if (!IN_DIRECT_MESSAGES.some((id) => id === actionId)) nothing();
      }
      await both.click(actionId, value, 'D0DIRECT', undefined);
      nothing();
      // Where people chose another pipeline, a button from before it does nothing.
      for (const block of [blockOf('dev'), undefined]) {
        await both.click(actionId, value, 'C0CHOSEN', block);
        nothing();
        expect(both.text()).toMatch(/another (pipeline|one)/);
      }
    },
  );

  test('of a message from the time when there was one pipeline works in the channel that is listed', async () => {
    const both = twoPipelines();
    await both.click('run_pause', 'r-0142', CHANNELS.dev, undefined);
    expect(both.callsOf('dev')).toContain('runs.pause');
  });

  test('that would have changed something is in the audit of the pipeline in whose channel it was pressed', async () => {
    const both = twoPipelines();
    await both.click('run_stop', 'r-0142', CHANNELS.prod, blockOf('dev'));
    expect([both.refusalsOf('dev'), both.refusalsOf('prod')]).toEqual([0, 1]);
  });
});

describe('every form', () => {
  test.each(Object.entries(FORMS))(
    '%s does nothing with a channel of the other pipeline',
    async (callbackId, [, metadata, values]) => {
      const both = twoPipelines();
      for (const name of NAMES) {
        await both.submit(`${name}:${callbackId}`, { ...metadata, channel: CHANNELS[OTHER[name]] }, values);
        expect([...both.callsOf('dev'), ...both.callsOf('prod')]).toEqual([]);
        expect(both.text()).toMatch(/Nothing was done/);
        await both.submit(`${name}:${callbackId}`, { ...metadata, channel: CHANNELS[name] }, values);
        expect(both.callsOf(OTHER[name])).toEqual([]);
      }
      await both.submit(callbackId, metadata, values);
      expect([...both.callsOf('dev'), ...both.callsOf('prod')]).toEqual([]);
    },
  );
});

test('the pickers of a form and the Home tab ask the pipeline that they name', async () => {
  const { router } = twoPipelines();
  const home = (viewCallbackId: string) => router.ofClick({ channelId: undefined, blockId: undefined, viewCallbackId });
  for (const name of NAMES) {
    expect(router.ofView(`${name}:choose_scope`).target.homeChannel).toBe(CHANNELS[name]);
    expect((await home(`${name}:`)).channel).toBe(CHANNELS[name]);
  }
  expect((await home('')).target.homeChannel).toBe('');
  expect(router.ofView('gone:choose_scope').target.homeChannel).toBe('');
});

test('a channel that people chose belongs to that pipeline until they choose another', async () => {
  const chosen: { pipeline?: Name } = { pipeline: 'prod' };
  const both = twoPipelines(chosen);
  await both.command('pause', 'C0CHOSEN');
  expect([both.callsOf('dev'), both.callsOf('prod').includes('runs.pause')]).toEqual([[], true]);
  chosen.pipeline = 'dev';
  await both.command('pause', 'C0CHOSEN');
  expect([both.callsOf('prod'), both.callsOf('dev').includes('runs.pause')]).toEqual([[], true]);
});

test('the buttons that halt are stored for a pipeline that could not be started; others, and those of another pipeline, are not', async () => {
  const stored: StoredStop[] = [];
  const clock = createFakeClock();
  const target = assembleWithoutPipeline({
    settings: readSettings({ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C0PROD' }),
    clock,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
  }).unavailable({
    name: 'prod',
    homeChannel: 'C0PROD',
    stopFile: '/tmp/STOP',
    storedStops: {
      async put(stop) {
        stored.push(stop);
        return { kind: 'bucket', bucket: 'control', key: 'stops/ocr.json' };
      },
      readFile: async () => undefined,
      readBucket: async () => undefined,
      find: async () => ({ stops: [] }),
      clear: async () => {},
    },
    mayStop: async (person) =>
      person === PERSON
        ? { ok: true }
        : { ok: false, refusal: { reason: 'look-up-failed', role: 'stopper', cause: 'unknown' } },
    failure: () => ({ retryAt: clock.now() }),
  });
  const click = async (actionId: string, given: { person?: string; foreign?: object } = {}) => {
    const heard: string[] = [];
    await target.intake.click({
      person: PERSON,
      actionId,
      value: 'r-0142',
      deliveryId: `${actionId} ${JSON.stringify(given)}`,
      triggerId: 't',
      message: { channel: 'C0PROD', ts: '1.0' },
      isEphemeral: false,
      reply: async ({ text }) => void heard.push(text),
      removeButtons: async () => {},
      replaceMessage: async () => {},
      acknowledge: async () => true,
      ...given,
    });
    return heard.join('\n');
  };
  for (const id of ['run_stop', 'run_stop_now', 'stop_asked', 'run_pause'])
    expect(await click(id)).toMatch(/The (stop|pause) is stored in `s3:\/\/control\/stops\/ocr\.json`/);
  expect(stored.map(({ request, by }) => [request, by])).toEqual(
    ['stop', 'stop-now', 'stop', 'pause'].map((request) => [request, PERSON]),
  );
  expect(await click('run_resume')).toContain('could not be started');
  expect(await click('run_stop', { foreign: { pipeline: 'dev' } })).toContain('could not be started');
  await click('run_stop', { person: 'U0OTHER' });
  expect(stored).toHaveLength(4);
});
