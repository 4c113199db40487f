import { expect, test } from 'vitest';
import { readLogGroup } from '../../../src/checklist/results/function-log.ts';

test('the log group is the one of the configuration of the function, else the default of Lambda', async () => {
  expect(await readLogGroup(async () => ({ name: 'fn', logGroup: '/own/group' }))).toBe('/own/group');
  expect(await readLogGroup(async () => ({ name: 'fn' }))).toBe('/aws/lambda/fn');
});
