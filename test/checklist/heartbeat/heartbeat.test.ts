import { expect, test } from 'vitest';
import { createHeartbeat } from '../../../src/checklist/heartbeat/heartbeat.ts';
import type { Measurement } from '../../../src/pipeline/metrics/put-metrics.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

type Put = (measurements: readonly Measurement[], signal: AbortSignal) => Promise<void>;

function rig(put: Put, active = true) {
  const clock = createFakeClock();
  const work = { active };
  const warnings: string[] = [];
  const heartbeat = createHeartbeat({
    pipeline: 'ocr',
    works: [{ kind: 'run', isActive: async () => work.active, isDriven: () => true }],
    put,
    clock,
    warnOnce: (message) => void warnings.push(message),
  });
  heartbeat.standBy();
  return { clock, work, heartbeat, warnings };
}

test('a report that CloudWatch does not answer is given up before the next one is due', async () => {
  const signals: AbortSignal[] = [];
  const put: Put = (_, signal) => {
    signals.push(signal);
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const { clock, heartbeat, warnings } = rig(put);
  await clock.advance(44_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  await clock.advance(120_000);
  expect(signals.length).toBeGreaterThanOrEqual(2);
  expect(warnings).toContain('the heartbeat could not be sent to CloudWatch');
  await heartbeat.shutDown();
});

test('work that begins during a report is reported by the next one, at once', async () => {
  const sent: number[] = [];
  let answer = () => {};
  const put: Put = (measurements) => {
    sent.push(...measurements.filter(({ name }) => name === 'ActiveWork').map(({ value }) => value));
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const { clock, work, heartbeat } = rig(put, false);
  await clock.advance(0);
  work.active = true;
  heartbeat.changed();
  answer();
  await clock.advance(0);
  expect(sent).toEqual([0, 1]);
  answer();
  await heartbeat.shutDown();
});

test('nothing is sent after a shutdown, and a shutdown does not wait for CloudWatch', async () => {
  let reports = 0;
  const put: Put = (_, signal) => {
    reports += 1;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const { clock, heartbeat, warnings } = rig(put);
  await clock.advance(0);
  await heartbeat.shutDown();
  heartbeat.changed();
  await clock.advance(300_000);
  expect(reports).toBe(1);
  expect(warnings).toEqual([]);
});

test('while the control table does not answer, the process that drives the work sends its heartbeat every minute', async () => {
  const clock = createFakeClock();
  const begin = clock.now();
  const sent: string[] = [];
  const warnings: string[] = [];
  const hangs = () => new Promise<boolean>(() => {});
  const heartbeat = createHeartbeat({
    pipeline: 'ocr',
    works: [
      { kind: 'run', isActive: hangs, isDriven: () => true },
      { kind: 'table-job', isActive: hangs, isDriven: () => false },
      { kind: 'backup', isActive: async () => false, isDriven: () => false },
    ],
    put: async (measurements, signal) => {
      signal.throwIfAborted();
      const names = measurements.map(({ name, dimensions }) => `${name} ${dimensions.Work}`);
      sent.push(`${Math.floor((clock.now() - begin) / 60_000)}: ${names.join(', ')}`);
    },
    clock,
    warnOnce: (message) => void warnings.push(message),
  });
  heartbeat.standBy();
  await clock.advance(150_000);
  heartbeat.changed();
  await clock.advance(0);
  // It does not wait for a read that hangs.
  await heartbeat.shutDown();
  // Only what is known: the driver drives, and nothing else can be said of the work whose record is unreadable.
  expect(sent).toEqual([0, 1, 2].map((minute) => `${minute}: Heartbeat run, ActiveWork backup, Heartbeat backup`));
  expect(new Set(warnings)).toEqual(
    new Set(
      ['run', 'table-job'].map(
        (kind) => `whether a ${kind} is active cannot be read, so the heartbeat does not say it`,
      ),
    ),
  );
});
