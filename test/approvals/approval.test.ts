import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Approval,
  type ApprovalState,
  approvalSchema,
  type Click,
  decide,
  isWaiting,
  refusalOfUse,
  requestersOf,
  type Use,
  waitingOf,
} from '../../src/approvals/approval.ts';
import { changedFacts, type Fingerprint } from '../../src/approvals/fingerprint.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const MINUTE = 60_000;
const fingerprint: Fingerprint = [
  { name: 'table', value: 'arn:aws:dynamodb:us-east-1:1:table/TimesheetOCR-dev' },
  { name: 'entries counted', value: '4,187' },
  { name: 'backup', value: 'b-0007' },
];
const approval = (overrides: Partial<Approval> = {}): Approval => ({
  id: 'a-1',
  action: 'flush',
  fingerprint,
  options: '{}',
  requestedBy: 'U1',
  requestedAt: NOW,
  expiresAt: NOW + 15 * MINUTE,
  channel: 'C1',
  ts: '1.1',
  state: { kind: 'pending' },
  ...overrides,
});
const click = (overrides: Partial<Click> = {}): Click => ({
  decision: 'approve',
  by: 'U2',
  channel: 'C1',
  ts: '1.1',
  approverCheck: 'approver',
  ...overrides,
});
const approved: ApprovalState = { kind: 'approved', by: 'U2', at: NOW };

describe('decide', () => {
  test('A click of a second person who is an approver approves the request', () => {
    expect(decide(approval(), click(), 'second-person', NOW + 1)).toEqual({
      ok: true,
      value: { kind: 'approved', by: 'U2', at: NOW + 1 },
    });
  });

  test('A click of a second person on Deny denies the request', () => {
    expect(decide(approval(), click({ decision: 'deny' }), 'second-person', NOW)).toMatchObject({
      value: { kind: 'denied' },
    });
  });

  test.each<[string, Partial<Approval>, Partial<Click>, number, string]>([
    ['of the requester, approver or not', {}, { by: 'U1' }, 0, 'own-request'],
    ['of the requester under another id', {}, { by: 'W1', isRequester: true }, 0, 'own-request'],
    ['of another requester', { alsoRequestedBy: ['U3', 'U2'] }, {}, 0, 'own-request'],
    ['of an operator who is no approver', {}, { approverCheck: 'operator' }, 0, 'not-an-approver'],
    ['of anyone else', {}, { approverCheck: 'neither' }, 0, 'not-an-approver'],
    ['of anyone else who denies', {}, { approverCheck: 'neither', decision: 'deny' }, 0, 'not-an-approver'],
    ['on a copy of the message in another channel', {}, { channel: 'C2' }, 0, 'wrong-message'],
    ['on another message', {}, { ts: '2.2' }, 0, 'wrong-message'],
    ['before the message of the request is stored', { ts: undefined as never }, {}, 0, 'wrong-message'],
    ['at the moment the request expires', {}, {}, 15 * MINUTE, 'expired'],
    ['on a request that was decided', { state: approved }, {}, 0, 'decided'],
    ['on a request that was used', { state: { kind: 'used', by: 'U2', at: NOW, usedAt: NOW } }, {}, 0, 'decided'],
    ['on a request that was withdrawn', { state: { kind: 'withdrawn', by: 'U1', at: NOW } }, {}, 0, 'decided'],
  ])('A click %s is refused', (_what, request, by, later, reason) => {
    expect(decide(approval(request), click(by), 'second-person', NOW + later)).toMatchObject({
      ok: false,
      refusal: { reason },
    });
  });

  test('A click of the requester on Deny withdraws the request', () => {
    expect(
      decide(approval(), click({ by: 'U1', decision: 'deny', approverCheck: 'operator' }), 'second-person', NOW),
    ).toEqual({
      ok: true,
      value: { kind: 'withdrawn', by: 'U1', at: NOW },
    });
  });

  test('The requester may approve only under the policy self, and only as an operator', () => {
    const own = click({ by: 'U1', approverCheck: 'operator' });
    expect(decide(approval(), own, 'second-person', NOW).ok).toBe(false);
    expect(decide(approval(), own, 'self', NOW)).toMatchObject({ ok: true, value: { kind: 'approved' } });
    expect(decide(approval(), { ...own, approverCheck: 'neither' }, 'self', NOW).ok).toBe(false);
  });

  test('The policy self lets no other operator approve a request', () => {
    const other = click({ by: 'U2', approverCheck: 'operator' });
    expect(decide(approval(), other, 'self', NOW)).toMatchObject({ refusal: { reason: 'not-an-approver' } });
  });

  test('A request that one person made has no other requester', () => {
    expect(requestersOf(approval())).toEqual(['U1']);
    expect(requestersOf(approval({ alsoRequestedBy: ['U3'] }))).toEqual(['U1', 'U3']);
  });

  test('A denied request keeps the reason that the person gave', () => {
    const denial = click({ decision: 'deny', reason: 'not today' });
    expect(decide(approval(), denial, 'second-person', NOW)).toMatchObject({ value: { reason: 'not today' } });
  });

  test('Under the policy second-person no click of the requester ever approves the request', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Click['approverCheck']>('approver', 'operator', 'neither'),
        fc.constantFrom<Click['decision']>('approve', 'deny'),
        fc.integer({ min: 0, max: 30 * MINUTE }),
        (approverCheck, decision, later) => {
          const verdict = decide(
            approval(),
            click({ by: 'U1', approverCheck, decision }),
            'second-person',
            NOW + later,
          );
          expect(verdict.ok && verdict.value.kind === 'approved').toBe(false);
        },
      ),
    );
  });
});

describe('refusalOfUse', () => {
  const use = { action: 'flush', options: '{}', fingerprint } as const;
  const used: ApprovalState = { kind: 'used', by: 'U2', at: NOW, usedAt: NOW };

  test('An approved action may start on the state that was approved', () => {
    expect(refusalOfUse(approval({ state: approved }), use, NOW)).toBeUndefined();
  });

  test('An approval does not cover a state in which something changed, and the refusal lists what', () => {
    const after = fingerprint.map((fact) => (fact.name === 'entries counted' ? { ...fact, value: '4,188' } : fact));
    expect(refusalOfUse(approval({ state: approved }), { ...use, fingerprint: after }, NOW)).toEqual({
      reason: 'changed',
      changed: [{ name: 'entries counted', before: '4,187', after: '4,188' }],
    });
  });

  test.each<[string, Partial<Approval>, Partial<Use>, number, string]>([
    ['of another action', { state: approved }, { action: 'restore' }, 0, 'other-action'],
    ['that nobody approved', {}, {}, 0, 'wrong-state'],
    ['that was denied', { state: { kind: 'denied', by: 'U2', at: NOW } }, {}, 0, 'wrong-state'],
    ['that was used before', { state: used }, {}, 0, 'wrong-state'],
    ['whose time is over', { state: approved }, {}, 15 * MINUTE, 'expired'],
    ['that was given with other options', { state: approved }, { options: '{"failedOnly":true}' }, 0, 'changed'],
    ['that was given with hold by an older version', { state: approved, options: '{"hold":true}' }, {}, 0, 'changed'],
    ['that was given on fewer facts', { state: approved }, { fingerprint: fingerprint.slice(1) }, 0, 'changed'],
  ])('An approval %s does not let the action start', (_what, overrides, other, later, reason) => {
    expect(refusalOfUse(approval(overrides), { ...use, ...other }, NOW + later)).toMatchObject({ reason });
  });

  test.each<[string, Partial<Approval>, Partial<Use>, number, string | undefined]>([
    ['that was used, within its time', { state: used }, {}, 0, undefined],
    ['that was used, after its time', { state: used }, {}, 15 * MINUTE, 'expired'],
    ['that was never used', { state: approved }, {}, 0, 'wrong-state'],
    ['that was used for another action', { state: used }, { action: 'restore' }, 0, 'other-action'],
    ['that was used with other options', { state: used }, { options: '[]' }, 0, 'changed'],
    ['that was used on other facts', { state: used }, { fingerprint: [] }, 0, 'changed'],
  ])('A job resumes only under its own approval: one %s', (_what, overrides, other, later, reason) => {
    expect(refusalOfUse(approval(overrides), { ...use, ...other }, NOW + later, 'used')?.reason).toBe(reason);
  });

  test('A request keeps its backup only while it is open', () => {
    expect(isWaiting(approval(), NOW)).toBe(true);
    expect(isWaiting(approval({ state: approved }), NOW)).toBe(true);
    expect(isWaiting(approval(), NOW + 15 * MINUTE - 1)).toBe(true);
    expect(isWaiting(approval(), NOW + 15 * MINUTE)).toBe(false);
    expect(isWaiting(approval({ state: { kind: 'denied', by: 'U2', at: NOW } }), NOW)).toBe(false);
  });
});

test('Open requests are listed with the oldest first, whatever their ids', () => {
  const list = [
    approval({ id: 'a-1', requestedAt: NOW + 3 }),
    approval({ id: 'a-2', requestedAt: NOW + 1, state: approved }),
    approval({ id: 'a-3', requestedAt: NOW + 2 }),
    approval({ id: 'a-4', requestedAt: NOW, state: { kind: 'denied', by: 'U2', at: NOW } }),
    approval({ id: 'a-5', requestedAt: NOW, expiresAt: NOW + 5 }),
  ];
  expect(waitingOf(list, NOW + 5).map(({ id }) => id)).toEqual(['a-2', 'a-3', 'a-1']);
});

describe('A stored approval', () => {
  const decided = { by: 'U2', at: NOW };
  test.each<ApprovalState>([
    { kind: 'pending' },
    { kind: 'approved', ...decided },
    { kind: 'denied', ...decided },
    { kind: 'denied', ...decided, reason: 'not today' },
    { kind: 'expired', at: NOW },
    { kind: 'withdrawn', ...decided },
    { kind: 'void', at: NOW, changed: [{ name: 'backup', before: 'b-1', after: 'b-2' }] },
    { kind: 'void', at: NOW, changed: [], because: 'changed' },
    { kind: 'void', at: NOW, changed: [], because: 'refused' },
    { kind: 'void', at: NOW, changed: [], because: 'never-started' },
    { kind: 'used', ...decided, usedAt: NOW + 1 },
  ])('is read as it was written: $kind', (state) => {
    const stored = approval({ state, alsoRequestedBy: ['U3'], reason: 'new version', backupId: 'b-0007' });
    expect(approvalSchema.parse(JSON.parse(JSON.stringify(stored)))).toEqual(stored);
  });

  test.each([
    ['a state that nobody knows', { state: { kind: 'sure' } }],
    ['a state without its kind', { state: {} }],
    ['an approval by nobody', { state: { kind: 'approved', at: NOW } }],
    ['an unknown reason for being void', { state: { kind: 'void', at: NOW, changed: [], because: '' } }],
    ['a fact without its value', { fingerprint: [{ name: 'backup' }] }],
    ['an action that needs none', { action: 'backup' }],
    ['no time at which it expires', { expiresAt: undefined }],
  ])('is refused with %s', (_what, damage) => {
    expect(approvalSchema.safeParse({ ...approval(), ...damage }).success).toBe(false);
  });
});

describe('changedFacts', () => {
  const facts = fc.uniqueArray(fc.record({ name: fc.string(), value: fc.string() }), { selector: (fact) => fact.name });

  test('A fingerprint has no changed facts compared with itself in another order', () => {
    fc.assert(
      fc.property(facts, (given) => {
        expect(changedFacts(given, [...given].reverse())).toEqual([]);
      }),
    );
  });

  test('A fact that is missing or new counts as changed', () => {
    expect(changedFacts(fingerprint, fingerprint.slice(1))).toEqual([
      { name: 'table', before: fingerprint[0]?.value, after: 'none' },
    ]);
    expect(changedFacts([], [{ name: 'backup', value: 'b-1' }])).toEqual([
      { name: 'backup', before: 'none', after: 'b-1' },
    ]);
  });
});
