import { describe, expect, test } from 'vitest';
import type { Approval } from '../../../src/approvals/approval.ts';
import type { DeployView } from '../../../src/checklist/contracts/step-control.ts';
import type { TableJob } from '../../../src/checklist/contracts/table-control.ts';
import type { AutopilotRecord } from '../../../src/checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../../src/checklist/model/checklist-view.ts';
import type { Schedules } from '../../../src/checklist/schedules/schedules.ts';
import type { RunSnapshot, RunState } from '../../../src/run/model/types.ts';
import { runActions } from '../../../src/slack/actions/run-actions.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { deployApprovalMessage } from '../../../src/slack/messages/checklist/deploy-approval-message.ts';
import { ACTION } from '../../../src/slack/messages/kit/buttons.ts';
import { type Message, say } from '../../../src/slack/messages/kit/message.ts';
import { createPipelineStates } from '../../../src/slack/requests/pipeline-state.ts';
import { askToStop, type StatusPorts, showStatus } from '../../../src/slack/requests/status.ts';
import { ControlTableError } from '../../../src/state/table/control-table.ts';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import {
  autopilotRecord,
  checklistView,
  deployApproval,
  deployInProgress,
} from '../../support/messages/checklist-builders.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { flushApproval, flushJob, NOW } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

interface Facts {
  run?: RunSnapshot | Error;
  job?: TableJob;
  deploy?: DeployView;
  deployApprovals?: readonly Approval[];
  approvals?: readonly Approval[];
  autopilot?: AutopilotRecord;
  view?: ChecklistView;
  machineAheadMs?: number;
  nextFiring?: Awaited<ReturnType<Schedules['nextFiring']>>;
}
const job: TableJob = { ...flushJob(), liveMessage: { channel: 'C1', ts: '2.0' } };
const run = (state: RunState): RunSnapshot => runSnapshot({ runId: 'r-0007', state });
const running = run({ kind: 'running' });
const tripped = run({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } });
const pending = { ...flushApproval(), channel: 'C1', ts: '3.0' };
const approved: Approval = { ...pending, state: { kind: 'approved', by: 'U0APPROVER', at: NOW } };
const piloting = autopilotRecord({ state: 'running', location: { channel: 'C1', ts: '4.0' } });
const deploying = checklistView({ deploy: { state: 'running', by: 'U0OPERATOR', at: NOW } });
const expired = new ControlTableError(
  {
    reason: 'credentials',
    message: 'AWS rejected the credentials of the bot (dynamodb:GetItem, control): ExpiredTokenException: expired',
    fix: 'Renew them.',
  },
  undefined,
);

function portsOf(facts: Facts, stopFor: 'everyone' | 'operators' = 'everyone') {
  const clock = createFakeClock();
  const states = createPipelineStates({
    runs: {
      async current() {
        if (facts.run instanceof Error) throw facts.run;
        return facts.run;
      },
    },
    tables: { current: async () => facts.job, openApprovals: async () => facts.approvals ?? [] },
    deploys: { inProgress: async () => facts.deploy, openApprovals: async () => facts.deployApprovals ?? [] },
    autopilot: { current: async () => facts.autopilot },
    schedules: { nextFiring: async () => facts.nextFiring },
    checklist: { view: async () => facts.view ?? checklistView({}, { next: 'backup' }) },
    clock,
    machineAheadMs: () => facts.machineAheadMs ?? 0,
  });
  const ports: StatusPorts = {
    states,
    clock,
    links: {
      toRun: async (runId) => `https://slack/${runId}`,
      to: async (location) => (location?.ts === undefined ? undefined : `https://slack/${location.ts}`),
    },
    permissions: createPermissions({
      operators: ['U0OPERATOR'],
      approvers: [],
      stopFor,
      membersOf: async () => [],
      people: peopleWith(),
      clock,
    }),
  };
  return { ports, states, facts, clock };
}

const buttonsOf = ({ blocks }: Message) =>
  [...JSON.stringify(blocks).matchAll(/"action_id":"([^"]+)"/g)].map(([, id]) => id);

/** The answer to `/rescan status`. */
async function statusOf(facts: Facts, person = 'U0OPERATOR', stopFor: 'everyone' | 'operators' = 'everyone') {
  const message = await showStatus({ person }, portsOf(facts, stopFor).ports);
  return { text: message.text, buttons: buttonsOf(message) };
}

describe('the status', () => {
  test('of a running run is its live message with a link; a viewer gets only the buttons that halt it', async () => {
    const shown = await statusOf({ run: running });
    expect(shown.text).toMatch(/^Rescan r-0007 is running/);
    expect(shown.text).toContain('<https://slack/r-0007|');
    expect(shown.text).toMatch(/Whose turn:\* nobody has to act now/);
    expect(shown.buttons).toEqual(['run_pause', 'run_slower', 'run_faster', 'run_stop']);
    expect((await statusOf({ run: running }, 'U0VIEWER')).buttons).toEqual(['run_pause', 'run_stop']);
    expect((await statusOf({ run: running }, 'U0VIEWER', 'operators')).buttons).toEqual([]);
  });

  test.each([
    [600_000, '10 min ahead of AWS'],
    [-3_725_000, '1 h 2 min behind AWS'],
  ])('names a clock that differs from that of AWS by %i ms', async (machineAheadMs, differs) => {
    for (const facts of [{}, { run: running }, { job }]) {
      const { text } = await statusOf({ ...facts, machineAheadMs });
      expect(text).toContain(`The clock of the bot is ${differs}. The bot uses the time of AWS.`);
    }
  });

  test('does not name a clock that differs by a minute', async () => {
    for (const machineAheadMs of [0, 60_000, -60_000])
      expect((await statusOf({ machineAheadMs })).text).not.toContain('The clock of the bot');
  });

  test.each([
    ['no run was ever started', {}],
    ['the last run is complete', { run: run({ kind: 'completed' }) }],
    ['the last run tripped', { run: tripped }],
  ])('during a flush says so and can stop it, also when %s', async (_, facts) => {
    const shown = await statusOf({ ...facts, job }, 'U0VIEWER');
    expect(shown.text).toMatch(/^The flush is in progress\./);
    expect(shown.text).toContain('<https://slack/2.0|');
    expect(shown.buttons).toEqual(['job_stop']);
  });

  test('names everything that is going on at the same time, and every request', async () => {
    const second = { ...pending, id: 'a-2', action: 'restore' as const, ts: '5.0' };
    const { text, buttons } = await statusOf({
      run: running,
      job,
      approvals: [pending, second],
      autopilot: piloting,
      view: deploying,
    });
    for (const part of [
      /^Rescan r-0007 is running/,
      /The flush is in progress\. Started at/,
      /The step “Deploy failure logging” is in progress/,
      /The autopilot is running, started by <@U0OPERATOR>\. <https:\/\/slack\/4\.0\|/,
      /A flush requested by <@U0OPERATOR> waits for approval until .*<https:\/\/slack\/3\.0\|/,
      /A restore requested by <@U0OPERATOR> waits for approval until .*<https:\/\/slack\/5\.0\|/,
      /Whose turn:\* an approver decides about the flush/,
    ])
      expect(text).toMatch(part);
    expect(buttons).toEqual(['run_pause', 'run_slower', 'run_faster', 'run_stop', 'job_stop', 'autopilot_stop']);
  });

  test('calls a request that waits for approval neither running nor in progress', async () => {
    const waiting = checklistView({ flush: { state: 'running', approvalUntil: NOW + 60_000 } });
    const { text } = await statusOf({ approvals: [pending], view: waiting });
    expect(text).toMatch(/^No rescan is running\. A request waits for approval\.\nA flush requested by /);
    expect(text).not.toMatch(/in progress|under way/);
    expect((await statusOf({ approvals: [approved] })).text).toMatch(
      /^No rescan is running\. What was approved starts\.\nThe flush .* is approved by <@U0APPROVER> and starts/,
    );
  });

  test.each([
    ['a run that can be resumed', { run: tripped }, /an operator\. `\/rescan resume` continues the run/],
    ['an autopilot that waits', { autopilot: { ...piloting, blocker: '{}' } }, /an operator\. The message of the auto/],
    ['an autopilot between two steps', { autopilot: piloting }, /nobody has to act now; the autopilot continues/],
    ['nothing', {}, /an operator\. Next step: Back up the table \(`\/rescan backup`\)/],
    ['a deploy', { view: deploying }, /nobody has to act now/],
    ['a finished rescan', { run: run({ kind: 'completed' }), view: checklistView() }, /nobody’s\. No step is left/],
  ] satisfies [string, Facts, RegExp][])('says whose turn it is with %s', async (_, facts, turn) => {
    expect((await statusOf(facts)).text).toMatch(turn);
  });

  test('names a request for a deploy in the words of its message, and whose turn it is', async () => {
    const request = deployApproval({ channel: 'C1', ts: '6.0' });
    const [title = ''] = deployApprovalMessage(request, { policy: 'second-person', approvers: [] }).text.split('\n');
    const words = title.replace('Approval needed: ', '');
    expect(words).toMatch(/^deploy of new code to /);
    const { text } = await statusOf({ deployApprovals: [request] });
    expect(text).toMatch(/^No rescan is running\. A request waits for approval\./);
    expect(text).toContain(`A ${words} requested by <@${request.requestedBy}> waits for approval until `);
    expect(text).toContain('<https://slack/6.0|Show the request>');
    expect(text).toContain(`Whose turn:* an approver decides about the ${words}`);
  });

  test('names a deploy in progress once, with its link, and says that nobody has to act', async () => {
    const deploy = { ...deployInProgress(), message: { channel: 'C1', ts: '7.0' } };
    const { text, buttons } = await statusOf({ deploy, view: deploying });
    expect(text).toMatch(
      /^No rescan is running\. A deploy is in progress\.\nThe deploy to .* is in progress\. Requested by/,
    );
    expect(text).toContain('<https://slack/7.0|');
    expect(text).not.toContain('The step “Deploy failure logging”');
    expect(text).toMatch(/nobody has to act now/);
    expect(buttons).toEqual([]);
    const waiting = await statusOf({ deploy, run: running });
    expect(waiting.text).toMatch(/The deploy to .* was interrupted and continues when the pipeline is free/);
  });

  test('without anything says that no rescan is running', async () => {
    expect((await statusOf({})).text).toMatch(/^No rescan is running, and none was ever started\./);
  });
});

describe('when the control table refuses', () => {
  test('the status names the service, what to do and the last known state with its time, and has no buttons', async () => {
    const rig = portsOf({ run: running });
    await showStatus({ person: 'U0OPERATOR' }, rig.ports);
    rig.facts.run = expired;
    const message = await showStatus({ person: 'U0OPERATOR' }, rig.ports);
    expect(message.text).toMatch(/^The state cannot be read: AWS rejects the bot’s credentials\./);
    expect(message.text).toMatch(/dynamodb:GetItem, control/);
    expect(message.text).toMatch(/Renew them/);
    expect(message.text).toMatch(/Last known state, at <!date.*Rescan r-0007 is running: 412 of 1,398 done/);
    expect(buttonsOf(message)).toEqual([]);
  });

  test('the last known state is that of the last event, for runs and for table jobs', async () => {
    const rig = portsOf({ run: expired });
    const text = async () => (await showStatus({ person: 'U1' }, rig.ports)).text;
    expect(await text()).toMatch(/has not read the state since it was started/);
    rig.states.noteRun({ kind: 'progress', snapshot: running });
    rig.states.noteTable({ kind: 'started', job });
    expect(await text()).toMatch(/The flush was in progress; Rescan r-0007 is running/);
    rig.states.noteTable({ kind: 'stopped', job, by: 'U1' });
    expect(await text()).not.toMatch(/The flush/);
    expect(await text()).toMatch(/Rescan r-0007 is running/);
  });

  test('an unexpected error of the status is thrown', async () => {
    await expect(statusOf({ run: new Error('defect') })).rejects.toThrow('defect');
  });
});

/** A click on the button of the question, with the value that the question gave it. */
async function click(question: Message, facts: Facts): Promise<{ text: string; stopped: string[] }> {
  const [, value = ''] = /"action_id":"stop_asked".*?"value":"([^"]*)"/.exec(JSON.stringify(question.blocks)) ?? [];
  const stopped: string[] = [];
  const refusedRequest = async () => ({ done: false, message: say('No run is open.') });
  const actions = runActions({
    runs: { current: async () => undefined, location: async () => undefined },
    requests: {
      pause: refusedRequest,
      resume: refusedRequest,
      setPace: refusedRequest,
      knownHalts: createScriptedRunControl().knownHalts,
      stop: async (by, { now }) => {
        stopped.push(`run by ${by}${now ? ' now' : ''}`);
        return { done: true, message: say('Rescan r-0007 is stopping.') };
      },
    },
    status: portsOf(facts).ports,
    tables: { stop: async () => ({ ok: false, refusal: { reason: 'no-job' } }), withdrawApproved: async () => [] },
    deploys: { withdrawApproved: async () => [], inProgress: async () => undefined },
    autopilot: { stop: async () => ({ ok: false, refusal: { reason: 'not-active' } }) },
    clock: createFakeClock(),
    onError: () => {},
  });
  const answer = await actions[ACTION.stopAsked].execute({
    person: 'U0VIEWER',
    channel: 'C1',
    triggerId: 't',
    message: { channel: 'C1', ts: '1.0' },
    isEphemeral: true,
    value,
    reply: async () => {},
    removeButtons: async () => {},
    replaceMessage: async () => {},
  });
  return { text: answer?.text ?? '', stopped };
}

describe('halt, abort and cancel', () => {
  test.each([
    ['a run', { run: running }, 'Stop r-0007?'],
    ['a run that paused because of a fault', { run: run({ kind: 'interrupted' }) }, 'Stop r-0007?'],
    ['a flush', { run: tripped, job }, 'Stop the flush?'],
    ['a run at rest and the autopilot', { run: tripped, autopilot: piloting }, 'Stop r-0007 and the autopilot?'],
    ['the autopilot', { autopilot: piloting }, 'Stop the autopilot?'],
    ['what was approved', { approvals: [approved] }, 'Stop the approved flush?'],
  ] satisfies [string, Facts, string][])('ask about %s with one button', async (_, facts, question) => {
    const message = await askToStop(portsOf(facts).ports);
    expect(message.text.split('\n')[0]).toBe(question);
    expect(buttonsOf(message)).toEqual(['stop_asked']);
  });

  test('have no button where nothing could be stopped', async () => {
    for (const facts of [{}, { run: run({ kind: 'completed' }) }, { approvals: [pending] }]) {
      const message = await askToStop(portsOf(facts).ports);
      expect(message.text).toMatch(/^Nothing is in progress that could be stopped/);
      expect(buttonsOf(message)).toEqual([]);
    }
  });

  test('ask about a deploy that was approved, and say of one in progress that it continues', async () => {
    const state = { kind: 'approved', by: 'U0APPROVER', at: NOW } as const;
    const question = await askToStop(portsOf({ deployApprovals: [deployApproval({ state })] }).ports);
    expect(question.text).toMatch(/^Stop the approved deploy of new code to /);
    expect(buttonsOf(question)).toEqual(['stop_asked']);
    const alone = await askToStop(portsOf({ deploy: deployInProgress() }).ports);
    expect(alone.text).toMatch(
      /^Nothing is in progress that could be stopped.*\nThe deploy to .* is in progress and continues:/,
    );
    expect(buttonsOf(alone)).toEqual([]);
    const beside = await askToStop(portsOf({ deploy: deployInProgress(), autopilot: piloting }).ports);
    expect(beside.text).toMatch(/^Stop the autopilot\?\n[\s\S]*The deploy to .* is in progress and continues:/);
  });

  test('stop with the button, and do not stop what began after the question', async () => {
    const question = await askToStop(portsOf({ run: running }).ports);
    expect(await click(question, { run: running })).toMatchObject({ stopped: ['run by U0VIEWER'] });
    const later = await click(question, { run: runSnapshot({ runId: 'r-0008' }) });
    expect(later).toMatchObject({ stopped: [] });
    expect(later.text).toMatch(/^Nothing was stopped: .*\nNow: Rescan r-0008 is running/);
  });

  test('stop whatever is in progress where nothing can be read, at the question or at the click', async () => {
    const question = await askToStop(portsOf({ run: expired }).ports);
    expect(question.text).toMatch(/^Stop whatever is in progress\?/);
    expect(await click(question, { run: runSnapshot({ runId: 'r-0008' }) })).toMatchObject({
      stopped: ['run by U0VIEWER'],
    });
    const other = await askToStop(portsOf({ run: running }).ports);
    expect(await click(other, { run: expired })).toMatchObject({ stopped: ['run by U0VIEWER'] });
  });
});
