import { z } from 'zod';
import { modelError, validationError } from '../store.ts';

export interface BackedUpTable {
  readonly TableName: string;
  readonly TableId: string;
  readonly TableArn: string;
}
interface Backup {
  readonly arn: string;
  readonly name: string;
  readonly type: 'USER' | 'SYSTEM';
  readonly table: BackedUpTable;
  readonly createdAt: number;
}
const inputSchema = z.looseObject({
  TableName: z.string().optional(),
  BackupName: z.string().optional(),
  BackupArn: z.string().optional(),
});

const OPERATIONS = ['CreateBackup', 'DescribeBackup', 'ListBackups'] as const;
type BackupOperation = (typeof OPERATIONS)[number];
export const isBackupOperation = (name: string): name is BackupOperation => OPERATIONS.some((one) => one === name);

/** DynamoDB's own backups: their records, without the items. A backup is CREATING for `createMs`. `now` in ms. */
export function createNativeBackups(now: () => number, createMs: number) {
  const backups: Backup[] = [];
  const add = (table: BackedUpTable, name: string, type: Backup['type']): Backup => {
    const id = `${String(now()).padStart(14, '0')}-${String(backups.length).padStart(8, '0')}`;
    const backup = { arn: `${table.TableArn}/backup/${id}`, name, type, table, createdAt: now() };
    backups.push(backup);
    return backup;
  };
  const details = ({ arn, name, type, createdAt }: Backup) => ({
    BackupArn: arn,
    BackupName: name,
    BackupType: type,
    BackupStatus: now() - createdAt < createMs ? 'CREATING' : 'AVAILABLE',
    BackupCreationDateTime: createdAt / 1_000,
  });
  return {
    /** What DynamoDB keeps for 35 days of a table that is deleted with point-in-time recovery on. */
    keepDeleted: (table: BackedUpTable) => void add(table, `${table.TableName}$DeletedTableBackup`, 'SYSTEM'),
    async answer(
      operation: BackupOperation,
      input: unknown,
      describe: (table: string) => Promise<BackedUpTable | undefined>,
    ): Promise<object> {
      const { data } = inputSchema.safeParse(input);
      if (!data) throw validationError('1 validation error detected: the request is malformed');
      if (operation === 'ListBackups')
        return {
          BackupSummaries: backups
            .filter(({ table }) => data.TableName === undefined || table.TableName === data.TableName)
            .map((backup) => ({ ...backup.table, ...details(backup) })),
        };
      if (operation === 'CreateBackup') {
        const table = await describe(data.TableName ?? '');
        if (!table) throw modelError('TableNotFoundException', `Table not found: ${data.TableName}`);
        return { BackupDetails: details(add(table, data.BackupName ?? '', 'USER')) };
      }
      const found = backups.find(({ arn }) => arn === data.BackupArn);
      if (!found) throw modelError('BackupNotFoundException', `Backup not found: ${data.BackupArn}`);
      return { BackupDescription: { BackupDetails: details(found), SourceTableDetails: found.table } };
    },
  };
}
