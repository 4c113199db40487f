import type { AuditEntry } from '../../../checklist/audit/audit-entry.ts';
import type { AuditCheck } from '../../../checklist/audit/audit-log.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { counted } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';

const when = (at: number) =>
  `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time_secs}|${new Date(at).toISOString().slice(0, 19)}Z>`;

/** A person, or what did it by itself: the bot, a stop file, the control table. */
const whoName = (who: string): string =>
  who === 'bot' ? 'the bot' : /^[UW][A-Z0-9]+$/.test(who) ? mention(who) : sentence(who, 100);

/** What anyone did lately, newest first. `waiting`: deeds of this copy of the bot that are not on record yet. */
export function auditMessage(entries: readonly AuditEntry[], waiting = 0): Message {
  const late =
    waiting === 0
      ? []
      : [`:warning: ${counted(waiting, 'entry', 'entries')} more cannot be written at the moment: it is tried again.`];
  if (entries.length === 0) return say('Nothing is on record yet.', ...late);
  return compose({
    fact: `The last ${counted(entries.length, 'entry', 'entries')} of the audit, newest first.`,
    lines: [
      ...late,
      ...entries.map(
        ({ number, at, who, what, why, outcome }) =>
          `${number}. ${when(at)} ${whoName(who)}: ${code(what, 200)}${why === undefined ? '' : `, because ${code(why, 150)}`} → ${code(outcome, 200)}`,
      ),
    ],
    notes: [
      '`/rescan audit verify` proves that none was changed or taken out; `/rescan audit export` gives all as CSV.',
    ],
  });
}

/** Whether the chain of the audit is whole. */
export function chainMessage(check: AuditCheck): Message {
  const against =
    check.anchors === undefined
      ? ':warning: The heads that are kept in S3 could not be read: that nothing was cut off at the end rests on the control table alone.'
      : `It was held against ${counted(check.anchors, 'head')} kept in S3, apart from the control table.`;
  if (check.ok)
    return compose({
      fact: `The audit is whole: ${counted(check.entries, 'entry', 'entries')}, each chained to the one before.`,
      lines: [
        ...(check.notedAt === undefined ? [] : [`The hash that you noted is the one of entry ${check.notedAt}.`]),
        against,
        `The last hash is ${code(check.head, 64)}. Noted elsewhere, it proves later that nothing up to it was changed or taken out: \`/rescan audit verify HASH\`.`,
      ],
    });
  const { broken } = check;
  if (broken.kind === 'not-as-noted')
    return compose({
      fact: 'The audit is *not* what it was when that hash was noted: no entry has it.',
      lines: ['Either the hash was mistyped, or the chain was written anew since.', against],
    });
  const what = {
    missing: `entry ${broken.number} is not there`,
    inserted: `there is another entry ${broken.number}, which was not written by the bot`,
    changed: `entry ${broken.number} was changed after it was written`,
    unlinked: `entry ${broken.number} does not follow the one before it`,
    'cut-off': `entries from ${broken.number} on are gone`,
  }[broken.kind];
  return compose({
    fact: `The audit is *not* whole: ${what}.`,
    lines: [
      'Somebody wrote to the control table by hand. What stands before that entry can still be trusted.',
      against,
    ],
  });
}
