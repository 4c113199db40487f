import { expect, test } from 'vitest';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { ThreadGoneError } from '../../../src/slack/client/slack-errors.ts';
import { endOfEarlyAlert } from '../../../src/slack/messages/run/alerts.ts';
import { createRunThread } from '../../../src/slack/threads/run-thread.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { settle } from '../../support/rigs/fake-clock.ts';

function runThread(
  options: { current?: RunSnapshot | Error; post?: () => Promise<string>; drivesRuns?: () => boolean } = {},
) {
  const shown: RunSnapshot[] = [];
  const alerts: string[] = [];
  const posts: string[] = [];
  const errors: string[] = [];
  const renewed: string[] = [];
  const thread = createRunThread({
    liveMessages: { show: (run) => void shown.push(run) },
    drivesRuns: options.drivesRuns ?? (() => true),
    alerts: { put: async (id, { to, message }) => void alerts.push(`${id} ${to}: ${message.text.split('\n')[0]}`) },
    chat: {
      async post(channel, _message, target) {
        posts.push(`${channel} ${target?.ts}`);
        return options.post ? options.post() : '2.0';
      },
    },
    runs: {
      async current() {
        if (options.current instanceof Error) throw options.current;
        return options.current;
      },
    },
    findLocation: async () => ({ channel: 'C1', ts: '1.0' }),
    heads: { renew: async (runId, ts) => void renewed.push(`${runId} ${ts}`) },
    autoResume: true,
    onError: (_error, message) => errors.push(message),
  });
  return { thread, shown, alerts, posts, errors, renewed };
}
const running = runSnapshot({ state: { kind: 'running' } });

test('an event is shown in the live message, and an end is an alert in the channel', async () => {
  const { thread, shown, alerts } = runThread();
  thread.handle({ kind: 'progress', snapshot: running });
  const completed = runSnapshot({ state: { kind: 'completed' } });
  await thread.handle({ kind: 'completed', snapshot: completed, drive: 'd-1', leftInFlight: 0 });
  expect(shown).toEqual([running, completed]);
  expect(alerts).toEqual([expect.stringMatching(/^r-\d+ channel: /)]);
});

test('a trip is an alert at once, and its end goes into the thread and takes the place of that alert, without buttons', async () => {
  const next = { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } } as const;
  const { thread, alerts } = runThread();
  const snapshot = runSnapshot({ inFlight: 6, draining: true });
  await thread.handle({ kind: 'draining', snapshot, why: 'trip', next });
  const tripped = runSnapshot({ state: next, inFlight: 0 });
  await thread.handle({ kind: 'tripped', snapshot: tripped, drive: 'd-1', leftInFlight: 0, isKnown: true });
  const fact = expect.stringMatching(/stopped itself: 10 images failed in a row/);
  expect(alerts.map((each) => each.split(':')[0])).toEqual(['r-0142 channel', 'r-0142 thread', 'r-0142 early']);
  expect(alerts).toEqual([fact, fact, fact]);
  const edited = endOfEarlyAlert(
    { kind: 'tripped', snapshot: tripped, drive: 'd-1', leftInFlight: 0, isKnown: true },
    { resumesByItself: true },
  );
  expect(edited?.text).toContain('Nothing is running now.');
  expect(edited?.blocks.some(({ type }) => type === 'actions')).toBe(false);
});

test('progress is posted into the thread while the run is running, and not after it paused', async () => {
  const { thread, posts } = runThread();
  thread.postProgress();
  await settle();
  expect(posts).toEqual([]);
  thread.handle({ kind: 'progress', snapshot: running });
  thread.postProgress();
  await settle();
  expect(posts).toEqual(['C1 1.0']);
  const paused = runSnapshot({ state: { kind: 'paused', because: { kind: 'person', by: 'U1' } } });
  await thread.handle({ kind: 'paused', snapshot: paused, drive: 'd-1', leftInFlight: 0 });
  thread.postProgress();
  await settle();
  expect(posts).toHaveLength(1);
});

test('no progress is posted by a process that has lost the lease of runs', async () => {
  let drivesRuns = false;
  const { thread, posts } = runThread({ drivesRuns: () => drivesRuns });
  thread.handle({ kind: 'progress', snapshot: running });
  thread.postProgress();
  await settle();
  expect(posts).toEqual([]);
  drivesRuns = true;
  thread.postProgress();
  await settle();
  expect(posts).toHaveLength(1);
});

test('a progress post that hangs is not joined by another, and one that fails is dropped', async () => {
  let fail: (error: Error) => void = () => {};
  const { thread, posts, errors } = runThread({
    post: () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  });
  thread.handle({ kind: 'progress', snapshot: running });
  thread.postProgress();
  await settle();
  thread.postProgress();
  await settle();
  expect(posts).toHaveLength(1);
  fail(new Error('Slack is down'));
  await settle();
  expect(errors).toEqual(['A progress post was dropped.']);
  thread.postProgress();
  await settle();
  expect(posts).toHaveLength(2);
});

test.each([
  ['is shown when it has ended', runSnapshot({ state: { kind: 'interrupted' } }), 1],
  ['is not shown while it is running: the process that drives it does', running, 0],
  ['is not shown when there is none', undefined, 0],
])('the last run %s', async (_, current, shows) => {
  const { thread, shown } = runThread(current ? { current } : {});
  await thread.showLastRun();
  expect(shown).toHaveLength(shows);
});

test('a last run that cannot be read is logged', async () => {
  const { thread, errors } = runThread({ current: new Error('no network') });
  await thread.showLastRun();
  expect(errors).toEqual(['The last run cannot be read.']);
});

test('when Slack puts a progress post in the channel, because the live message was deleted, the run gets a new one', async () => {
  const { thread, renewed, errors } = runThread({
    post: () => Promise.reject(new ThreadGoneError('C1', '1.0', '2.0')),
  });
  thread.handle({ kind: 'progress', snapshot: running });
  thread.postProgress();
  await settle();
  expect(renewed).toEqual([`${running.runId} 1.0`]);
  expect(errors).toEqual([]);
});
