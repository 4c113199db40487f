import { expect, test } from 'vitest';
import type { Approval } from '../../../../src/approvals/approval.ts';
import type { AutopilotControl } from '../../../../src/checklist/contracts/autopilot-control.ts';
import type { DeployControl, DeployView } from '../../../../src/checklist/contracts/step-control.ts';
import type { TableControl, TableJob } from '../../../../src/checklist/contracts/table-control.ts';
import { type Clock, systemClock } from '../../../../src/lib/clock.ts';
import type { Refusal } from '../../../../src/run/model/run-control.ts';
import type { RunState } from '../../../../src/run/model/types.ts';
import { stopCommand } from '../../../../src/slack/commands/run/control-commands.ts';
import type { Message } from '../../../../src/slack/messages/kit/message.ts';
import { createRunRequests, type RunRequests } from '../../../../src/slack/requests/run-requests.ts';
import { createScriptedRunControl, runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { autopilotRecord, deployApproval, deployInProgress } from '../../../support/messages/checklist-builders.ts';

const restore: TableJob = {
  id: 'a-1',
  work: { kind: 'restore', backupId: 'b-1', mode: 'replace' },
  by: 'U1',
  location: { channel: 'C1' },
  startedAt: 1,
};
const piloting = autopilotRecord({ state: 'running' });
const approved: Approval = {
  id: restore.id,
  action: 'restore',
  fingerprint: [],
  options: JSON.stringify(restore.work),
  requestedBy: 'U1',
  requestedAt: 1,
  expiresAt: 2,
  channel: 'C1',
  state: { kind: 'withdrawn', by: 'U9', at: 1 },
};
const noJob: TableControl['stop'] = async () => ({ ok: false, refusal: { reason: 'no-job' } });
const noPilot: AutopilotControl['stop'] = async () => ({ ok: false, refusal: { reason: 'not-active' } });

function requestsOver(run: Parameters<typeof createScriptedRunControl>[0], refusal?: Refusal): RunRequests {
  const runs = createScriptedRunControl(run);
  return createRunRequests({
    runs: refusal ? { ...runs, stop: async () => ({ ok: false, refusal }) } : runs,
    liveMessages: { show: () => {} },
    links: { toRun: async () => undefined, toRunOf: async () => undefined, to: async () => undefined },
  });
}

async function stop(
  requests: Pick<RunRequests, 'stop'>,
  others: {
    job?: TableControl['stop'];
    withdraw?: TableControl['withdrawApproved'];
    withdrawDeploy?: DeployControl['withdrawApproved'];
    deploy?: DeployView;
    inProgress?: DeployControl['inProgress'];
    pilot?: AutopilotControl['stop'];
    clock?: Pick<Clock, 'sleep'>;
  },
  typed = '',
): Promise<Message | undefined> {
  const command = stopCommand({
    requests,
    tables: { stop: others.job ?? noJob, withdrawApproved: others.withdraw ?? (async () => []) },
    deploys: {
      withdrawApproved: others.withdrawDeploy ?? (async () => []),
      inProgress: others.inProgress ?? (async () => others.deploy),
    },
    autopilot: { stop: others.pilot ?? noPilot },
    clock: others.clock ?? systemClock,
  });
  const read = command.read(typed);
  if (!read.ok) throw new Error(read.line);
  return read.value.execute({ person: 'U9', channel: 'C1', triggerId: 't', reply: async () => {} });
}

test('stops the restore that runs after a trip, though the tripped run is still open', async () => {
  const stopped: string[] = [];
  const requests: Pick<RunRequests, 'stop'> = {
    // The right to the pipeline is the restore's: the run stays as it is.
    stop: async () => ({ done: true, message: { text: 'r-0142 stopped itself', blocks: [] } }),
  };
  const said = await stop(requests, {
    job: async (by) => {
      stopped.push(by);
      return { ok: true, value: restore };
    },
  });
  expect(stopped).toEqual(['U9']);
  expect(said?.text).toContain('The restore is stopping.');
});

test('stops a flush of this copy while the control table cannot be read', async () => {
  const said = await stop(
    { stop: () => Promise.reject(new Error('the control table does not answer')) },
    { job: async () => ({ ok: true, value: restore }) },
  );
  expect(said?.text).toContain('The restore is stopping.');
});

test('stops the run of this copy while the record of jobs cannot be read', async () => {
  const said = await stop(requestsOver({ firstRun: runSnapshot() }), {
    job: () => Promise.reject(new Error('the control table does not answer')),
  });
  expect(said?.text).toContain('is stopping');
});

test('says what went wrong where nothing could be stopped, and never that nothing runs', async () => {
  const fault = { reason: 'control-table', message: 'The control table is away.', fix: 'Look.' } as const;
  const said = await stop(requestsOver({}), { job: async () => ({ ok: false, refusal: { reason: 'fault', fault } }) });
  expect(said?.text).toContain('The control table is away');
});

test('says that nothing runs where nothing does', async () => {
  expect((await stop(requestsOver({}), {}))?.text).toContain('No run');
});

test('says of an act that was approved and had not begun that it does not begin, and nothing of batches', async () => {
  const said = await stop(requestsOver({}), {
    job: async () => ({ ok: true, value: restore }),
    withdraw: async () => [approved],
  });
  expect(said?.text).toContain('It will not start any more');
});

test('withdraws a deploy that was approved and has not begun', async () => {
  const approval = deployApproval({ state: { kind: 'withdrawn', by: 'U9', at: 1 } });
  const said = await stop(requestsOver({}), {
    withdrawDeploy: async () => [approval],
    deploy: { ...deployInProgress(), approvalId: approval.id },
  });
  expect(said?.text).toMatch(/^The deploy of new code to .* was approved but had not started\. It will not start/);
  expect(said?.text).not.toContain('continues');
});

test('says of a deploy in progress that it continues, alone and beside what was stopped', async () => {
  const deploy = deployInProgress();
  const alone = await stop(requestsOver({}), { deploy });
  expect(alone?.text).toMatch(
    /^Nothing was stopped\.\nThe deploy to .* is in progress and continues: .*deploy rollback/,
  );
  expect(alone?.isRefusal).toBe(true);
  const beside = await stop(requestsOver({ firstRun: runSnapshot() }), { deploy });
  expect(beside?.text).toMatch(/is stopping[\s\S]*The deploy to .* is in progress and continues/);
});

test('says nothing of a read that failed once and succeeded when it was repeated', async () => {
  let reads = 0;
  const job: TableControl['stop'] = async (by) => {
    reads += 1;
    if (reads === 1) throw new Error('throttled');
    return noJob(by);
  };
  const said = await stop(requestsOver({ firstRun: runSnapshot() }), { job });
  expect(reads).toBe(2);
  expect(said?.text).not.toContain('could not be read');
});

test('does not say that nothing runs where the autopilot cannot be read', async () => {
  const fault = { reason: 'control-table', message: 'The control table is away.', fix: 'Look.' } as const;
  const pilot = async () => ({ ok: false as const, refusal: { reason: 'fault' as const, fault } });
  const said = await stop(requestsOver({}), { pilot });
  expect(said?.text).toContain('The control table is away');
  expect(said?.text).not.toContain('No run');
  expect((await stop(requestsOver({}), { pilot, withdraw: async () => [approved] }))?.text).toMatch(
    /It will not start any more\.\nThe autopilot could not be stopped: [\s\S]*The control table is away/,
  );
});

test('does not say that nothing runs where the requests of deploys cannot be read', async () => {
  const withdrawDeploy = () => Promise.reject(new Error('the control table does not answer'));
  await expect(stop(requestsOver({}), { withdrawDeploy })).rejects.toThrow('does not answer');
});

test('stops a job that another copy starts between the look for a job and the look for an approval', async () => {
  let isStarted = false;
  const said = await stop(
    { stop: async () => ({ done: false, message: { text: 'Nothing is running.', blocks: [] } }) },
    {
      job: async () => (isStarted ? { ok: true, value: restore } : noJob('U9')),
      // By now the approval is used, and its job is on record.
      withdraw: async () => {
        isStarted = true;
        return [];
      },
    },
  );
  expect(said?.text).toContain('The restore is stopping.');
});

const AT_REST: readonly RunState[] = [
  { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
  { kind: 'paused', because: { kind: 'person', by: 'U1' } },
  { kind: 'interrupted' },
];
test.each(AT_REST)('stops the autopilot, too, where the open run was $kind', async (state) => {
  const asked: string[] = [];
  const said = await stop(requestsOver({ firstRun: runSnapshot({ state }) }), {
    pilot: async (by) => {
      asked.push(by);
      return { ok: true, value: { record: piloting, withdrew: true, faults: [] } };
    },
  });
  expect(asked).toEqual(['U9']);
  expect(said?.text).toMatch(
    /r-0142.* was stopped by[\s\S]*The autopilot is stopped[\s\S]*Its request .* was withdrawn/,
  );
});

test('stops the autopilot where the run cannot be read, without weakening a stop that does not wait for images', async () => {
  const fault = { reason: 'control-table', message: 'The control table is away.', fix: 'Look.' } as const;
  const refusal = { reason: 'halt-unread', request: 'stop-now', fault, stopFile: '/tmp/STOP' } as const;
  const asked: unknown[] = [];
  const said = await stop(
    requestsOver({ firstRun: runSnapshot() }, refusal),
    {
      pilot: async (...how) => {
        asked.push(how);
        return { ok: false, refusal: { reason: 'fault', fault } };
      },
    },
    'now',
  );
  expect(asked).toEqual([['U9', { now: true }]]);
  expect(said?.text).toMatch(/The run cannot be read[\s\S]*The autopilot could not be stopped/);
});

test('leaves the autopilot of a run that was running: it waits for a person', async () => {
  let asked = 0;
  const pilot: AutopilotControl['stop'] = async (by) => {
    asked += 1;
    return noPilot(by);
  };
  expect((await stop(requestsOver({ firstRun: runSnapshot() }), { pilot }))?.text).toContain('is stopping');
  expect(asked).toBe(0);
});

const never = <T>() => new Promise<T>(() => {});
/** A clock on which five seconds are over as soon as everything that can be done is done. */
const soon: Pick<Clock, 'sleep'> = { sleep: () => new Promise((resolve) => setImmediate(resolve)) };

test('answers within seconds although nothing but the run can be read, and says so', async () => {
  const said = await stop(requestsOver({ firstRun: runSnapshot() }), {
    job: never,
    withdraw: never,
    withdrawDeploy: never,
    inProgress: never,
    pilot: never,
    clock: soon,
  });
  expect(said?.text).toMatch(/r-0142.* is stopping[\s\S]*could not be read whether a flush/);
});

test('says what could not be read of a deploy, whose read fails, beside what stopped', async () => {
  const inProgress = async () => {
    throw new Error('no access');
  };
  const said = await stop(requestsOver({ firstRun: runSnapshot() }), { inProgress });
  expect(said?.text).toMatch(/is stopping[\s\S]*could not be read whether a flush/);
  expect((await stop(requestsOver({ firstRun: runSnapshot() }), {}))?.text).not.toContain('could not be read');
});

test('does not say that nothing runs where a job could not be read in time', async () => {
  const stopping = stop(requestsOver({}, { reason: 'no-run' }), { job: never, clock: soon });
  await expect(stopping).rejects.toThrow('The control table did not answer in 5 s.');
});

test('stops the autopilot that waits for an approval while somebody makes a backup', async () => {
  const backup: TableJob = { ...restore, id: 'backup-1', work: { kind: 'backup' } };
  const said = await stop(requestsOver({}), {
    job: async () => ({ ok: true, value: backup }),
    pilot: async () => ({ ok: true, value: { record: piloting, withdrew: true, faults: [] } }),
  });
  expect(said?.text).toMatch(/The backup is stopping[\s\S]*The autopilot is stopped[\s\S]*was withdrawn/);
});

test('names the run beside a backup that stops with it', async () => {
  const backup: TableJob = { ...restore, id: 'backup-1', work: { kind: 'backup' } };
  const said = await stop(requestsOver({ firstRun: runSnapshot() }), {
    job: async () => ({ ok: true, value: backup }),
  });
  expect(said?.text).toMatch(/The backup is stopping[\s\S]*r-0142.* is stopping/);
});
