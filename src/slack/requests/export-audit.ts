import type { AuditEntry } from '../../checklist/audit/audit-entry.ts';
import type { AuditLog } from '../../checklist/audit/audit-log.ts';
import type { CsvColumn } from '../../lib/csv/column.ts';
import { csvParts } from '../../lib/csv/parts.ts';
import { type FileUpload, MOST_FILE_BYTES } from '../client/file-upload.ts';
import type { Requester } from '../commands/command.ts';
import { bytes as bytesText, counted } from '../messages/kit/format.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { fileTroubleMessage } from '../messages/refusals/file-errors.ts';

/** The audit as a table: every field of the chain, so that anyone can check it again. */
const COLUMNS: readonly CsvColumn<AuditEntry>[] = [
  { name: 'Number', kind: 'number', read: ({ number }) => String(number) },
  { name: 'At', kind: 'text', read: ({ at }) => new Date(at).toISOString() },
  { name: 'Who', kind: 'text', read: ({ who }) => who },
  { name: 'What', kind: 'text', read: ({ what }) => what },
  { name: 'Why', kind: 'text', read: ({ why }) => why },
  { name: 'Outcome', kind: 'text', read: ({ outcome }) => outcome },
  { name: 'Previous', kind: 'text', read: ({ previous }) => previous },
  { name: 'Hash', kind: 'text', read: ({ hash }) => hash },
];

/** Puts the whole audit into the channel as CSV. */
export async function exportAudit(
  requester: Pick<Requester, 'channel' | 'person'>,
  ports: { audit: Pick<AuditLog, 'entries'>; files: FileUpload },
): Promise<Message | undefined> {
  try {
    const files = await ports.files.share({
      channel: requester.channel,
      comment: (count, size) => `The audit, oldest first: ${counted(count, 'file')}, ${bytesText(size)}.`,
      files: csvParts(COLUMNS, ports.audit.entries(), { name: 'audit', maxBytes: MOST_FILE_BYTES }),
    });
    return files === 0 ? say('Nothing is on record yet, so there is nothing to export.') : undefined;
  } catch (error) {
    return fileTroubleMessage(error, 'the audit', '/rescan export audit');
  }
}
