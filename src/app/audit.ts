import { createAuditAnchors } from '../checklist/audit/audit-anchors.ts';
import { type AuditLog, createAuditLog } from '../checklist/audit/audit-log.ts';
import { type AuditWriter, createAuditWriter } from '../checklist/audit/audit-writer.ts';
import type { Clock } from '../lib/clock.ts';
import type { AwsClients } from '../pipeline/aws.ts';
import type { Settings } from '../settings.ts';
import type { ControlTable } from '../state/control-table.ts';

/** The audit of the pipeline: what is on record of it, and the way in. */
export type Audit = Omit<AuditLog, 'append'> & AuditWriter;

export function assembleAudit(parts: {
  readonly settings: Settings;
  readonly aws: AwsClients;
  readonly table: ControlTable;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
}): Audit {
  const { settings, aws, table, clock, warn } = parts;
  const name = settings.ocrFunction;
  const anchors = createAuditAnchors(aws.s3, {
    bucket: settings.controlBucket,
    prefix: `${settings.controlPrefix}audit/${encodeURIComponent(name)}/`,
  });
  const log = createAuditLog(table, name, { anchors, warn });
  const keeper = createAuditWriter({ append: log.append, anchor: anchors.put, clock, warn });
  return { ...keeper, entries: log.entries, verify: log.verify };
}
