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
  test('says who did what, when, why and what came of it, newest first', () => {
    expect(auditMessage([second, first]).text.split('\n')).toEqual([
      'The last 2 entries of the audit, newest first.',
      `2. <!date^${AT / 1000 + 61}^{date_short_pretty} {time_secs}|2026-01-05T09:01:01Z> the bot: \`flush\` → \`done\``,
      `1. <!date^${AT / 1000}^{date_short_pretty} {time_secs}|2026-01-05T09:00:00Z> <@U0OPERATOR>: \`/rescan flush\`, because \`OCR &lt;!here&gt; 2.6.1\` → \`asked\``,
      '`/rescan audit verify` proves that none was changed or taken out; `/rescan audit export` gives all as CSV.',
    ]);
    expect(auditMessage([]).text).toBe('Nothing is on record yet.');
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

  test('that is whole says so, with the hash to note elsewhere', () => {
    expect(chainMessage({ ok: true, entries: 2, head: second.hash, anchors: 1, notedAt: 1 }).text.split('\n')).toEqual([
      'The audit is whole: 2 entries, each chained to the one before.',
      'The hash that you noted is the one of entry 1.',
      'It was held against 1 head kept in S3, apart from the control table.',
      `The last hash is \`${second.hash}\`. Noted elsewhere, it proves later that nothing up to it was changed or taken out: \`/rescan audit verify HASH\`.`,
    ]);
  });

  test('says where it was held against the control table alone', () => {
    expect(chainMessage({ ok: true, entries: 2, head: second.hash }).text).toContain(
      'that nothing was cut off at the end rests on the control table alone',
    );
  });

  test('that has no entry with a hash that somebody noted says so', () => {
    expect(chainMessage({ ok: false, broken: { kind: 'not-as-noted' }, anchors: 0 }).text).toMatch(/no entry has it/);
  });

  test('names what acted by itself, and says what is not on record yet', () => {
    const byFile = chain(second, { at: AT, who: 'the stop file /tmp/STOP', what: 'run r-1', outcome: 'stopped' });
    const { text } = auditMessage([byFile], 2);
    expect(text).toContain('the stop file /tmp/STOP: `run r-1`');
    expect(text).toContain('2 entries more cannot be written at the moment');
  });

  test.each([
    ['missing', 'entry 7 is not there'],
    ['changed', 'entry 7 was changed after it was written'],
    ['inserted', 'there is another entry 7, which was not written by the bot'],
    ['unlinked', 'entry 7 does not follow the one before it'],
    ['cut-off', 'entries from 7 on are gone'],
  ] as const)('that is %s says where', (kind, what) => {
    expect(chainMessage({ ok: false, broken: { kind, number: 7 }, anchors: 3 }).text).toBe(
      `The audit is *not* whole: ${what}.\nSomebody wrote to the control table by hand. What stands before that entry can still be trusted.\nIt was held against 3 heads kept in S3, apart from the control table.`,
    );
  });
});
