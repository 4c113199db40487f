import { SFNClient } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NotSentError } from '../../../src/pipeline/may-send.ts';
import { createExecutions, type Executions } from '../../../src/pipeline/state-machine/executions.ts';
import { startWire, type Wire } from '../../support/aws/wire.ts';

const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:ocr';
const ARN = 'arn:aws:states:us-east-1:111122223333:execution:ocr:r-0001-1';
let wire: Wire;
let sfn: SFNClient;
beforeEach(async () => {
  wire = await startWire(() => ({
    body: JSON.stringify({ executionArn: ARN, startDate: 1, stopDate: 1, redriveDate: 1 }),
  }));
  vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  sfn = new SFNClient({});
});
afterEach(async () => {
  sfn.destroy();
  vi.unstubAllEnvs();
  await wire.stop();
});

test.each<[string, (executions: Executions) => Promise<unknown>]>([
  ['starts', (executions) => executions.start(MACHINE, 'r-0001-1', {})],
  ['stops', (executions) => executions.stop(ARN, { error: 'Stopped', cause: 'A person stopped it.' })],
  ['redrives', (executions) => executions.redrive(ARN, 'token')],
  ['changes', (executions) => executions.setMaxConcurrency(ARN, 3)],
])('a process without the lease %s no execution, and reads them', async (_, change) => {
  let mayChange = true;
  const executions = createExecutions(sfn, () => mayChange);
  const changing = change(executions);
  // The process is suspended after its decision, before the request is signed, and wakes without the lease.
  mayChange = false;
  await expect(changing).rejects.toThrow(NotSentError);
  expect(wire.requests).toEqual([]);
  await executions.describe(ARN);
  expect(wire.requests).toHaveLength(1);
  mayChange = true;
  await change(executions);
  expect(wire.requests).toHaveLength(2);
});
