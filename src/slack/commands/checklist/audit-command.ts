import { type AuditLog, AuditUnreadableError } from '../../../checklist/audit/audit-log.ts';
import type { AuditWriter } from '../../../checklist/audit/audit-writer.ts';
import { succeed } from '../../../lib/result.ts';
import { auditMessage, chainMessage } from '../../messages/checklist/audit-message.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import type { Command, CommandDescription, Requester } from '../command.ts';
import { reject, splitArguments } from '../parse/options.ts';
import { plainValue, plainWord } from '../parse/typed.ts';

export interface AuditCommandPorts {
  readonly audit: Pick<AuditLog, 'entries' | 'verify'> & Pick<AuditWriter, 'waiting'>;
  /** Uploads the whole audit as CSV; what to say to whoever asked. */
  readonly exportAudit: (requester: Requester) => Promise<Message | undefined>;
}

const MOST_SHOWN = 15;

/** Runs the work, or says which entry cannot be read: then `audit verify` says more. */
async function readably(work: () => Promise<Message | undefined>): Promise<Message | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AuditUnreadableError)) throw error;
    return say(
      `The audit cannot be shown completely: entry ${code(error.location, 60)} was overwritten in the control table.`,
      '`/rescan audit verify` shows from which entry on it cannot be trusted.',
    );
  }
}

export const auditDescription: CommandDescription = {
  word: 'audit',
  group: 'log',
  role: 'viewer',
  summary: 'show who did what, when and why; check that no entry was changed',
  usage: 'audit | audit verify [HASH] | audit export',
  options: [
    ['verify', 'check the chain of hashes'],
    ['HASH', 'also check that this noted hash is in the chain'],
    ['export', 'upload all entries as CSV'],
  ],
  example: 'audit',
};

export const auditCommand = ({ audit, exportAudit }: AuditCommandPorts): Command => ({
  ...auditDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [typed = '', hash, ...more] = words.value;
    const word = plainWord(typed);
    const noted = hash === undefined ? undefined : plainValue(hash);
    if (more.length > 0 || (noted !== undefined && word !== 'verify'))
      return reject(`\`audit\` does not take ${code(rest.trim(), 60)}.`);
    if (noted !== undefined && !/^[0-9a-f]{64}$/.test(noted))
      return reject(`${code(noted, 80)} is not a hash of the audit. A hash has 64 characters, 0 to 9 and a to f.`);
    switch (word) {
      case '':
        return succeed({
          async execute() {
            return readably(async () => {
              const entries = [];
              for await (const entry of audit.entries({ newestFirst: true, limit: MOST_SHOWN })) entries.push(entry);
              return auditMessage(entries, audit.waiting());
            });
          },
        });
      case 'verify':
        return succeed({
          immediateReply: say('Checking every entry from the first one on…'),
          isHeavy: true,
          execute: async () => chainMessage(await audit.verify(noted)),
        });
      case 'export':
        return succeed({
          immediateReply: say('Writing the audit as CSV…'),
          isAudited: true,
          isHeavy: true,
          execute: (requester) => readably(() => exportAudit(requester)),
        });
      default:
        return reject(`\`audit\` does not take ${code(typed, 60)}.`);
    }
  },
});
