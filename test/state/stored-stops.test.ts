import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../sandbox/aws/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createStoredStops, type StoredStop, type StoredStops } from '../../src/state/stops/stored-stops.ts';

const CONTROL = 'control';
let aws: LocalAws;
let folder: string;
beforeEach(async () => {
  aws = await startLocalAws({ controlBucket: CONTROL, images: 1 });
  folder = mkdtempSync(join(tmpdir(), 'stops-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await aws.close();
});

const stopsIn = (bucket: string): StoredStops =>
  createStoredStops({
    s3: new S3Client({
      endpoint: aws.url,
      forcePathStyle: true,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    }),
    bucket,
    prefix: '',
    name: 'ocr',
    file: join(folder, 'stop.json'),
    clock: systemClock,
    warn: () => {},
  });
const earlier: StoredStop = { request: 'stop', by: 'U1', at: 1 };
const later: StoredStop = { request: 'stop-now', by: 'U2', at: 2 };

test.each(['bucket', 'file'] as const)(
  'a stop that comes between the look and the removal of an earlier one stays in the %s',
  async (kind) => {
    const stops = stopsIn(kind === 'bucket' ? CONTROL : 'no-such-bucket');
    const found = () => (kind === 'bucket' ? stops.readBucket() : stops.readFile());
    expect(await stops.put(earlier)).toMatchObject({ kind });
    const before = await stopsIn(CONTROL).find();
    expect(before.stops).toEqual([earlier]);
    await stops.put(later);
    await stops.clear(before);
    expect(await found()).toEqual(later);
    await stops.clear(await stopsIn(CONTROL).find());
    expect(await found()).toBeUndefined();
  },
);
