import { expect, test } from 'vitest';
import type { ResultControl } from '../../../src/checklist/contracts/result-control.ts';
import type { Schedule, ScheduledWork } from '../../../src/checklist/schedules/schedule.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { createPeople } from '../../../src/slack/intake/people.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { createScheduledStart, type StartScheduledPorts } from '../../../src/slack/schedules/start-scheduled.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, scopeFound } from '../../support/messages/checklist-builders.ts';
import { flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const BY = 'U0OPERATOR';
const backup: ScheduledWork = { kind: 'backup', words: [] };
const retry: ScheduledWork = { kind: 'retry', words: [] };
const rescan: ScheduledWork = { kind: 'rescan', words: ['people=Ana Bel'] };
const scheduleOf = (work: ScheduledWork): Schedule => ({
  id: 'sc-ghjk',
  work,
  cron: '0 2 * * *',
  zone: 'UTC',
  by: BY,
  channel: 'C1',
  createdAt: 0,
  doneUntil: 0,
  firings: [],
});

function rig(changed: Partial<StartScheduledPorts> & { readonly user?: object | Error } = {}) {
  const clock = createFakeClock();
  const calls: string[] = [];
  const runs = createScriptedRunControl();
  const controls = idleControls(runs);
  const { user, ...ports } = changed;
  const people = createPeople({
    async readUser(id) {
      if (user instanceof Error) throw user;
      return { id, team_id: 'T1', ...user };
    },
    teamId: async () => 'T1',
    clock,
  });
  const start = createScheduledStart({
    ...controls,
    runs,
    permissions: createPermissions({
      operators: [BY],
      approvers: [],
      stopFor: 'everyone',
      membersOf: async () => [],
      people,
      clock,
    }),
    tables: {
      ...idleTableControl(),
      async backup(asked) {
        calls.push(`backup ${JSON.stringify(asked)}`);
        return { ok: true, value: { ...flushJob(), id: 'b-1' } };
      },
    },
    chat: {
      post: async () => '9.0',
      async edit({ ts }, { text }) {
        calls.push(`edit ${ts} ${text}`);
      },
    },
    pace: { kind: 'auto' },
    channelOf: ({ channel }) => channel,
    stopFile: '/tmp/STOP',
    stopFileExists: async () => false,
    storedStop: async () => undefined,
    onError: () => {},
    ...ports,
  });
  return { start: (work: ScheduledWork) => start(scheduleOf(work), 1_000), calls };
}
const scope = (people: readonly string[]) => scopeFound({ criteria: { people } });
/** The plan of a retry, on scripted runs. */
const planOn =
  (runs: ReturnType<typeof createScriptedRunControl>): ResultControl['planRetry'] =>
  async ({ by, channel, paceSetting }) => {
    const planned = await runs.plan({ selection: {}, by, paceSetting, location: { channel } });
    return planned.ok ? planned : { ok: false, refusal: { reason: 'start', refusal: planned.refusal } };
  };
const textOf = (result: object) => JSON.stringify(result);

test('a backup begins in the name of the person, in the channel of the schedule, and its note names the schedule', async () => {
  const { start, calls } = rig();
  expect(await start(backup)).toEqual({ kind: 'started', what: 'b-1' });
  expect(calls).toEqual([
    `backup ${JSON.stringify({ by: BY, location: { channel: 'C1' }, note: 'schedule sc-ghjk' })}`,
  ]);
});

test.each([
  ['was deactivated', { deleted: true }],
  ['is a guest now', { is_restricted: true }],
])('a person who %s starts nothing, and the schedule is switched off', async (_, user) => {
  const { start, calls } = rig({ user });
  const result = await start(backup);
  expect(result).toMatchObject({ kind: 'refused', switchOff: true });
  expect(textOf(result)).toMatch(/not an operator any more/);
  expect(calls).toEqual([]);
});

test('while Slack cannot say who is an operator nothing starts, and the schedule stays on', async () => {
  const { start, calls } = rig({ user: new Error('ratelimited') });
  const result = await start(backup);
  expect(result).toMatchObject({ kind: 'refused' });
  expect(result).not.toHaveProperty('switchOff');
  expect(calls).toEqual([]);
});

test.each([
  ['the stop file exists', { stopFileExists: async () => true }, /stop file .*Remove it/],
  ['a stop is stored', { storedStop: async () => 'U0OTHER' }, /stop was requested by <@U0OTHER>/],
])('nothing of any kind starts while %s', async (_, changed, why) => {
  for (const work of [backup, retry, rescan]) {
    const { start, calls } = rig(changed);
    const result = await start(work);
    expect(result.kind).toBe('refused');
    expect(textOf(result)).toMatch(why);
    expect(calls).toEqual([]);
  }
});

test('a stop that is stored before the planned time is over', async () => {
  const asked: number[] = [];
  const { start } = rig({
    async storedStop(since) {
      asked.push(since);
      return undefined;
    },
  });
  expect((await start(backup)).kind).toBe('started');
  expect(asked).toEqual([1_000]);
});

test('what cannot be read is a failure with the fault, not a start', async () => {
  const { start } = rig({
    async stopFileExists() {
      throw new Error('EIO');
    },
  });
  expect(await start(backup)).toMatchObject({
    kind: 'failed',
    lines: [expect.stringMatching(/unexpected error/), expect.anything()],
  });
});

test('a retry without a failed image has nothing to do, which is no refusal', async () => {
  const { start } = rig({
    results: { planRetry: async () => ({ ok: false, refusal: { reason: 'nothing-failed' } }) },
  });
  expect(await start(retry)).toMatchObject({ kind: 'nothing-to-do' });
});

test.each([
  ['retry', retry],
  ['rescan', rescan],
])('a %s does not start beside a running run, and says how to stop that', async (_, work) => {
  const runs = createScriptedRunControl({ firstRun: runSnapshot({ state: { kind: 'running' } }) });
  const { start, calls } = rig({ runs });
  const result = await start(work);
  expect(result.kind).toBe('refused');
  expect(textOf(result)).toMatch(/\/rescan stop/);
  expect(calls).toEqual([]);
});

test('a retry is planned, shown and started in the name of the person', async () => {
  const runs = createScriptedRunControl();
  const { start } = rig({
    runs,
    starts: runs,
    results: { planRetry: planOn(runs) },
  });
  expect(await start(retry)).toEqual({ kind: 'started', what: expect.stringMatching(/^run r-/) });
  expect(runs.calls.filter((call) => call.startsWith('start'))).toEqual([expect.stringContaining(BY)]);
});

test('a retry beside a run that can be resumed is cancelled: a person decides about that run', async () => {
  const runs = createScriptedRunControl({
    firstRun: runSnapshot({ state: { kind: 'stopped', by: { kind: 'person', by: BY } } }),
  });
  const { start } = rig({
    runs,
    starts: runs,
    results: { planRetry: planOn(runs) },
  });
  const result = await start(retry);
  expect(result.kind).toBe('refused');
  expect(textOf(result)).toMatch(/can still be resumed.*\/rescan resume/);
  expect(runs.calls.map((call) => call.split(' ')[0])).toEqual(['plan', 'cancel']);
});

test('a rescan starts the autopilot in the name of the person, who thereby counts as the requester of its flush', async () => {
  const asked: string[] = [];
  const record = autopilotRecord({ by: BY, state: 'planned' });
  const idle = idleControls(createScriptedRunControl());
  const { start } = rig({
    scope: {
      ...idle.scope,
      async set(request, by) {
        asked.push(`scope ${JSON.stringify(request)} ${by}`);
        return { ok: true, value: scope(request.people ?? []) };
      },
    },
    autopilot: {
      ...idle.autopilot,
      async plan(by) {
        asked.push(`plan ${by}`);
        return { ok: true, value: record };
      },
      async setLocation(id, { channel, ts }) {
        asked.push(`message ${id === record.id} ${channel} ${ts}`);
      },
      async start(id, by) {
        asked.push(`start ${id === record.id} ${by}`);
        return { ok: true, value: record };
      },
    },
  });
  expect(await start(rescan)).toEqual({ kind: 'started', what: `autopilot ${record.id}` });
  expect(asked).toEqual([
    `scope {"people":["Ana Bel"]} ${BY}`,
    `plan ${BY}`,
    'message true C1 9.0',
    `start true ${BY}`,
  ]);
});

test('a rescan that the autopilot refuses leaves neither its scope nor its plan', async () => {
  const asked: string[] = [];
  const record = autopilotRecord({ by: BY, state: 'planned' });
  const idle = idleControls(createScriptedRunControl());
  const { start, calls } = rig({
    scope: {
      ...idle.scope,
      set: async () => ({ ok: true, value: scope(['Ana Bel']) }),
      async clear(by) {
        asked.push(`clear ${by}`);
        return { ok: true, value: scope(['Ana Bel']) };
      },
    },
    autopilot: {
      ...idle.autopilot,
      plan: async () => ({ ok: true, value: record }),
      start: async () => ({ ok: false, refusal: { reason: 'scope-changed' } }),
      async cancel(id) {
        asked.push(`cancel ${id === record.id}`);
        return { ok: true, value: record };
      },
      setLocation: async () => {},
    },
  });
  expect(await start(rescan)).toMatchObject({ kind: 'refused' });
  expect(asked).toEqual(['cancel true', `clear ${BY}`]);
  expect(calls).toEqual([expect.stringMatching(/^edit 9\.0 The scheduled rescan `sc-ghjk` was not started/)]);
});

test('a rescan leaves the scope of somebody who prepares another one', async () => {
  const idle = idleControls(createScriptedRunControl());
  const { start, calls } = rig({
    scope: {
      ...idle.scope,
      current: async () => scope(['Bob Ray']),
      async set() {
        throw new Error('The scope was set.');
      },
    },
  });
  const result = await start(rescan);
  expect(result.kind).toBe('refused');
  expect(textOf(result)).toMatch(/another scope.*\/rescan scope clear/);
  expect(calls).toEqual([]);
});

const fault = { reason: 'control-table', message: 'The control table did not answer.', fix: 'Check it.' } as const;
const unclear = async (runId: string) => ({
  ok: false as const,
  refusal: { reason: 'maybe-started' as const, runId, fault },
});

test('a retry that may have started is reported by whether its plan can still be cancelled', async () => {
  const waiting = createScriptedRunControl();
  const plans = { results: { planRetry: planOn(waiting) } };
  const cancelled = rig({ runs: waiting, starts: { start: unclear }, ...plans });
  const refused = await cancelled.start(retry);
  expect(refused.kind).toBe('refused');
  expect(textOf(refused)).toMatch(/Nothing was done: /);
  expect(cancelled.calls).toEqual([expect.stringMatching(/^edit/)]);

  const running = createScriptedRunControl();
  const begun = rig({
    runs: running,
    starts: {
      async start(...request) {
        await running.start(...request);
        return unclear(request[0]);
      },
    },
    results: { planRetry: planOn(running) },
  });
  expect(await begun.start(retry)).toMatchObject({ kind: 'started' });
  expect(begun.calls).toEqual([]);
});

test('a retry whose start failed without an answer is reported by whether its plan can still be cancelled, and a stop is no start', async () => {
  const failing = async () => {
    throw new FaultError(fault);
  };
  const waiting = createScriptedRunControl();
  const cancelled = rig({ runs: waiting, starts: { start: failing }, results: { planRetry: planOn(waiting) } });
  expect(await cancelled.start(retry)).toMatchObject({ kind: 'refused' });

  const running = createScriptedRunControl();
  const begun = rig({
    runs: running,
    starts: { start: (...request) => running.start(...request).then(failing) },
    results: { planRetry: planOn(running) },
  });
  expect(await begun.start(retry)).toMatchObject({ kind: 'started' });

  const stopped = createScriptedRunControl();
  const abandoned = rig({
    runs: {
      ...stopped,
      cancelPlan: async (runId) => ({ ok: false, refusal: { reason: 'plan-gone', runId, state: 'abandoned' } }),
    },
    starts: { start: failing },
    results: { planRetry: planOn(stopped) },
  });
  expect(await abandoned.start(retry)).toMatchObject({ kind: 'refused' });
});

test('a retry that may have started and cannot be cancelled is not said to have failed', async () => {
  const runs = createScriptedRunControl();
  const { start, calls } = rig({
    runs: {
      ...runs,
      async cancelPlan() {
        throw new Error('the control table does not answer');
      },
    },
    starts: { start: unclear },
    results: { planRetry: planOn(runs) },
  });
  const result = await start(retry);
  expect(result.kind).toBe('unknown');
  expect(textOf(result)).toMatch(/It is not known whether .* was started: .*Check it\./);
  expect(calls).toEqual([]);
});
