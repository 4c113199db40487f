import type { AuditLog } from '../../checklist/audit/audit-log.ts';
import { AuditUnreadableError } from '../../checklist/audit/audit-log.ts';
import type { AuditWriter } from '../../checklist/audit/audit-writer.ts';
import { auditMessage, chainMessage } from '../messages/checklist/audit-message.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import type { Command, Requester } from './command.ts';

export interface AuditCommandPorts {
  readonly audit: Pick<AuditLog, 'entries' | 'verify'> & Pick<AuditWriter, 'waiting'>;
  /** Uploads the whole audit as CSV; what to say to whoever asked. */
  readonly exportAudit: (requester: Requester) => Promise<Message | undefined>;
}

const MOST_SHOWN = 15;

/** Does it, or says which entry cannot be read any more: then the chain has more to tell. */
async function readably(work: () => Promise<Message | undefined>): Promise<Message | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AuditUnreadableError)) throw error;
    return say(
      `The audit cannot be shown to its end: somebody wrote over ${code(error.location, 60)} in the control table.`,
      '`/rescan audit verify` says from where on it cannot be trusted.',
    );
  }
}

/** `/rescan audit`, `audit verify`, `audit export`. */
export const auditCommand = ({ audit, exportAudit }: AuditCommandPorts): Command => ({
  word: 'audit',
  role: 'viewer',
  usage: 'audit | audit verify [HASH] | audit export',
  help: 'everything anyone did: who, what, when, why, what came of it; prove that none was changed; all as CSV',
  read(rest) {
    const [word = '', noted, ...more] = rest.trim().toLowerCase().split(/\s+/);
    if (more.length > 0 || (noted !== undefined && word !== 'verify'))
      return { ok: false, line: `${code(rest.trim(), 60)} is not understood.` };
    if (noted !== undefined && !/^[0-9a-f]{64}$/.test(noted))
      return {
        ok: false,
        line: `${code(noted, 80)} is no hash of the audit: those have 64 digits of 0 to 9 and a to f.`,
      };
    switch (word) {
      case '':
        return {
          ok: true,
          value: {
            async execute() {
              return readably(async () => {
                const entries = [];
                for await (const entry of audit.entries({ newestFirst: true, limit: MOST_SHOWN })) entries.push(entry);
                return auditMessage(entries, audit.waiting());
              });
            },
          },
        };
      case 'verify':
        return {
          ok: true,
          value: {
            immediateReply: say('Walking the chain from its first entry…'),
            execute: async () => chainMessage(await audit.verify(noted)),
          },
        };
      case 'export':
        return {
          ok: true,
          value: {
            immediateReply: say('Writing the audit as CSV…'),
            execute: (requester) => readably(() => exportAudit(requester)),
          },
        };
      default:
        return { ok: false, line: `${code(word, 60)} is not understood.` };
    }
  },
});
