import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../../sandbox/aws/server.ts';
import { createDiagnoses } from '../../../src/checklist/results/diagnoses.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { succeed } from '../../../src/lib/result.ts';
import { createAwsClients, expectedFaultOr } from '../../../src/pipeline/aws.ts';
import { invokeOnce } from '../../../src/pipeline/invoke/open-function.ts';
import { findLines } from '../../../src/pipeline/logs/logs.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { readFailures } from '../../../src/results/failures/failures.ts';

const FUNCTION = 'TimesheetOCR-ocr-dev';
const BUCKET = 'timesheetocr-input-dev-016164185850';

let aws: LocalAws;
beforeEach(async () => {
  aws = await startLocalAws({ port: 0, images: 3, seedTable: 'empty' });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  });
});
afterEach(() => aws.close());

/** The diagnosis after one invocation that used all of the function's memory. */
async function diagnoseAfterInvocation() {
  const clients = createAwsClients();
  aws.turn({ latencyMs: 0, memoryMb: { min: 4_000, max: 4_000 } });
  const target = { functionName: FUNCTION, bucket: BUCKET, keyEncoding: 'raw', profile: TIMESHEETS } as const;
  await invokeOnce(clients.lambda, target, 'INVALID.png');
  const found = await createDiagnoses({
    results: {
      failures: async () => succeed({ ...(await readFailures({ runs: [], records: [] })), runIds: [] }),
      outcomes: async () => ({ ok: false, refusal: { reason: 'no-run' } }),
    },
    profile: TIMESHEETS,
    clock: systemClock,
    readRun: async () => undefined,
    readMetrics: async () => ({ throttling: [] }),
    findLines: (window) => findLines(clients.logs, `/aws/lambda/${FUNCTION}`, window),
    functionFacts: async () => ({ timeoutMs: 300_000, memoryMb: 512 }),
    modelQuota: async () => undefined,
    region: async () => 'us-east-1',
    functionName: FUNCTION,
    readFault: (error) => expectedFaultOr(error, FUNCTION),
  }).diagnose();
  if (!found.ok) throw new Error(`Refused: ${found.refusal.reason}`);
  return found.value;
}

describe('a diagnosis', () => {
  test.each(['Text', 'JSON'] as const)(
    'reads the memory of the invocations from the log format %s',
    async (logFormat) => {
      aws.turn({ logFormat });
      const { findings, unread } = await diagnoseAfterInvocation();
      expect(unread).toEqual([]);
      expect(findings.map(({ kind }) => kind)).toContain('near-memory');
    },
  );

  test('of a log group of the class INFREQUENT_ACCESS says that the log was not read, and goes on', async () => {
    aws.turn({ logGroupClass: 'INFREQUENT_ACCESS' });
    const { findings, unread } = await diagnoseAfterInvocation();
    expect(unread).toMatchObject([{ message: expect.stringContaining('its class is INFREQUENT_ACCESS') }]);
    expect(findings.map(({ kind }) => kind)).not.toContain('near-memory');
  });
});
