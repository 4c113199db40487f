import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../../sandbox/aws/server.ts';
import { changeRecord, findBackup, setUsedBy, writeRecord } from '../../../src/backup/catalogue/catalogue.ts';
import { deleteBackup } from '../../../src/backup/catalogue/prune.ts';
import { BackupNotFoundError } from '../../../src/backup/errors.ts';
import { backupRecord } from '../../support/messages/table-builders.ts';

let aws: LocalAws;
beforeEach(async () => {
  aws = await startLocalAws({ controlBucket: 'control', images: 1 });
});
afterEach(() => aws.close());

/** `meanwhile` happens once, between the read of a record and the write that follows from it. */
function location(meanwhile?: () => Promise<unknown>) {
  const s3 = new S3Client({
    endpoint: aws.url,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  let isDue = meanwhile !== undefined;
  s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (isDue && commandName === 'PutObjectCommand') {
          isDue = false;
          await meanwhile?.();
        }
        return next(args);
      },
    { step: 'initialize', name: 'meanwhile' },
  );
  return { s3, bucket: 'control', prefix: 'bot/' };
}
const record = backupRecord({ verification: { kind: 'unverified', reason: 'not read yet' } });
const verify = (place: ReturnType<typeof location>) =>
  changeRecord(place, record.id, (now) => ({ ...now, verification: { kind: 'verified', at: 5 } }));

test('A backup that is deleted between the read and the write of its record does not come back into the catalogue', async () => {
  await writeRecord(location(), record);
  const verifying = verify(location(() => deleteBackup(location(), record.id)));
  await expect(verifying).rejects.toBeInstanceOf(BackupNotFoundError);
  await expect(findBackup(location(), record.id)).rejects.toBeInstanceOf(BackupNotFoundError);
});

test('Two changes of the record of a backup at the same time are both kept', async () => {
  await writeRecord(location(), record);
  const usedBy = { jobId: 'j-1', at: 3 };
  await verify(location(() => setUsedBy(location(), record.id, usedBy)));
  expect(await findBackup(location(), record.id)).toMatchObject({ usedBy, verification: { kind: 'verified', at: 5 } });
});
