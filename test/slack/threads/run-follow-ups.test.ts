import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { DiffNow, ResultRefusal } from '../../../src/checklist/contracts/result-control.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { CsvRowTooLongError } from '../../../src/lib/csv/parts.ts';
import type { Result } from '../../../src/lib/result.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { RunReport } from '../../../src/results/report/run-report.ts';
import type { RunSnapshot, RunState } from '../../../src/run/model/types.ts';
import { FileUploadError } from '../../../src/slack/client/file-upload.ts';
import { ThreadGoneError } from '../../../src/slack/client/slack-errors.ts';
import { createRunFollowUps } from '../../../src/slack/threads/run-follow-ups.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createLease } from '../../../src/state/lease.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { startDynalite } from '../../support/aws/dynalite.ts';
import { HANGS_MS } from '../../support/eventually.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { diffFound, failuresFound } from '../../support/messages/result-builders.ts';

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
  intervals: [],
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
  for (const end = Date.now() + HANGS_MS; !holds(); ) {
    if (Date.now() > end) throw new Error('This did not happen.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** A Slack and a run that several processes of the bot share; what they posted, in order. */
function shared(state: RunState, changes: Partial<RunSnapshot> = {}) {
  const posted: string[] = [];
  const world = {
    run: runSnapshot({ ...changes, runId: 'r-0001', state }),
    posted,
    beforeStep: (_: string) => {},
    /** What Slack has posted with each id. */
    ids: new Set<string>(),
    /** Called with a post that Slack has accepted. */
    afterPost: (_: string) => {},
    isHeadDeleted: false,
    /** What a run over a scope changed. */
    changes: async (): Promise<DiffNow | undefined> => undefined,
    /** Whether Slack says so when it is asked. */
    slackTells: true,
  };
  const record = (what: string) => {
    world.beforeStep(what);
    posted.push(what);
  };
  const copy = (holder: string) => {
    const errors: string[] = [];
    const runFollowUps = createRunFollowUps({
      results: {
        report: () => given(report),
        changes: async () => given(await world.changes()),
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
        async shareFailures(_found, { threadTs }) {
          record(threadTs === '1.1' ? 'csv' : `csv in ${threadTs}`);
          return 1;
        },
      },
      runs: { read: async () => world.run, location: async () => ({ channel: 'C1', ts: '1.1' }) },
      chat: {
        async post(channel, message, thread, onceId = '') {
          const place = !thread || thread.broadcast || world.isHeadDeleted ? 'channel' : 'thread';
          if (!world.ids.has(onceId)) record(`${place}: ${message.text}`);
          world.ids.add(onceId);
          world.afterPost(message.text);
          if (thread && world.isHeadDeleted) throw new ThreadGoneError(channel, thread.ts, '2.2');
          return '2.2';
        },
      },
      isDeleted: async () => world.isHeadDeleted && world.slackTells,
      followUps: createFollowUps({ table, name: `p${names}`, warn: failOnWarning }),
      lease: createLease({ table, name: `p${names}`, holder, durationMs: 1_000, clock: systemClock }),
      clock: systemClock,
      random: () => 0,
      onError: (error) => errors.push(String(error)),
    });
    onTestFinished(() => runFollowUps.close());
    return { runFollowUps, errors };
  };
  const event = () => {
    const { kind } = world.run.state;
    if (kind !== 'completed' && kind !== 'tripped' && kind !== 'stopped')
      throw new Error('This state has no follow-up.');
    return { kind, snapshot: world.run, drive: 'd-1', leftInFlight: 0 } as const;
  };
  return { world, posted, copy, event };
}
async function* nothing(): AsyncGenerator<never> {}
const failedOne = { totals: { ...runSnapshot().totals, failed: 1 } };

describe('the follow-ups of a run', () => {
  test('a completed run is followed by its report and by the CSV of the failed images, both in its thread', async () => {
    const { posted, copy, event } = shared({ kind: 'completed' }, failedOne);
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => posted.length === 2);
    expect(posted[0]).toMatch(/^thread: :warning: Report of Rescan r-0001/);
    expect(posted[1]).toBe('csv');
  });

  test('a completed run over a scope is followed by what changed for it', async () => {
    const { world, posted, copy, event } = shared(
      { kind: 'completed' },
      { totals: { ...runSnapshot().totals, failed: 0 } },
    );
    let isDisposed = false;
    world.changes = async () => ({
      ...diffFound({ changed: 1, same: 6, outside: { removed: 0, changed: 0, added: 0, same: 4_170 } }),
      keys: { hash: 'ResourceName', profile: TIMESHEETS },
      scope: { id: 's-1', what: 'people Ana Bel' },
      entries: nothing,
      async dispose() {
        isDisposed = true;
      },
    });
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => posted.length === 2 && isDisposed);
    expect(posted[1]).toMatch(
      /^thread: The records of the scope, compared with backup .*: 0 removed, 1 changed, 0 added, 6 unchanged/,
    );
    expect(posted[1]).toContain('Scope: `people Ana Bel`.');
    expect(posted[1]).toContain('All other 4,170 records are unchanged.');
  });

  test.each([true, false])(
    'when the live message was deleted, the report is in the channel and the CSV in its thread (known beforehand: %s)',
    async (slackTells) => {
      const { world, posted, copy, event } = shared({ kind: 'completed' }, failedOne);
      Object.assign(world, { isHeadDeleted: true, slackTells });
      const { runFollowUps } = copy('a');
      runFollowUps.start();
      await runFollowUps.handle(event());
      await until(() => posted.length === 2);
      expect(posted[0]).toMatch(/^channel: :warning: Report of Rescan r-0001/);
      expect(posted[1]).toBe('csv in 2.2');
    },
  );

  test('a run without failures is followed by no file', async () => {
    const { posted, copy, event } = shared({ kind: 'completed' }, { totals: { ...runSnapshot().totals, failed: 0 } });
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await runFollowUps.idle();
    expect(posted).toHaveLength(1);
  });

  test('a tripped run is followed by diagnosis, report and CSV in its thread only', async () => {
    const trippedBy = { kind: 'consecutive-failures', failures: 10 } as const;
    const { posted, copy, event } = shared({ kind: 'tripped', trippedBy }, failedOne);
    const { runFollowUps } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => posted.length === 3);
    expect(posted.map((what) => what.slice(0, 60))).toEqual([
      expect.stringMatching(/^thread: Diagnosis/),
      expect.stringMatching(/^thread: :warning: Report of Rescan r-0001/),
      'csv',
    ]);
    expect(posted[1]).toMatch(/stopped itself because 10 images failed in a row; [\d,]+ of [\d,]+ images are done/);
  });

  test('after a crash another process continues behind the last finished step and repeats none', async () => {
    const { world, posted, copy, event } = shared({ kind: 'completed' }, failedOne);
    const first = copy('a');
    world.beforeStep = (what) => {
      if (what !== 'csv') return;
      first.runFollowUps.close();
      throw Object.assign(new Error('The process dies here'), { code: 'ECONNRESET' });
    };
    first.runFollowUps.start();
    await first.runFollowUps.handle(event());
    await until(() => first.errors.length > 0);
    world.beforeStep = () => {};
    const second = copy('b');
    second.runFollowUps.start();
    // The same end arrives again: the first process may have died before it stored the follow-up.
    await second.runFollowUps.handle(event());
    await until(() => posted.length === 2);
    await second.runFollowUps.idle();
    expect(posted[0]).toMatch(/Report/);
    expect(posted[1]).toBe('csv');
  });

  test('two processes that see the same end post its follow-ups once', async () => {
    const { posted, copy, event } = shared({ kind: 'completed' }, failedOne);
    const [one, other] = [copy('a'), copy('b')];
    one.runFollowUps.start();
    other.runFollowUps.start();
    await Promise.all([one.runFollowUps.handle(event()), other.runFollowUps.handle(event())]);
    await until(() => posted.length === 2);
    await Promise.all([one.runFollowUps.idle(), other.runFollowUps.idle()]);
    expect(posted).toHaveLength(2);
  });

  test('a follow-up that Slack does not accept is retried', async () => {
    const { world, posted, copy, event } = shared({ kind: 'completed' }, failedOne);
    let refusals = 2;
    world.beforeStep = () => {
      refusals -= 1;
      if (refusals === 1) throw new Error('Slack is down');
      if (refusals === 0) throw new WebAPIRateLimitedError(1);
    };
    const { runFollowUps, errors } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => posted.length === 2);
    expect(errors).toHaveLength(2);
  });

  test.each([
    [new FileUploadError('failed-images.csv', 403), '`Slack did not accept the file failed-images.csv: HTTP 403.`'],
    [new WebAPIPlatformError({ ok: false, error: 'storage_limit_reached' }), 'Slack answered `storage_limit_reached`.'],
    [new CsvRowTooLongError(7, 20, 10), '`Row 7 needs 20 bytes with the header. A part has at most 10 bytes.`'],
  ])('a CSV that cannot be uploaded is tried once, and the thread has the reason: %s', async (error, reason) => {
    const { world, posted, copy, event } = shared({ kind: 'completed' }, failedOne);
    let uploads = 0;
    world.beforeStep = (what) => {
      if (what !== 'csv') return;
      uploads += 1;
      throw error;
    };
    const first = copy('a');
    first.runFollowUps.start();
    await first.runFollowUps.handle(event());
    await until(() => first.errors.length > 0);
    await first.runFollowUps.idle();
    const second = copy('b');
    second.runFollowUps.start();
    await second.runFollowUps.handle(event());
    await second.runFollowUps.idle();
    expect(uploads).toBe(1);
    expect(posted).toEqual([
      expect.stringMatching(/Report/),
      `thread: The CSV of the failed images could not be uploaded. ${reason}\nTo try again: \`/rescan export failures\`.`,
    ]);
  });

  test('messages whose replies are lost are in the thread once', async () => {
    const trippedBy = { kind: 'consecutive-failures', failures: 10 } as const;
    const { world, posted, copy, event } = shared({ kind: 'tripped', trippedBy }, failedOne);
    const lost = new Set<string>();
    world.afterPost = (text) => {
      if (lost.has(text)) return;
      lost.add(text);
      throw Object.assign(new Error('The reply is lost'), { code: 'ECONNRESET' });
    };
    const { runFollowUps, errors } = copy('a');
    runFollowUps.start();
    await runFollowUps.handle(event());
    await until(() => posted.includes('csv'));
    await runFollowUps.idle();
    expect(errors).toHaveLength(2);
    expect(posted).toEqual([expect.stringMatching(/^thread: Diagnosis/), expect.stringMatching(/Report/), 'csv']);
  });

  test('a run that was resumed before its follow-up is not followed up', async () => {
    const { world, posted, copy, event } = shared({ kind: 'stopped', by: { kind: 'control-table' } }, failedOne);
    const { runFollowUps } = copy('a');
    const stopped = event();
    world.run = runSnapshot({ ...world.run, state: { kind: 'running' } });
    runFollowUps.start();
    await runFollowUps.handle(stopped);
    await runFollowUps.idle();
    expect(posted).toEqual([]);
  });

  test('a pause, an interruption and an abandoned plan have no follow-up', async () => {
    const { copy, world } = shared({ kind: 'completed' });
    const { runFollowUps } = copy('a');
    for (const kind of ['paused', 'abandoned', 'interrupted'] as const)
      expect(runFollowUps.handle({ kind, snapshot: world.run, drive: 'd-1', leftInFlight: 0 })).toBeUndefined();
  });
});
