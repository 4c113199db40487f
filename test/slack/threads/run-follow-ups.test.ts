import { WebAPIRateLimitedError } from '@slack/web-api';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ResultRefusal } from '../../../src/checklist/contracts/result-control.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Result } from '../../../src/lib/result.ts';
import type { RunReport } from '../../../src/results/report/run-report.ts';
import type { RunSnapshot, RunState } from '../../../src/run/model/types.ts';
import { createRunFollowUps } from '../../../src/slack/threads/run-follow-ups.ts';
import { type ControlTable, openControlTable } from '../../../src/state/control-table.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createLease } from '../../../src/state/lease.ts';
import { startDynalite } from '../../support/dynalite.ts';
import { failuresFound } from '../../support/result-builders.ts';
import { runSnapshot } from '../../support/scripted-run-control.ts';

let table: ControlTable;
let stop: () => Promise<void>;
let names = 0;
beforeAll(async () => {
  const dynamo = await startDynalite();
  stop = dynamo.stop;
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
});
afterAll(() => stop());
beforeEach(() => {
  names += 1;
});

const report: RunReport & { runId: string; expected: { ms: number } } = {
  stretches: [],
  slowest: [],
  largest: [],
  failedByType: {},
  images: 3,
  failed: 1,
  runId: 'r-0001',
  expected: { ms: 60_000 },
};
const given = async <T>(value: T): Promise<Result<T, ResultRefusal>> => ({ ok: true, value });
const until = async (holds: () => boolean): Promise<void> => {
  for (const end = Date.now() + 10_000; !holds(); ) {
    if (Date.now() > end) throw new Error('It never came to this.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** A Slack and a run that several copies of the bot share: what they told, in order. */
function shared(state: RunState, changes: Partial<RunSnapshot> = {}) {
  const told: string[] = [];
  const world = { run: runSnapshot({ ...changes, runId: 'r-0001', state }), told, beforeStep: (_: string) => {} };
  const tell = (what: string) => {
    world.beforeStep(what);
    told.push(what);
  };
  const copy = (holder: string) => {
    const troubles: string[] = [];
    const runFollowUps = createRunFollowUps({
      results: {
        report: () => given(report),
        failures: () =>
          given({
            ...failuresFound(),
            choose: async () => ({ images: 0, gone: 0, attempt: 2 }),
            images: nothing,
            all: nothing,
            dispose: async () => {},
            runIds: ['r-0001'],
          }),
      },
      diagnoses: {
        diagnose: () =>
          given({
            findings: [{ kind: 'healthy', weight: 0, remedies: [] }],
            unread: [],
            location: { region: 'eu-west-1', functionName: 'ocr' },
            until: 0,
          }),
      },
      files: {
        async shareFailures() {
          tell('csv');
          return 1;
        },
      },
      runs: { read: async () => world.run, location: async () => ({ channel: 'C1', ts: '1.1' }) },
      chat: {
        async post(_channel, message, thread) {
          tell(`${thread?.broadcast ? 'channel' : 'thread'}: ${message.text}`);
          return '1.2';
        },
      },
      followUps: createFollowUps({ table, name: `p${names}` }),
      lease: createLease({ table, name: `p${names}`, holder, durationMs: 1_000, clock: systemClock }),
      clock: systemClock,
      random: () => 0,
      onError: (error) => troubles.push(String(error)),
    });
    onTestFinished(() => runFollowUps.close());
    return { runFollowUps, troubles };
  };
  const event = () => {
    const { kind } = world.run.state;
    if (kind !== 'completed' && kind !== 'tripped' && kind !== 'stopped') throw new Error('No end of a run.');
    return { kind, snapshot: world.run, leftInFlight: 0 } as const;
  };
  return { world, told, copy, event };
}
async function* nothing(): AsyncGenerator<never> {}
const failedOne = { totals: { ...runSnapshot().totals, failed: 1 } };

describe('what is told of a run by itself', () => {
  test('when it is through: the report, which the channel sees, then the failed images', async () => {
    const { told, copy, event } = shared({ kind: 'completed' }, failedOne);
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => told.length === 2);
    expect(told[0]).toMatch(/^channel: :warning: Report of Rescan r-0001/);
    expect(told[1]).toBe('csv');
  });

  test('no file where nothing failed', async () => {
    const { told, copy, event } = shared({ kind: 'completed' }, { totals: { ...runSnapshot().totals, failed: 0 } });
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await runFollowUps.idle();
    expect(told).toHaveLength(1);
  });

  test('when it stopped itself: a diagnosis, a report, the failed images; in the thread alone', async () => {
    const trippedBy = { kind: 'consecutive-failures', failures: 10 } as const;
    const { told, copy, event } = shared({ kind: 'tripped', trippedBy }, failedOne);
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => told.length === 3);
    expect(told.map((what) => what.slice(0, 60))).toEqual([
      expect.stringMatching(/^thread: Diagnosis/),
      expect.stringMatching(/^thread: :warning: Report of Rescan r-0001/),
      'csv',
    ]);
    expect(told[1]).toMatch(/stopped itself as 10 images failed in a row; [\d,]+ of [\d,]+ images are through/);
  });

  test('goes on behind the last step after a crash, in another copy, and repeats none', async () => {
    const { world, told, copy, event } = shared({ kind: 'completed' }, failedOne);
    const first = copy('a');
    world.beforeStep = (what) => {
      if (what !== 'csv') return;
      first.runFollowUps.close();
      throw new Error('The process dies here');
    };
    first.runFollowUps.start();
    await first.runFollowUps.handle(event());
    await until(() => first.troubles.length > 0);
    world.beforeStep = () => {};
    const second = copy('b');
    second.runFollowUps.start();
    // The end is told again, as the first process may have died before it was noted.
    await second.runFollowUps.handle(event());
    await until(() => told.length === 2);
    await second.runFollowUps.idle();
    expect(told[0]).toMatch(/Report/);
    expect(told[1]).toBe('csv');
  });

  test('once, though two copies of the bot are up and both hear of it', async () => {
    const { told, copy, event } = shared({ kind: 'completed' }, failedOne);
    const [one, other] = [copy('a'), copy('b')];
    one.runFollowUps.start();
    other.runFollowUps.start();
    await Promise.all([one.runFollowUps.handle(event()), other.runFollowUps.handle(event())]);
    await until(() => told.length === 2);
    await Promise.all([one.runFollowUps.idle(), other.runFollowUps.idle()]);
    expect(told).toHaveLength(2);
  });

  test('later, where Slack does not take it now', async () => {
    const { world, told, copy, event } = shared({ kind: 'completed' }, failedOne);
    let refusals = 2;
    world.beforeStep = () => {
      refusals -= 1;
      if (refusals === 1) throw new Error('Slack is down');
      if (refusals === 0) throw new WebAPIRateLimitedError(1);
    };
    const { runFollowUps, troubles } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => told.length === 2);
    expect(troubles).toHaveLength(2);
  });

  test('not at all where it goes on before that', async () => {
    const { world, told, copy, event } = shared({ kind: 'stopped', by: { kind: 'control-table' } }, failedOne);
    const { runFollowUps } = copy('a');
    const stopped = event();
    world.run = runSnapshot({ ...world.run, state: { kind: 'running' } });
    runFollowUps.start();
    await runFollowUps.handle(stopped);
    await runFollowUps.idle();
    expect(told).toEqual([]);
  });

  test('nothing of a pause, or of a plan that was abandoned', async () => {
    const { copy, world } = shared({ kind: 'completed' });
    const { runFollowUps } = copy('a');
    for (const kind of ['paused', 'abandoned', 'interrupted'] as const)
      expect(runFollowUps.handle({ kind, snapshot: world.run, leftInFlight: 0 })).toBeUndefined();
  });
});
