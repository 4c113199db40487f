import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { findEntry, listBackups } from '../../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../../backup/catalogue/location.ts';
import { importLegacy, refuseLegacy } from '../../../backup/legacy/legacy.ts';
import { createNativeBackup, readPointInTimeRecovery } from '../../../backup/native/native.ts';
import { verifyEntry } from '../../../backup/verify/open-backup.ts';
import type { Clock, Random } from '../../../lib/clock.ts';
import { refuse, succeed } from '../../../lib/result.ts';
import type { Profile } from '../../../pipeline/profile/profile.ts';
import type { TableControl } from '../../contracts/table-control.ts';

export interface BackupRequestsPorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: string;
  readonly profile: Profile;
  /** Aborted when the bot shuts down. */
  readonly closing: AbortSignal;
}

export type BackupRequests = Pick<TableControl, 'nativeBackup' | 'backups' | 'verify' | 'importLegacy'>;

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
    backups: async () => succeed(await listBackups(location)),
    verify: async (backupId) =>
      succeed(
        await verifyEntry(location, await findEntry(location, backupId), () => clock.now(), {
          profile: ports.profile,
          signal: closing,
        }),
      ),
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
