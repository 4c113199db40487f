import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { clients, freshForEachTest, startSteps } from './table-steps-rig.ts';

freshForEachTest();

describe('backups in the format of the runbook', () => {
  const uri = 's3://rescan-bot-control/db_backup_20250101_000000.json';
  const putOld = (text: string) =>
    clients.s3.send(
      new PutObjectCommand({ Bucket: 'rescan-bot-control', Key: 'db_backup_20250101_000000.json', Body: text }),
    );

  test('A backup in the old format is refused with a list of what it lost', async () => {
    const { steps } = await startSteps();
    await putOld(
      JSON.stringify([{ ResourceName: 'A', DateProjectCode: 'B', Hours: '7.5', WeeksSubmitted: "{'2025-01-06'}" }]),
    );
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy', items: 1 } });
  });

  test('A file that is not a list of records is refused as unreadable', async () => {
    const { steps } = await startSteps();
    await putOld('not json');
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy-unreadable' } });
  });
});
