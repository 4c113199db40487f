import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { findBackup, listBackups } from '../../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../../backup/catalogue/location.ts';
import { importLegacy, refuseLegacy } from '../../../backup/legacy/legacy.ts';
import {
  createNativeBackup,
  followExport,
  readPointInTimeRecovery,
  startExport,
} from '../../../backup/native/native.ts';
import { verifyBackup } from '../../../backup/verify/verify.ts';
import type { Clock, Random } from '../../../lib/clock.ts';
import { refuse, succeed } from '../../../lib/result.ts';
import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import { describeTable } from '../../../pipeline/table/table.ts';
import type { TableControl } from '../../contracts/table-control.ts';
import { refusalOrFault } from '../table-errors.ts';

export interface BackupRequestsPorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: string;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
  /** Aborted when the bot shuts down. */
  readonly closing: AbortSignal;
}

export type BackupRequests = Pick<TableControl, 'nativeBackup' | 'exportTable' | 'backups' | 'verify' | 'importLegacy'>;

const EXPORT_POLL_MS = 15_000;

/** Making and reading backups: what needs neither an approval nor the lease. The methods throw the errors of AWS. */
export function createBackupRequests(ports: BackupRequestsPorts): BackupRequests {
  const { dynamodb, location, clock, closing } = ports;

  return {
    async nativeBackup() {
      const stamp = new Date(clock.now()).toISOString().replace(/[-:]|\..*/g, '');
      const made = await createNativeBackup(dynamodb, ports.table, `rescan-bot-${stamp}`);
      const recovery = await readPointInTimeRecovery(dynamodb, ports.table);
      return succeed({ ...made, pointInTimeRecovery: recovery });
    },
    async exportTable() {
      const { arn: tableArn } = await describeTable(dynamodb, ports.table);
      const { bucket, prefix } = location;
      const arn = await startExport(dynamodb, { tableArn, bucket, prefix: `${prefix}native/` });
      const followed = followExport(dynamodb, arn, { clock, everyMs: EXPORT_POLL_MS, signal: closing })
        .then(({ items, billedBytes }) => succeed({ items, bytes: billedBytes }))
        .catch((error: unknown) => refuse(refusalOrFault(error, ports.readFault)));
      return succeed({ arn, followed });
    },
    backups: async () => succeed(await listBackups(location)),
    verify: async (backupId) =>
      succeed(await verifyBackup(location, await findBackup(location, backupId), () => clock.now())),
    async importLegacy({ uri, typesFrom, by }) {
      const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
      const fileName = key.split('/').at(-1) ?? key;
      const body = await location.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const text = (await body.Body?.transformToString('utf8')) ?? '';
      try {
        if (typesFrom === undefined) refuseLegacy(fileName, text);
        return succeed((await importLegacy(ports, { fileName, text, table: ports.table, typesFrom, by })).record);
      } catch (error) {
        if (!(error instanceof SyntaxError) && !(error instanceof Error && error.name === 'ZodError')) throw error;
        return refuse({ reason: 'legacy-unreadable', fileName, why: 'it is not a list of records in JSON' });
      }
    },
  };
}
