import { S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { warnWithoutVersioning } from '../../../src/backup/catalogue/location.ts';
import { startWire } from '../../support/aws/wire.ts';

async function warningsWith(status: number, body: string): Promise<string[]> {
  const wire = await startWire(() => ({ status, headers: { 'content-type': 'application/xml' }, body }));
  onTestFinished(() => wire.stop());
  const s3 = new S3Client({
    endpoint: wire.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  onTestFinished(() => s3.destroy());
  const warnings: string[] = [];
  const warn = (_: object, message?: string) => void warnings.push(message ?? '');
  await warnWithoutVersioning({ s3, bucket: 'control' }, { warn });
  return warnings;
}
const answer = (status: string) => `<VersioningConfiguration>${status}</VersioningConfiguration>`;

test('the log warns when the bucket keeps no versions, or when that cannot be read', async () => {
  expect(await warningsWith(200, answer('<Status>Enabled</Status>'))).toEqual([]);
  expect(await warningsWith(200, answer('<Status>Suspended</Status>'))).toEqual([
    expect.stringMatching(/^Versioning of the bucket control is off/),
  ]);
  expect(await warningsWith(200, answer(''))).toEqual([expect.stringMatching(/is off/)]);
  expect(await warningsWith(403, '<Error><Code>AccessDenied</Code></Error>')).toEqual([
    expect.stringMatching(/cannot be read \(s3:GetBucketVersioning\)/),
  ]);
});
