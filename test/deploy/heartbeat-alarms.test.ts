import { expect, test } from 'vitest';
import { createHeartbeat, type Heartbeat } from '../../src/checklist/heartbeat/heartbeat.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';
import { createAlarmModel } from './alarm-model.ts';

const RINGS = 'ActiveWithoutHeartbeatAlarm';

/** Copies of the bot, the record of one run that they share, and the alarms of the template on what they report. */
function rig() {
  const clock = createFakeClock();
  const alarms = createAlarmModel('ocr');
  const record = { running: false, readable: true };
  const cloudwatch = { reachable: true };
  const rang: number[] = [];
  const start = clock.now();
  function copy() {
    const self = { drives: false, alive: true };
    const heartbeat: Heartbeat = createHeartbeat({
      pipeline: 'ocr',
      works: [
        {
          kind: 'run',
          isActive: async () => {
            if (!record.readable) throw new Error('The control table does not answer.');
            return record.running;
          },
          isDriven: () => self.drives,
        },
      ],
      put: async (measurements) => {
        if (!self.alive) return;
        if (!cloudwatch.reachable) throw new Error('getaddrinfo ENOTFOUND');
        alarms.take(measurements);
      },
      clock,
      warnOnce: () => {},
    });
    heartbeat.standBy();
    return {
      begin() {
        record.running = true;
        self.drives = true;
        heartbeat.changed();
      },
      end() {
        record.running = false;
        self.drives = false;
        heartbeat.changed();
      },
      takeOver() {
        self.drives = true;
        heartbeat.changed();
      },
      loseLease() {
        self.drives = false;
      },
      die() {
        self.alive = false;
        self.drives = false;
      },
      shutDown: heartbeat.shutDown,
    };
  }
  return {
    copy,
    record,
    cloudwatch,
    alarms,
    /** Lets so many minutes pass, in which CloudWatch evaluates the alarms. */
    async pass(minutes: number) {
      for (let minute = 0; minute < minutes; minute++) {
        await clock.advance(60_000);
        alarms.minute(clock.now());
        if (alarms.state(RINGS) === 'ALARM') rang.push(Math.round((clock.now() - start) / 60_000));
      }
    },
    /** The minutes in which the alarm rang. */
    rang,
  };
}

test('an idle bot rings no alarm, and neither does a run from its start to its end', async () => {
  const { copy, pass, rang, alarms } = rig();
  const bot = copy();
  await pass(30);
  bot.begin();
  await pass(45);
  bot.end();
  await pass(30);
  expect(rang).toEqual([]);
  expect(alarms.state('BotSilentAlarm')).toBe('OK');
  await bot.shutDown();
});

test('a run whose process dies rings within ten minutes, and until another process drives it', async () => {
  const { copy, pass, rang } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await pass(10);
  bot.die();
  await pass(10);
  expect(rang.length).toBeGreaterThan(0);
  const next = copy();
  next.takeOver();
  await pass(2);
  rang.length = 0;
  await pass(10);
  expect(rang).toEqual([]);
  await Promise.all([bot.shutDown(), next.shutDown()]);
});

test('a process that dies in the second after it reported the start of a run rings, also when it stays dead for a day', async () => {
  const { copy, pass, rang } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  bot.die();
  await pass(10);
  expect(rang.length).toBeGreaterThan(0);
  await pass(200);
  expect(rang.at(-1)).toBe(215);
  await bot.shutDown();
});

test('a process that dies before it reported the start of a run leaves that to the alarm about silent bots', async () => {
  const { copy, pass, rang, alarms, record } = rig();
  const bot = copy();
  await pass(5);
  bot.die();
  record.running = true;
  await pass(30);
  expect(rang).toEqual([]);
  expect(alarms.state('BotSilentAlarm')).toBe('ALARM');
  await bot.shutDown();
});

test('a second copy that sees an active run which nobody drives does not hide that', async () => {
  const { copy, pass, rang } = rig();
  const [bot, other] = [copy(), copy()];
  await pass(5);
  bot.begin();
  await pass(10);
  expect(rang).toEqual([]);
  bot.die();
  await pass(10);
  expect(rang.length).toBeGreaterThan(0);
  await Promise.all([bot.shutDown(), other.shutDown()]);
});

test('a living process that lost its lease and whose run nobody drives rings', async () => {
  const { copy, pass, rang } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await pass(10);
  bot.loseLease();
  await pass(10);
  expect(rang.length).toBeGreaterThan(0);
  await bot.shutDown();
});

test('a restart that takes three minutes rings no alarm', async () => {
  const { copy, pass, rang } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await pass(10);
  bot.die();
  await pass(3);
  const next = copy();
  next.takeOver();
  await pass(10);
  expect(rang).toEqual([]);
  await Promise.all([bot.shutDown(), next.shutDown()]);
});

test('a run during which CloudWatch cannot be reached rings, because nobody could see it die', async () => {
  const { copy, pass, rang, cloudwatch } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await pass(10);
  cloudwatch.reachable = false;
  await pass(10);
  expect(rang.length).toBeGreaterThan(0);
  cloudwatch.reachable = true;
  await pass(2);
  rang.length = 0;
  await pass(5);
  expect(rang).toEqual([]);
  await bot.shutDown();
});

test('a run that starts while CloudWatch cannot be reached rings the alarm about silent bots', async () => {
  const { copy, pass, cloudwatch, alarms } = rig();
  const bot = copy();
  await pass(5);
  cloudwatch.reachable = false;
  bot.begin();
  await pass(30);
  expect(alarms.state('BotSilentAlarm')).toBe('ALARM');
  await bot.shutDown();
});

test('a driver goes on sending its heartbeat while the control table does not answer', async () => {
  const { copy, pass, rang, record } = rig();
  const bot = copy();
  await pass(5);
  bot.begin();
  await pass(10);
  record.readable = false;
  await pass(20);
  expect(rang).toEqual([]);
  await bot.shutDown();
});
