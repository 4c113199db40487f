import type { AuditEntry } from '../../../checklist/audit/audit-entry.ts';
import type { AuditCheck } from '../../../checklist/audit/audit-log.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';

const when = (at: number) =>
  `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time_secs}|${new Date(at).toISOString().slice(0, 19)}Z>`;

/** A person, or what acted without one: the bot, a stop file, the control table. */
const whoName = (who: string): string =>
  who === 'bot' ? 'the bot' : /^[UW][A-Z0-9]+$/.test(who) ? mention(who) : sentence(who, 100);

/** The newest entries of the audit, newest first. `waiting`: entries of this process that are not written yet. */
export function auditMessage(entries: readonly AuditEntry[], waiting = 0): Message {
  const late =
    waiting === 0
      ? []
      : [`:warning: ${counted(waiting, 'more entry is', 'more entries are')} not written yet. The bot tries again.`];
  if (entries.length === 0) return say('The audit has no entries yet.', ...late);
  return compose({
    fact: entries.length === 1 ? '1 audit entry.' : `The last ${count(entries.length)} audit entries, newest first.`,
    lines: [
      ...late,
      ...entries.map(
        ({ number, at, who, what, why, outcome }) =>
          `${number}. ${when(at)} ${whoName(who)}: ${code(what, 200)}${why === undefined ? '' : ` (reason: ${code(why, 150)})`} → ${code(outcome, 200)}`,
      ),
    ],
    notes: [
      '`/rescan audit verify` checks that no entry was changed or removed; `/rescan audit export` exports all as CSV.',
    ],
  });
}

/** Whether the hash chain of the audit is intact. */
export function chainMessage(check: AuditCheck): Message {
  const against =
    check.anchors === undefined
      ? ':warning: The copies of the last hash in S3 could not be read, so entries removed at the end might not be noticed.'
      : `It also matches ${counted(check.anchors, 'hash', 'hashes')} stored in S3, outside the control table.`;
  if (check.ok)
    return compose({
      fact: `The audit is intact: ${counted(check.entries, 'entry', 'entries')}, each linked to the one before.`,
      lines: [
        ...(check.notedAt === undefined ? [] : [`The hash that you noted belongs to entry ${check.notedAt}.`]),
        against,
        `The last hash is ${code(check.head, 64)}. Store it elsewhere: later \`/rescan audit verify HASH\` checks that nothing before it was changed or removed.`,
      ],
    });
  const { broken } = check;
  if (broken.kind === 'not-as-noted')
    return compose({
      fact: 'The audit does not contain that hash.',
      lines: ['Either the hash was mistyped, or the audit was rewritten since you noted it.', against],
    });
  const what = {
    missing: `entry ${broken.number} is missing`,
    inserted: `there is a second entry ${broken.number}, which the bot did not write`,
    changed: `entry ${broken.number} was changed after it was written`,
    'two-heads': `two different hashes of entry ${broken.number} are stored in S3, so the audit was rewritten`,
    unlinked: `entry ${broken.number} is not linked to the one before it`,
    'cut-off': `the entries from ${broken.number} on are missing`,
  }[broken.kind];
  return compose({
    fact: `The audit is not intact: ${what}.`,
    lines: ['Somebody edited the control table. The entries before this one can still be trusted.', against],
  });
}
