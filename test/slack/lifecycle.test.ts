import { expect, test } from 'vitest';
import { createEmitter } from '../../src/lib/async/emitter.ts';
import { createDrain } from '../../src/slack/client/receiver/drain.ts';
import { createLifecycle, createPipelineLife } from '../../src/slack/lifecycle.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

/** A lifecycle whose parts write down when they are called. */
function lifecycle(options: { connect?: () => Promise<void>; idle?: () => Promise<void> } = {}) {
  const clock = createFakeClock(0);
  const calls: string[] = [];
  const note = (call: string) => () => void calls.push(call);
  const life = createPipelineLife({
    prepare: async () => void calls.push('prepared'),
    sources: [
      () => {
        calls.push('source starts');
        return note('source ends');
      },
    ],
    services: [
      {
        start: note('service starts'),
        async idle() {
          calls.push('service delivers');
          await options.idle?.();
        },
        close: note('service closes'),
      },
      { close: note('second service closes') },
    ],
    onStarted: [async () => void calls.push('started')],
    onStopping: [async () => void calls.push('stopping')],
  });
  const app = createLifecycle({
    lives: () => [life],
    connection: {
      async connect() {
        calls.push('connect');
        await options.connect?.();
      },
      disconnect: async () => calls.push('disconnect'),
      close: note('connection closes'),
    },
    drain: createDrain(clock, (_error, message) => calls.push(message)),
  });
  return { app, calls, clock };
}
const STOPPED = [
  'stopping',
  'disconnect',
  'service delivers',
  'connection closes',
  'source ends',
  'service closes',
  'second service closes',
];

test('the start subscribes to events before it connects, and delivers afterwards', async () => {
  const { app, calls } = lifecycle();
  await app.start();
  expect(calls).toEqual(['prepared', 'source starts', 'connect', 'service starts', 'started']);
});

test('a start whose connection fails starts no service and throws', async () => {
  const { app, calls } = lifecycle({ connect: () => Promise.reject(new Error('invalid_auth')) });
  await expect(app.start()).rejects.toThrow('invalid_auth');
  expect(calls).toEqual(['prepared', 'source starts', 'connect']);
});

test('the stop disconnects, delivers, ends the sources, and closes everything', async () => {
  const { app, calls } = lifecycle();
  await app.start();
  calls.length = 0;
  await app.stop();
  expect(calls).toEqual(STOPPED);
});

test('what a request in progress causes during the stop is seen and delivered', async () => {
  const events = createEmitter<string>(() => {});
  const seen: string[] = [];
  const waiting: string[] = [];
  const life = createPipelineLife({
    prepare: async () => {},
    sources: [() => events.watch((event) => void waiting.push(event))],
    services: [{ idle: async () => void seen.push(...waiting.splice(0)), close: () => {} }],
    onStarted: [],
    onStopping: [],
  });
  const drain = createDrain(createFakeClock(0), () => {});
  const connection = { connect: async () => {}, disconnect: async () => {}, close: () => {} };
  const app = createLifecycle({ lives: () => [life], connection, drain });
  await app.start();
  let finish = () => {};
  const request = new Promise<void>((resolve) => {
    finish = resolve;
  });
  void drain.track(request.then(async () => void (await events.emit('the run was abandoned'))));
  const stopped = app.stop();
  finish();
  await stopped;
  expect(seen).toEqual(['the run was abandoned']);
  // Nobody sees it now, so it is not taken for reported.
  expect(await events.emit('later')).toBe(false);
});

test('a service that cannot deliver is closed after 3 s', async () => {
  const { app, calls, clock } = lifecycle({ idle: () => new Promise(() => {}) });
  await app.start();
  calls.length = 0;
  const stopped = app.stop();
  await clock.advance(2_999);
  expect(calls).not.toContain('service closes');
  await clock.advance(1);
  await stopped;
  expect(calls).toEqual(STOPPED);
});

test('the stop leaves, drains and closes every pipeline, also one that was started later', async () => {
  const clock = createFakeClock(0);
  const calls: string[] = [];
  const lifeOf = (name: string) =>
    createPipelineLife({
      prepare: async () => {},
      sources: [() => () => void calls.push(`${name} leaves`)],
      services: [
        { idle: async () => void calls.push(`${name} delivers`), close: () => void calls.push(`${name} closes`) },
      ],
      onStarted: [],
      onStopping: [],
    });
  const lives = [lifeOf('dev')];
  const app = createLifecycle({
    lives: () => lives,
    connection: { connect: async () => {}, disconnect: async () => calls.push('disconnect'), close: () => {} },
    drain: createDrain(clock, () => {}),
  });
  await app.start();
  const late = lifeOf('prod');
  await late.open();
  late.serve();
  lives.push(late);
  await app.stop();
  expect(calls).toEqual([
    'disconnect',
    'dev delivers',
    'prod delivers',
    'dev leaves',
    'dev closes',
    'prod leaves',
    'prod closes',
  ]);
});
