import type { Approval } from '../../../src/approvals/approval.ts';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import type { ExportRecord } from '../../../src/backup/format/export-record.ts';
import type { PruneAction } from '../../../src/checklist/contracts/table-action.ts';
import type { TableJob, TableNow } from '../../../src/checklist/contracts/table-control.ts';

export const TABLE_ARN = 'arn:aws:dynamodb:us-east-1:016164185850:table/TimesheetOCR-dev';
export const NOW = Date.UTC(2026, 0, 5, 9);
const counts = { entry: 690, 'zero-hour': 2, rejected: 10, coverage: 58, failed: 0, total: 760 };

export const backupRecord = (overrides: Partial<BackupRecord> = {}): BackupRecord => ({
  format: 'rescan-backup/1',
  id: '20260105083000-abc123',
  purpose: 'backup',
  table: {
    arn: TABLE_ARN,
    account: '016164185850',
    region: 'us-east-1',
    name: 'TimesheetOCR-dev',
    keys: [
      { name: 'ResourceName', type: 'S', role: 'HASH' },
      { name: 'DateProjectCode', type: 'S', role: 'RANGE' },
    ],
    indexes: [],
    billing: 'on-demand',
  },
  startedAt: NOW - 30 * 60_000,
  endedAt: NOW - 29 * 60_000,
  by: 'U0OPERATOR',
  digest: { items: 760, sum: '0123456789ab'.padEnd(64, '0') },
  counts,
  files: [{ key: 'data/1.json.gz', items: 760, md5: 'm', etag: 'e', bytes: 45_000, plainBytes: 500_000 }],
  verification: { kind: 'verified', at: NOW - 29 * 60_000 },
  ...overrides,
});

/** An export of DynamoDB of the same table, checked by a sample. */
export const exportRecord = (overrides: Partial<ExportRecord> = {}): ExportRecord => ({
  format: 'rescan-export/1',
  id: '01767602400000-e1e2e3e4',
  purpose: 'backup',
  table: backupRecord().table,
  exportArn: `${TABLE_ARN}/export/01767602400000-e1e2e3e4`,
  startedAt: NOW - 30 * 60_000,
  endedAt: NOW - 20 * 60_000,
  by: 'U0OPERATOR',
  counts: { total: 760 },
  files: [{ key: 'data/1.json.gz', items: 760, md5: 'm', etag: 'e', bytes: 45_000 }],
  verification: { kind: 'sampled', at: NOW - 20 * 60_000, sampled: 200, files: 1, same: 200 },
  ...overrides,
});

export const tableNow = (overrides: Partial<TableNow> = {}): TableNow => ({
  name: 'TimesheetOCR-dev',
  account: '016164185850',
  region: 'us-east-1',
  arn: TABLE_ARN,
  status: 'ACTIVE',
  counts,
  deletionProtection: false,
  pointInTimeRecovery: 'off',
  writeCost: { unitsPerRecord: 2, indexes: 0 },
  hasStream: false,
  replicas: 0,
  ...overrides,
});

export const flushJob = (overrides: Partial<TableJob> = {}): TableJob => ({
  id: 'a-1',
  work: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false },
  by: 'U0OPERATOR',
  approvedBy: 'U0APPROVER',
  location: { channel: 'C1', ts: '1.000001' },
  startedAt: NOW,
  ...overrides,
});

export const flushApproval = (overrides: Partial<Approval> = {}): Approval => ({
  id: 'a-1',
  action: 'flush',
  fingerprint: [
    { name: 'table', value: TABLE_ARN },
    { name: 'records counted', value: '760' },
  ],
  options: JSON.stringify({ kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false }),
  requestedBy: 'U0OPERATOR',
  requestedAt: NOW,
  expiresAt: NOW + 15 * 60_000,
  reason: 'OCR 2.6.1',
  channel: 'C1',
  ts: '1.000001',
  backupId: '20260105083000-abc123',
  state: { kind: 'pending' },
  ...overrides,
});

/** The deletion of these backups, as it is asked for. */
export const pruneAction = (records: readonly BackupRecord[]): PruneAction => ({
  kind: 'prune',
  keep: 1,
  backups: records.map(({ id, counts: { total }, digest }) => ({ id, records: total, digest: digest.sum })),
});
