import type { AuditEntry } from '../../../checklist/audit/audit-entry.ts';
import type { AuditLog } from '../../../checklist/audit/audit-log.ts';
import type { CsvColumn } from '../../../lib/csv/column.ts';
import { csvParts } from '../../../lib/csv/parts.ts';
import { type FileUpload, MAX_FILE_BYTES } from '../../client/file-upload.ts';
import type { Requester } from '../../commands/command.ts';
import { bytes as bytesText, counted } from '../../messages/kit/format.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { fileErrorMessage } from '../../messages/refusals/file-errors.ts';
import { fileSharedMessage } from '../../messages/results/file-message.ts';
import type { FilePlaces } from './file-places.ts';

/** Every field of the hash chain, so that a reader of the file can verify it. */
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

/** Uploads the whole audit as CSV to the requester's direct messages, and returns the answer to the requester. */
export type ExportAudit = (requester: Pick<Requester, 'person'>) => Promise<Message>;

export const createAuditExport =
  (ports: { audit: Pick<AuditLog, 'entries'>; files: FileUpload; places: Pick<FilePlaces, 'direct'> }): ExportAudit =>
  async ({ person }) => {
    const { where, ...location } = await ports.places.direct(person);
    try {
      const files = await ports.files.share({
        ...location,
        comment: (count, size) => `The audit, oldest entry first: ${counted(count, 'file')}, ${bytesText(size)}.`,
        files: csvParts(COLUMNS, ports.audit.entries(), { name: 'audit', maxBytes: MAX_FILE_BYTES }),
      });
      return files === 0 ? say('The audit is empty. No file was made.') : fileSharedMessage(where);
    } catch (error) {
      return fileErrorMessage(error, 'the audit', '/rescan export audit');
    }
  };
