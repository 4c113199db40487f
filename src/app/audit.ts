import { type AuditLog, createAuditAnchors, createAuditLog } from '../checklist/audit/audit-log.ts';
import { type AuditWriter, createAuditWriter } from '../checklist/audit/audit-writer.ts';
import type { BotContext } from './context.ts';

/** The audit log of the pipeline: reading, verifying and writing. */
export type Audit = Omit<AuditLog, 'append'> & AuditWriter;

export function assembleAudit({ settings, aws, table, clock, warn }: BotContext): Audit {
  const pipeline = settings.ocrFunction;
  const anchors = createAuditAnchors(aws.s3, {
    bucket: settings.controlBucket,
    prefix: `${settings.controlPrefix}audit/${encodeURIComponent(pipeline)}/`,
  });
  const { append, ...log } = createAuditLog(table, pipeline, { anchors, warn });
  return { ...log, ...createAuditWriter({ append, anchor: anchors.put, clock, warn }) };
}
