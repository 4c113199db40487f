import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Approval,
  type ApprovalState,
  type Click,
  decide,
  isWaiting,
  mayUse,
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
  act: 'flush',
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
  standing: 'approver',
  ...overrides,
});
const approved: ApprovalState = { kind: 'approved', by: 'U2', at: NOW };

describe('a click on an approval', () => {
  test('of a second person who is an approver approves', () => {
    expect(decide(approval(), click(), 'second-person', NOW + 1)).toEqual({
      ok: true,
      state: { kind: 'approved', by: 'U2', at: NOW + 1 },
    });
  });

  test('of a second person denies', () => {
    expect(decide(approval(), click({ decision: 'deny' }), 'second-person', NOW)).toMatchObject({
      state: { kind: 'denied' },
    });
  });

  test.each<[string, Partial<Approval>, Partial<Click>, number, string]>([
    ['of the person who asked, approver or not', {}, { by: 'U1' }, 0, 'own-request'],
    ['of an operator who is no approver', {}, { standing: 'operator' }, 0, 'not-an-approver'],
    ['of anyone else', {}, { standing: 'neither' }, 0, 'not-an-approver'],
    ['of anyone else who denies', {}, { standing: 'neither', decision: 'deny' }, 0, 'not-an-approver'],
    ['on a copy of the message in another channel', {}, { channel: 'C2' }, 0, 'wrong-message'],
    ['on another message', {}, { ts: '2.2' }, 0, 'wrong-message'],
    ['before the request knows its message', { ts: undefined as never }, {}, 0, 'wrong-message'],
    ['at the very end of its time', {}, {}, 15 * MINUTE, 'expired'],
    ['when it was decided', { state: approved }, {}, 0, 'decided'],
    ['when it was used', { state: { kind: 'used', by: 'U2', at: NOW, usedAt: NOW } }, {}, 0, 'decided'],
    ['when it was withdrawn', { state: { kind: 'withdrawn', by: 'U1', at: NOW } }, {}, 0, 'decided'],
  ])('%s is refused', (_what, request, by, later, reason) => {
    expect(decide(approval(request), click(by), 'second-person', NOW + later)).toMatchObject({
      ok: false,
      refusal: { reason },
    });
  });

  test('of the person who asked takes the request back when it says Deny', () => {
    expect(
      decide(approval(), click({ by: 'U1', decision: 'deny', standing: 'operator' }), 'second-person', NOW),
    ).toEqual({
      ok: true,
      state: { kind: 'withdrawn', by: 'U1', at: NOW },
    });
  });

  test('of a team of one counts only where the policy says self, and only of an operator', () => {
    const own = click({ by: 'U1', standing: 'operator' });
    expect(decide(approval(), own, 'second-person', NOW).ok).toBe(false);
    expect(decide(approval(), own, 'self', NOW)).toMatchObject({ ok: true, state: { kind: 'approved' } });
    expect(decide(approval(), { ...own, standing: 'neither' }, 'self', NOW).ok).toBe(false);
  });

  test('never approves for the one who asked, whatever else holds (second-person)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('approver', 'operator', 'neither') as fc.Arbitrary<Click['standing']>,
        fc.constantFrom('approve', 'deny') as fc.Arbitrary<Click['decision']>,
        fc.integer({ min: 0, max: 30 * MINUTE }),
        (standing, decision, later) => {
          const verdict = decide(approval(), click({ by: 'U1', standing, decision }), 'second-person', NOW + later);
          expect(verdict.ok && verdict.state.kind === 'approved').toBe(false);
        },
      ),
    );
  });
});

describe('using an approval', () => {
  test('holds for the act and the state it was given on', () => {
    expect(mayUse(approval({ state: approved }), 'flush', fingerprint, NOW)).toEqual({ ok: true });
  });

  test('is void when anything changed, and says what', () => {
    const after = fingerprint.map((fact) => (fact.name === 'entries counted' ? { ...fact, value: '4,188' } : fact));
    expect(mayUse(approval({ state: approved }), 'flush', after, NOW)).toEqual({
      ok: false,
      refusal: { reason: 'changed', changed: [{ name: 'entries counted', before: '4,187', after: '4,188' }] },
    });
  });

  test.each<[string, Partial<Approval>, 'flush' | 'restore', number, string]>([
    ['another act', { state: approved }, 'restore', 0, 'other-act'],
    ['nobody approved', {}, 'flush', 0, 'not-approved'],
    ['it was denied', { state: { kind: 'denied', by: 'U2', at: NOW } }, 'flush', 0, 'not-approved'],
    ['it was used before', { state: { kind: 'used', by: 'U2', at: NOW, usedAt: NOW } }, 'flush', 0, 'not-approved'],
    ['its time is over', { state: approved }, 'flush', 15 * MINUTE, 'expired'],
  ])('is refused when %s', (_what, overrides, act, later, reason) => {
    expect(mayUse(approval(overrides), act, fingerprint, NOW + later)).toMatchObject({
      ok: false,
      refusal: { reason },
    });
  });

  test('keeps its backup only while it waits', () => {
    expect(isWaiting(approval(), NOW)).toBe(true);
    expect(isWaiting(approval({ state: approved }), NOW)).toBe(true);
    expect(isWaiting(approval(), NOW + 16 * MINUTE)).toBe(false);
    expect(isWaiting(approval({ state: { kind: 'denied', by: 'U2', at: NOW } }), NOW)).toBe(false);
  });
});

describe('fingerprints', () => {
  const facts = fc.uniqueArray(fc.record({ name: fc.string(), value: fc.string() }), { selector: (fact) => fact.name });

  test('differ in nothing from themselves, in whatever order', () => {
    fc.assert(
      fc.property(facts, (given) => {
        expect(changedFacts(given, [...given].reverse())).toEqual([]);
      }),
    );
  });

  test('a fact that is gone, or new, is a change', () => {
    expect(changedFacts(fingerprint, fingerprint.slice(1))).toEqual([
      { name: 'table', before: fingerprint[0]?.value, after: 'not there' },
    ]);
    expect(changedFacts([], [{ name: 'backup', value: 'b-1' }])).toEqual([
      { name: 'backup', before: 'not there', after: 'b-1' },
    ]);
  });
});
