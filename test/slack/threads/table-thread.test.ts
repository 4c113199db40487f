import { expect, test } from 'vitest';
import type { Approval } from '../../../src/approvals/approval.ts';
import type { TableEvent } from '../../../src/checklist/contracts/table-control.ts';
import { createTableThread, renderJob, type ShownJob } from '../../../src/slack/threads/table-thread.ts';
import { flushApproval, flushJob, NOW } from '../../support/messages/table-builders.ts';
import { settle } from '../../support/rigs/fake-clock.ts';

const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
const finished: TableEvent = {
  kind: 'finished',
  job: flushJob(),
  result: { kind: 'flush', deleted: 760, supplemented: 0, remaining, newRows: 0 },
  elapsedMs: 5_000,
};
const progress = { stage: 'deleting', done: 380, total: 760, isApproximate: false, stageMs: 2_000 } as const;

function tableThread(options: { post?: () => Promise<string>; approval?: Approval } = {}) {
  const shown: ShownJob[] = [];
  const done: string[] = [];
  const locations = new Map<string, { channel: string; ts: string }>();
  const firstLine = (text: string) => text.split('\n')[0];
  const thread = createTableThread({
    liveMessages: { show: (state) => void shown.push(state) },
    alerts: {
      async put(id, alert) {
        const what = alert.to === 'edit' ? `stored edit of ${alert.at.ts}` : `alert ${id} ${alert.to}`;
        done.push(`${what}: ${firstLine(alert.message.text)}`);
      },
    },
    chat: {
      async post(channel, message, target) {
        done.push(`post ${channel} ${target?.ts}: ${firstLine(message.text)}`);
        return options.post ? options.post() : '2.0';
      },
      edit: async ({ ts }, message) => void done.push(`edit ${ts}: ${firstLine(message.text)}`),
    },
    tables: {
      setLiveMessage: async (id, { ts }) => void done.push(`live message of ${id} is ${ts}`),
      setMessage: async (id, ts) => void done.push(`message of ${id} is ${ts}`),
      approval: async () => options.approval,
    },
    locations: {
      add(id, location) {
        locations.set(id, location);
        done.push(`${id} is at ${location.ts}`);
      },
      find: (id) => locations.get(id),
    },
    whoApproves: { policy: 'second-person', approvers: ['U0APPROVER'] },
    onError: (_error, message) => done.push(message),
  });
  return { thread, shown, done };
}

test('A job that starts gets a live message in the thread of its request, and the message is stored for the next process', async () => {
  const { thread, done } = tableThread();
  await thread.handle({ kind: 'started', job: flushJob() });
  await settle();
  expect(done).toEqual([
    expect.stringMatching(/^post C1 1\.000001: The flush started at /),
    'live message of a-1 is 2.0',
    'a-1 is at 2.0',
  ]);
});

test('A job does not wait for Slack: a post that hangs or fails does not hold up its events', async () => {
  const hanging = tableThread({ post: () => new Promise(() => {}) });
  await hanging.thread.handle({ kind: 'started', job: flushJob() });
  await hanging.thread.handle({ kind: 'progress', job: flushJob(), progress });
  expect(hanging.shown).toHaveLength(1);
  const failing = tableThread({ post: () => Promise.reject(new Error('no Slack')) });
  await failing.thread.handle({ kind: 'started', job: flushJob() });
  await settle();
  expect(failing.done.at(-1)).toBe('the live message of a job was not posted');
});

test('The end of a job is an alert in the channel, and its live message then shows the end, also where the post was slow', async () => {
  let post = (_ts: string) => {};
  const { thread, shown, done } = tableThread({ post: () => new Promise((resolve) => (post = resolve)) });
  await thread.handle({ kind: 'started', job: flushJob() });
  await thread.handle(finished);
  await settle();
  expect(done.at(-1)).toBe(
    'alert a-1 channel: The flush is done: 760 records deleted in 5 s. It left the table empty.',
  );
  expect(shown).toEqual([]);
  post('2.0');
  await settle();
  const [end] = shown;
  if (!end) throw new Error('nothing was shown');
  expect(renderJob(end).text).toBe(
    ':white_check_mark: The flush is done: 760 records deleted in 5 s. It left the table empty.',
  );
  expect(JSON.stringify(renderJob(end).blocks)).not.toContain('job_stop');
});

test('A job that failed says so in its own message', async () => {
  const { thread, shown } = tableThread();
  const fault = { reason: 'credentials', message: 'ExpiredToken', fix: 'Renew them.' } as const;
  await thread.handle({
    kind: 'failed',
    job: flushJob({ work: { kind: 'backup' } }),
    refusal: { reason: 'fault', fault },
  });
  await settle();
  expect(shown.map((state) => renderJob(state).text)).toEqual([':x: The backup failed.']);
});

test('A job that the next process resumes is shown in its message of before', async () => {
  const { thread, done } = tableThread();
  await thread.handle({ kind: 'resumed', job: flushJob({ liveMessage: { channel: 'C1', ts: '1.5' } }) });
  await settle();
  expect(done).toEqual([
    'alert a-1 thread: The flush continues where it was: the bot restarted or lost its lease.',
    'a-1 is at 1.5',
  ]);
});

test('The end of a job whose message is known is stored as an edit of that message, so that it is not lost with the process', async () => {
  const { thread, done } = tableThread();
  await thread.handle({ ...finished, job: flushJob({ liveMessage: { channel: 'C1', ts: '1.5' } }) });
  expect(done).toEqual([
    'a-1 is at 1.5',
    'alert a-1 channel: The flush is done: 760 records deleted in 5 s. It left the table empty.',
    'stored edit of 1.5: :white_check_mark: The flush is done: 760 records deleted in 5 s. It left the table empty.',
  ]);
});

test('A request whose process died before it showed the decision is edited, and nobody is notified again', async () => {
  const { thread, done } = tableThread();
  const approval = flushApproval({ state: { kind: 'used', by: 'U0APPROVER', at: NOW, usedAt: NOW } });
  await thread.handle({ kind: 'request-outdated', approval });
  expect(done).toEqual(['stored edit of 1.000001: Flush of `TimesheetOCR-dev`: approved.']);
});

test('An interrupted job ends its message, and the request to continue it is posted with its buttons, once', async () => {
  const { ts: _, ...next } = flushApproval({ id: 'a-1-2' });
  const work = { kind: 'flush', backupId: 'b', failedOnly: false } as const;
  const job = { ...flushJob({ liveMessage: { channel: 'C1', ts: '1.5' } }), work };
  const because = { reason: 'expired', at: NOW } as const;
  const { thread, done } = tableThread();
  await thread.handle({ kind: 'interrupted', job, because, done: 312, next: { ok: true, value: next } });
  expect(done).toEqual([
    'post C1 undefined: Approval needed: flush of `TimesheetOCR-dev`',
    'message of a-1-2 is 2.0',
    'a-1 is at 1.5',
    'alert a-1 channel: :warning: The flush was interrupted after at least 312 records and does not continue without a new approval.',
    expect.stringMatching(/^stored edit of 1.5: :warning: The flush was interrupted after at least 312 records/),
  ]);
  const down = tableThread({ post: () => Promise.reject(new Error('no Slack')) });
  const event = { kind: 'interrupted', job, because, next: { ok: true, value: next } } as const;
  await expect(down.thread.handle(event)).rejects.toThrow('no Slack');
  expect(down.done.filter((what) => what.startsWith('alert'))).toEqual([]);
  const again = tableThread();
  await again.thread.handle({ kind: 'interrupted', job, because, next: { ok: true, value: { ...next, ts: '2.0' } } });
  expect(again.done.filter((what) => what.startsWith('post'))).toEqual([]);
});

test('An interrupted job that can neither be continued nor ended is reported in the channel, and its message stays', async () => {
  const work = { kind: 'flush', backupId: 'b', failedOnly: false } as const;
  const fault = { reason: 'network', message: 'no route to S3', fix: 'Check the network.' } as const;
  const { thread, done } = tableThread();
  await thread.handle({ kind: 'unsettled', job: { ...flushJob(), work }, fault });
  expect(done).toEqual([
    expect.stringMatching(
      /^alert a-1 channel: :warning: No process seems to work on the flush, and the bot can neither continue it nor report how it ended: /,
    ),
  ]);
});

test('A request that ends without being carried out is edited, and the requester is notified in its thread', async () => {
  const { thread, done } = tableThread();
  await thread.handle({
    kind: 'approval-changed',
    approval: flushApproval({ state: { kind: 'denied', by: 'U0APPROVER', at: NOW } }),
  });
  expect(done).toEqual([
    expect.stringMatching(/^alert a-1 thread: <@U0OPERATOR>: your flush request was denied by <@U0APPROVER>/),
    'edit 1.000001: Flush of `TimesheetOCR-dev`: denied.',
  ]);
});

test('A function that an older version had stopped is reported in the channel', async () => {
  const { thread, done } = tableThread();
  const released = { kind: 'released', functionName: 'fn', reservedConcurrency: undefined } as const;
  await thread.handle({ kind: 'function-released', released });
  expect(done).toEqual(['alert fn channel: Function `fn` runs again.']);
});
