import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/approvals/approval.ts';
import { OUTCOME_WORDS } from '../../../src/checklist/audit/audit-outcome.ts';
import type { TableControl } from '../../../src/checklist/contracts/table-control.ts';
import { COMMANDS } from '../../../src/slack/commands/commands.ts';
import type { Role } from '../../../src/slack/intake/permissions.ts';
import { ACTION } from '../../../src/slack/messages/kit/buttons.ts';
import { ControlTableError } from '../../../src/state/table/control-table.ts';
import { createScriptedRunControl, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { BUTTONS, CHANNEL, FORMS, IN_DIRECT_MESSAGES, LINES } from '../../support/messages/every-request.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { settle } from '../../support/rigs/fake-clock.ts';
import { createIntakeRig } from '../../support/rigs/intake-rig.ts';

/** Every person of the table; those from `guest` on are listed as operators and as approvers. */
const PEOPLE = {
  viewer: 'U0VIEWER',
  operator: 'U0OPERATOR',
  approver: 'U0APPROVER',
  requester: 'U0REQUESTER',
  guest: 'U0GUEST',
  external: 'U0EXTERNAL',
  deactivated: 'U0DEACTIVATED',
  bot: 'U0BOT',
} as const;
type PersonKind = keyof typeof PEOPLE;
const KINDS: readonly PersonKind[] = [
  'viewer',
  'operator',
  'approver',
  'requester',
  'guest',
  'external',
  'deactivated',
  'bot',
];
const OUTSIDERS = [PEOPLE.guest, PEOPLE.external, PEOPLE.deactivated, PEOPLE.bot];

const MAY: Readonly<Record<Role, readonly PersonKind[]>> = {
  viewer: KINDS,
  stopper: KINDS,
  operator: ['operator', 'approver', 'requester'],
  approver: ['approver'],
};

const OTHER_PLACES = { 'another channel': 'C0OTHER', 'a direct message': 'D0DIRECT' } as const;

/** Calls that change nothing. A new method of a control is taken for a change until it is listed here. */
const READS = new RegExp(
  [
    // Which pipeline a channel belongs to is not a matter of the pipeline.
    'choice\\.(show|use)',
    'runs\\.(current|read|location|readPlan|forecast)',
    'tables\\.(current|backups|openApprovals|approval|planFlush|planRestore|planPrune)',
    'checklist\\.(view|history|preconditions|openId|scope)',
    'scope\\.(current|findPeople)',
    'schedules\\.(list|nextFiring|channelOf)',
    'autopilot\\.current',
    'engine\\.report',
    'deploys\\.(inProgress|openApprovals)',
    'audit\\.(entries|verify)',
    'results\\.(failures|outcomes|attempts|report|diff|validate)',
    'diagnoses\\.diagnose',
    'functionLog\\.(findLines|followLines)',
    // Following the log is posted in a thread, and changes nothing of the pipeline.
    'followStops\\..*',
    'slack\\..*',
  ]
    .map((name) => `^${name}$`)
    .join('|'),
);

const pending = flushApproval({ requestedBy: PEOPLE.requester, channel: CHANNEL, ts: '1.0', id: 'a-1' });
const approvals = (): Partial<TableControl> => ({
  approval: async () => pending,
  current: async () => flushJob({ id: 'a-1' }),
  async click(_, click) {
    const decision = decide(pending, click, 'second-person', pending.requestedAt);
    return decision.ok
      ? { ok: true, value: { approval: { ...pending, state: decision.value } } }
      : { ok: false, refusal: { reason: 'click', refusal: decision.refusal, approval: pending } };
  },
});

const rigWith = (settings: Record<string, string> = {}) =>
  createIntakeRig({
    settings: {
      OPERATORS: [PEOPLE.operator, PEOPLE.requester, ...OUTSIDERS].join(','),
      APPROVERS: [PEOPLE.approver, ...OUTSIDERS].join(','),
      ...settings,
    },
    users: {
      [PEOPLE.guest]: { is_restricted: true },
      [PEOPLE.external]: { team_id: 'T2' },
      [PEOPLE.deactivated]: { deleted: true },
      [PEOPLE.bot]: { is_bot: true },
    },
    runs: createScriptedRunControl({ firstRun: runSnapshot() }),
    tables: approvals(),
  });
type Rig = ReturnType<typeof rigWith>;
type Seen = Awaited<ReturnType<Rig['command']>>;

const REFUSED = /read-only access|only approvers|may only read|reports your account as deactivated/;
const textOf = ({ heard }: Seen) => heard.map(({ text }) => text).join('\n');
const changesOf = ({ calls }: Seen) =>
  calls
    .filter(({ name, args }) => !READS.test(name) || (name === 'results.validate' && args.includes('recordAs')))
    .map(({ name }) => name);

/** Nothing was done, the person was answered why, and the audit has it where something would have been changed. */
function expectRefused(seen: Seen, why: RegExp, isAudited: boolean): void {
  expect(textOf(seen)).toMatch(why);
  expect(seen.calls.filter(({ name }) => !name.startsWith('slack.'))).toEqual([]);
  expect(seen.audited.map(({ outcome }) => outcome.split(':')[0])).toEqual(isAudited ? ['refused'] : []);
}

function expectAllowed(seen: Seen, role: Role, kind: PersonKind): void {
  expect(textOf(seen)).not.toMatch(REFUSED);
  expect(textOf(seen)).not.toMatch(/Unexpected error/);
  // A validation by an operator is recorded in the checklist.
  const recorded = MAY.operator.includes(kind)
    ? changesOf(seen).filter((name) => name !== 'results.validate')
    : changesOf(seen);
  if (role === 'viewer') expect(recorded).toEqual([]);
  else expect(seen.audited).toHaveLength(1);
  for (const { outcome } of seen.audited) expect(OUTCOME_WORDS).toContain(outcome.split(':')[0]);
}

describe('every command', () => {
  test('has lines here', () => {
    expect(Object.keys(LINES).sort()).toEqual(COMMANDS.map(({ word }) => word).sort());
  });

  test.each(Object.values(LINES).flat())(
    '%s is for those with the role %s, in the channels of the bot only',
    async (line, role) => {
      for (const kind of KINDS) {
        const rig = rigWith();
        const seen = await rig.command(PEOPLE[kind], line, CHANNEL);
        if (MAY[role].includes(kind)) expectAllowed(seen, role, kind);
        else expectRefused(seen, REFUSED, true);
        for (const channel of Object.values(OTHER_PLACES)) {
          const word = line.split(' ')[0] ?? '';
          const commandRole = COMMANDS.find((command) => command.word === word)?.role ?? 'stopper';
          expectRefused(
            await rig.command(PEOPLE[kind], line, channel),
            /does not work in this channel/,
            commandRole !== 'viewer',
          );
        }
      }
    },
  );
});

describe('every button', () => {
  test.each(Object.entries(BUTTONS))('%s is for those with the role and value %j', async (actionId, [role, value]) => {
    for (const kind of KINDS) {
      const rig = rigWith();
      expect(Object.keys(rig.actions)).toContain(actionId);
      for (const ts of ['1.0', '2.0']) {
        const seen = await rig.click(PEOPLE[kind], actionId, value, CHANNEL, ts);
        if (role === 'approval') expectDecided(seen, kind, actionId === ACTION.approve ? 'approve' : 'deny', ts);
        else if (MAY[role].includes(kind)) expectAllowed(seen, actionId === ACTION.share ? 'stopper' : role, kind);
        else expectRefused(seen, REFUSED, true);
      }
      for (const [place, channel] of Object.entries(OTHER_PLACES)) {
        const seen = await rig.click(PEOPLE[kind], actionId, value, channel);
        const isDirect = place === 'a direct message' && IN_DIRECT_MESSAGES.some((id) => id === actionId);
        if (isDirect) expect(textOf(seen)).not.toMatch(/does not work in this channel/);
        else {
          expect(textOf(seen)).toMatch(/does not work in this channel/);
          expect(seen.calls).toEqual([]);
        }
      }
    }
  });
});

/** A second person decides, the requester withdraws, and nobody else does anything; nor on a message that is not the request's. */
function expectDecided(seen: Seen, kind: PersonKind, decision: 'approve' | 'deny', ts: string): void {
  const outcomes = seen.audited.map(({ outcome }) => outcome.split(':')[0]);
  const done = kind === 'approver' ? (decision === 'approve' ? 'approved' : 'denied') : 'withdrawn';
  const isDecided = ts === '1.0' && (kind === 'approver' || (kind === 'requester' && decision === 'deny'));
  expect(outcomes).toEqual([isDecided ? done : 'refused']);
}

describe('every form', () => {
  test('has values here', () => {
    expect(Object.keys(FORMS).sort()).toEqual([...rigWith().forms.keys()].sort());
  });

  test.each(Object.entries(FORMS))(
    '%s is for those with the role and values %j',
    async (callbackId, [role, metadata, values]) => {
      for (const kind of KINDS) {
        const rig = rigWith();
        const seen = await rig.submit(PEOPLE[kind], callbackId, metadata, values);
        if (role === 'approval') expectDecided(seen, kind, 'deny', '1.0');
        else if (MAY[role].includes(kind)) expectAllowed(seen, role, kind);
        else expectRefused(seen, REFUSED, true);
        for (const channel of Object.values(OTHER_PLACES))
          expectRefused(
            await rig.submit(PEOPLE[kind], callbackId, { ...metadata, channel }, values),
            /does not work in this channel/,
            true,
          );
      }
    },
  );

  test('of an older version says so and does nothing', async () => {
    const rig = rigWith();
    expect(textOf(await rig.submit(PEOPLE.operator, 'gone', {}))).toMatch(/older version/);
    expect(textOf(await rig.submit(PEOPLE.operator, 'confirm_deploy', { unknown: 1 }))).toMatch(/older version/);
  });
});

test('with STOP_FOR=operators every stop and pause is for operators', async () => {
  const stops = [
    ...Object.values(LINES)
      .flat()
      .filter(([, role]) => role === 'stopper')
      .map(
        ([line]) =>
          (rig: Rig, person: string) =>
            rig.command(person, line),
      ),
    ...Object.entries(BUTTONS)
      .filter(([, [role]]) => role === 'stopper')
      .map(
        ([id, [, value]]) =>
          (rig: Rig, person: string) =>
            rig.click(person, id, value),
      ),
  ];
  expect(stops.length).toBeGreaterThan(8);
  for (const stop of stops)
    for (const kind of KINDS) {
      const seen = await stop(rigWith({ STOP_FOR: 'operators' }), PEOPLE[kind]);
      if (MAY.operator.includes(kind)) expectAllowed(seen, 'operator', kind);
      else expectRefused(seen, REFUSED, true);
    }
});

test('a stop works for everyone while Slack does not say who they are, and nothing else does', async () => {
  const rig = createIntakeRig({
    runs: createScriptedRunControl({ firstRun: runSnapshot() }),
    settings: { STOP_FOR: 'operators' },
    users: { U0SOMEBODY: new Error('Slack is down') },
  });
  expect((await rig.command('U0SOMEBODY', 'stop')).calls.map(({ name }) => name)).toContain('runs.stop');
  expect((await rig.command('U0SOMEBODY', 'resume')).calls).toEqual([]);
});

test('every request that starts or resumes a run says what was known of halts when it arrived', async () => {
  const state = { kind: 'paused', because: { kind: 'person', by: 'U1' } } as const;
  for (const request of ['resume', ACTION.resume, ACTION.resumeOpen, ACTION.start, ACTION.abandonAndStart]) {
    const runs = createScriptedRunControl({ firstRun: runSnapshot({ runId: 'r-0001', state }) });
    const rig = createIntakeRig({ runs });
    const paceSetting = { kind: 'auto' } as const;
    const planned = await runs.plan({ selection: {}, paceSetting, by: 'U1', location: { channel: 'C0TIMESHEET' } });
    const runId = planned.ok && request !== ACTION.resume ? planned.value.runId : 'r-0001';
    const seen = await (request === 'resume'
      ? rig.command('U0OPERATOR', 'resume')
      : rig.click('U0OPERATOR', request, runId));
    const [call] = seen.calls.filter(({ name }) => name === 'starts.start' || name === 'starts.resume');
    expect(call?.args, request).toContain('{"before":{}}');
  }
});

describe('what viewers read', () => {
  test.each([
    'failures',
    'export',
    'export run',
    'export diff',
    'export audit',
    'diff',
    'validate',
    'diagnose',
    'logs',
    'logs follow 10m',
    'status chart',
    'audit export',
  ])('%s is in the audit, because it shows data of persons', async (line) => {
    expect((await rigWith().command(PEOPLE.viewer, line)).audited).toMatchObject([
      { who: PEOPLE.viewer, what: `/rescan ${line}` },
    ]);
  });

  test.each(['status', 'checklist', 'history', 'backups', 'audit', 'help'])('%s is not', async (line) => {
    expect((await rigWith().command(PEOPLE.viewer, line)).audited).toEqual([]);
  });

  test('takes place one large comparison at a time; the second says whose is in progress', async () => {
    const world: { finish?: () => void } = {};
    const rig = createIntakeRig({
      controls: {
        diagnoses: {
          diagnose: () =>
            new Promise((resolve) => {
              world.finish = () => resolve({ ok: false, refusal: { reason: 'no-run' } });
            }),
        },
      },
    });
    const first = rig.command('U0ANA', 'diagnose');
    await settle();
    const second = await rig.command('U0BEN', 'diff');
    expect(textOf(second)).toMatch(/^Nothing was read: `\/rescan diagnose` of <@U0ANA> has been in progress since/m);
    expect(second.calls).toEqual([]);
    world.finish?.();
    await first;
    expect(textOf(await rig.command('U0BEN', 'diff'))).not.toMatch(/is in progress/);
  });
});

describe('while AWS rejects the credentials', () => {
  const fault = {
    reason: 'credentials',
    message: 'AWS rejected the credentials of the bot (dynamodb:GetItem, rescan-control): ExpiredTokenException',
    fix: 'Renew the credentials.',
  } as const;
  // These read nothing of AWS before they answer; the thread of a follow says why it ends.
  const needsNothing = new Set(['logs follow 10m', 'help', 'halt', 'stop', 'abort', 'cancel', 'logs stop', 'stop now']);

  test.each(
    Object.values(LINES)
      .flat()
      .filter(([line]) => !needsNothing.has(line)),
  )('%s names the service, what to do and the last known state, and has no button', async (line) => {
    const rig = rigWith();
    await rig.command(PEOPLE.approver, 'status');
    rig.world.failure = new ControlTableError(fault, undefined);
    const seen = await rig.command(PEOPLE.approver, line);
    const text = textOf(seen);
    expect(text).toMatch(/AWS rejects the bot’s credentials/);
    expect(text).toMatch(/dynamodb:GetItem, rescan-control/);
    expect(text).toMatch(/Renew the credentials/);
    // A file that could not be made has an answer of its own.
    const isFile = line === 'export audit' || line === 'audit export';
    if (!isFile) expect(text).toMatch(/Last known state, at <!date.*Rescan r-0142 is running/);
    expect(text).not.toMatch(/Unexpected error/);
    expect(JSON.stringify(seen.heard)).not.toContain('action_id');
  });
});
