import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../../sandbox/slack/rules/block-check.ts';
import { type AuditEntry, chain } from '../../../../src/checklist/audit/audit-entry.ts';
import { auditMessage, chainMessage } from '../../../../src/slack/messages/checklist/audit-message.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';

const AT = Date.UTC(2026, 0, 5, 9);
const first = chain(undefined, {
  at: AT,
  who: 'U0OPERATOR',
  what: '/rescan flush',
  why: 'OCR <!here> 2.6.1',
  outcome: 'asked',
});
const second = chain(first, { at: AT + 61_000, who: 'bot', what: 'flush', outcome: 'done' });

describe('the audit', () => {
  test('the audit message lists who did what, when, why and with which outcome, newest first', () => {
    expect(auditMessage([second, first]).text.split('\n')).toEqual([
      'The last 2 audit entries, newest first.',
      `2. <!date^${AT / 1000 + 61}^{date_short_pretty} {time_secs}|2026-01-05T09:01:01Z> the bot: \`flush\` → \`done\``,
      `1. <!date^${AT / 1000}^{date_short_pretty} {time_secs}|2026-01-05T09:00:00Z> <@U0OPERATOR>: \`/rescan flush\` (reason: \`OCR &lt;!here&gt; 2.6.1\`) → \`asked\``,
      '`/rescan audit verify` checks that no entry was changed or removed; `/rescan audit export` exports all as CSV.',
    ]);
    expect(auditMessage([]).text).toBe('The audit has no entries yet.');
  });

  test('fits Slack however much people wrote', () => {
    const entries: AuditEntry[] = Array.from({ length: 20 }, (_, at) => ({
      ...first,
      number: 20 - at,
      what: '<!channel> '.repeat(100),
      why: '`x` '.repeat(100),
      outcome: 'o'.repeat(500),
    }));
    const message = withinLimits(auditMessage(entries));
    expect(checkBlocks(message.blocks, 'message')).toEqual([]);
    expect(message.text).not.toContain('<!channel>');
  });

  test('an intact audit shows the last hash to store elsewhere', () => {
    expect(chainMessage({ ok: true, entries: 2, head: second.hash, anchors: 1, notedAt: 1 }).text.split('\n')).toEqual([
      'The audit is intact: 2 entries, each linked to the one before.',
      'The hash that you noted belongs to entry 1.',
      'It also matches 1 hash stored in S3, outside the control table.',
      `The last hash is \`${second.hash}\`. Store it elsewhere: later \`/rescan audit verify HASH\` checks that nothing before it was changed or removed.`,
    ]);
  });

  test('an audit whose copies in S3 could not be read warns about that', () => {
    expect(chainMessage({ ok: true, entries: 2, head: second.hash }).text).toContain(
      'entries removed at the end might not be noticed',
    );
  });

  test('an audit that does not contain a noted hash says so', () => {
    expect(chainMessage({ ok: false, broken: { kind: 'not-as-noted' }, anchors: 0 }).text).toMatch(
      /does not contain that hash/,
    );
  });

  test('names what acted by itself, and says what is not on record yet', () => {
    const byFile = chain(second, { at: AT, who: 'the stop file /tmp/STOP', what: 'run r-1', outcome: 'stopped' });
    const { text } = auditMessage([byFile], 2);
    expect(text).toContain('the stop file /tmp/STOP: `run r-1`');
    expect(text).toContain('2 more entries are not written yet');
  });

  test.each([
    ['missing', 'entry 7 is missing'],
    ['changed', 'entry 7 was changed after it was written'],
    ['inserted', 'there is a second entry 7, which the bot did not write'],
    ['unlinked', 'entry 7 is not linked to the one before it'],
    ['cut-off', 'the entries from 7 on are missing'],
  ] as const)('that is %s says where', (kind, what) => {
    expect(chainMessage({ ok: false, broken: { kind, number: 7 }, anchors: 3 }).text).toBe(
      `The audit is not intact: ${what}.\nSomebody edited the control table. The entries before this one can still be trusted.\nIt also matches 3 hashes stored in S3, outside the control table.`,
    );
  });
});
