import type { AuditEntry, ChainCheck } from '../../checklist/audit.ts';
import { code, mention } from './escape.ts';
import { counted } from './format.ts';
import { compose, type Message, say } from './message.ts';

const when = (at: number) =>
  `<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time_secs}|${new Date(at).toISOString().slice(0, 19)}Z>`;

/** What anyone did lately, newest first. */
export function auditMessage(entries: readonly AuditEntry[]): Message {
  if (entries.length === 0) return say('Nothing is on record yet.');
  return compose({
    fact: `The last ${counted(entries.length, 'entry', 'entries')} of the audit, newest first.`,
    lines: entries.map(
      ({ number, at, who, what, why, outcome }) =>
        `${number}. ${when(at)} ${who === 'bot' ? 'the bot' : mention(who)}: ${code(what, 200)}${why === undefined ? '' : `, because ${code(why, 150)}`} → ${code(outcome, 200)}`,
    ),
    notes: [
      '`/rescan audit verify` proves that none was changed or taken out; `/rescan audit export` gives all as CSV.',
    ],
  });
}

/** Whether the chain of the audit is whole. */
export function chainMessage(check: ChainCheck): Message {
  if (check.ok)
    return compose({
      fact: `The audit is whole: ${counted(check.entries, 'entry', 'entries')}, each chained to the one before.`,
      lines: [
        `The last hash is ${code(check.head, 64)}. Noted elsewhere, it shows later that nothing before it was changed.`,
      ],
    });
  const { kind, number } = check.broken;
  const what = {
    missing: `entry ${number} is not there`,
    changed: `entry ${number} was changed after it was written`,
    unlinked: `entry ${number} does not follow the one before it`,
    'cut-off': `entries from ${number} on are gone`,
  }[kind];
  return compose({
    fact: `The audit is *not* whole: ${what}.`,
    lines: ['Somebody wrote to the control table by hand. What stands before that entry can still be trusted.'],
  });
}
