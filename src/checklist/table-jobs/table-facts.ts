import { hash } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Fingerprint } from '../../approvals/fingerprint.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { describePointInTimeRecovery } from '../../backup/native/native.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import { describeTable, keyNamesOf } from '../../pipeline/table/table.ts';
import type { TableAction, TableNow } from '../contracts/table-control.ts';
import type { Override } from '../model/step.ts';

/** The table now: described, and counted by kind with consistent reads. @throws TableNotFoundError, the SDK's error. */
export async function readTableNow(dynamodb: DynamoDBClient, table: string): Promise<TableNow> {
  const facts = await describeTable(dynamodb, table);
  const [counts, recovery] = await Promise.all([
    countByKind(dynamodb, table, { keys: keyNamesOf(facts) }),
    // Only shown: not permitted is no reason to refuse.
    describePointInTimeRecovery(dynamodb, table).catch(() => undefined),
  ]);
  return {
    name: facts.name,
    account: facts.account,
    region: facts.region,
    arn: facts.arn,
    status: facts.status,
    counts,
    deletionProtection: facts.deletionProtection,
    pointInTimeRecovery: recovery?.kind ?? 'unknown',
  };
}

/** Which records, however many: their number, and a hash of their ids. */
const fingerprintOfEntries = (entries: readonly string[]): string =>
  `${entries.length} (${hash('sha256', [...entries].sort().join(' '), 'hex').slice(0, 12)})`;

/** What the facts about steps that were passed over begin with; the step follows. */
export const PASSED_OVER = 'passed over: ';

/** What an approval of an act is bound to: anything of it that changes makes the approval void. */
export function fingerprintOf(
  now: TableNow,
  backup: BackupRecord,
  act: TableAction,
  about: {
    readonly codeSha256: string;
    /** The rescan that a flush belongs to. */
    readonly checklistId: string | undefined;
    /** What an approver passed over: whoever approves must know, and it must stay as it is. */
    readonly overridden: readonly Override[];
  },
): Fingerprint {
  const options =
    act.kind === 'flush'
      ? [
          { name: 'what is deleted', value: act.failedOnly ? 'failed-image records only' : 'every record' },
          { name: 'function', value: act.hold ? 'held meanwhile' : 'not held' },
          { name: 'checklist', value: about.checklistId ?? 'none is open' },
        ]
      : [
          { name: 'mode', value: act.mode },
          ...(act.entries ? [{ name: 'records', value: fingerprintOfEntries(act.entries) }] : []),
        ];
  return [
    { name: 'act', value: act.kind },
    { name: 'account', value: now.account },
    { name: 'region', value: now.region },
    { name: 'table', value: now.arn },
    { name: 'records counted', value: now.counts.total.toLocaleString('en-US') },
    { name: 'backup', value: backup.id },
    { name: 'digest of the backup', value: backup.digest.sum },
    ...options,
    { name: 'code of the function', value: about.codeSha256 },
    ...about.overridden.map(({ step, by, reason }) => ({
      name: `${PASSED_OVER}${step}`,
      value: `${by} because ${reason}`,
    })),
  ];
}
