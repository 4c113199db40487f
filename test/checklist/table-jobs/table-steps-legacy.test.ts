import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { clients, freshForEachTest, startSteps } from './table-steps-rig.ts';

freshForEachTest();

describe('the old format', () => {
  const uri = 's3://rescan-bot-control/db_backup_20250101_000000.json';
  const putOld = (text: string) =>
    clients.s3.send(
      new PutObjectCommand({ Bucket: 'rescan-bot-control', Key: 'db_backup_20250101_000000.json', Body: text }),
    );

  test('is recognised and refused with what it lost', async () => {
    const { steps } = await startSteps();
    await putOld(
      JSON.stringify([{ ResourceName: 'A', DateProjectCode: 'B', Hours: '7.5', WeeksSubmitted: "{'2025-01-06'}" }]),
    );
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy', items: 1 } });
  });

  test('that is no list of records is said so', async () => {
    const { steps } = await startSteps();
    await putOld('not json');
    expect(await steps.importLegacy({ uri, by: 'U1' })).toMatchObject({ refusal: { reason: 'legacy-unreadable' } });
  });
});
