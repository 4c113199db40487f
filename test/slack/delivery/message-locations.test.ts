import { expect, test } from 'vitest';
import type { AutopilotRecord } from '../../../src/checklist/model/autopilot-record.ts';
import {
  createJobLocations,
  createLocationFinder,
  createRunLocationFinder,
  createThreadFinder,
} from '../../../src/slack/delivery/message-locations.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord } from '../../support/messages/checklist-builders.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';

test('the location of a run is read anew, and the last known one is used while it cannot be read', async () => {
  let ts = '1.0';
  let isDown = false;
  const find = createRunLocationFinder({
    async location() {
      if (isDown) throw new Error('The control table is down');
      return { channel: 'C1', ts };
    },
  });
  expect(await find('r-1')).toEqual({ channel: 'C1', ts: '1.0' });
  ts = '2.0';
  expect(await find('r-1')).toEqual({ channel: 'C1', ts: '2.0' });
  isDown = true;
  expect(await find('r-1')).toEqual({ channel: 'C1', ts: '2.0' });
  await expect(find('r-2')).rejects.toThrow('The control table is down');
});

test('only the locations of the newest runs and jobs are kept, and one that is used stays', async () => {
  let isDown = false;
  const find = createRunLocationFinder({
    async location(runId) {
      if (isDown) throw new Error('The control table is down');
      return { channel: 'C1', ts: runId };
    },
  });
  const jobs = createJobLocations();
  for (let number = 0; number < 200; number += 1) {
    jobs.add(`job-${number}`, { channel: 'C1', ts: `${number}.0` });
    await find(`r-${number}`);
    await find('r-0');
  }
  isDown = true;
  expect(await find('r-0')).toEqual({ channel: 'C1', ts: 'r-0' });
  expect(await find('r-199')).toEqual({ channel: 'C1', ts: 'r-199' });
  await expect(find('r-50')).rejects.toThrow('The control table is down');
  expect(jobs.find('job-199')).toEqual({ channel: 'C1', ts: '199.0' });
  expect(jobs.find('job-50')).toBeUndefined();
});

test('the prefix of an id says whose message is looked for', async () => {
  const jobs = createJobLocations();
  jobs.add('job-2', { channel: 'C1', ts: '4.0' });
  const record: AutopilotRecord = { ...autopilotRecord(), id: 'ap-1', location: { channel: 'C1', ts: '2.0' } };
  const find = createLocationFinder({
    findRun: async () => ({ channel: 'C1', ts: '1.0' }),
    autopilot: { current: async () => record },
    tables: { approval: async (id) => (id === 'job-1' ? { ...flushApproval(), channel: 'C1', ts: '3.0' } : undefined) },
    jobs,
  });
  expect(await find('r-0001')).toEqual({ channel: 'C1', ts: '1.0' });
  expect(await find('ap-1')).toEqual({ channel: 'C1', ts: '2.0' });
  expect(await find('ap-0')).toBeUndefined();
  expect(await find('job-1')).toMatchObject({ channel: 'C1', ts: '3.0' });
  expect(await find('job-2')).toEqual({ channel: 'C1', ts: '4.0' });
  expect(await find('job-3')).toBeUndefined();
});

test('the thread of a run is used in the channel of its message only; without an id it is the thread of the last run', async () => {
  let isDeleted = false;
  const find = createThreadFinder(
    { current: async () => runSnapshot({ runId: 'r-0002' }) },
    async (id) => (id === 'r-0001' ? { channel: 'C1' } : { channel: 'C1', ts: '2.0' }),
    async () => isDeleted,
  );
  expect(await find('C1')).toEqual({ channel: 'C1', threadTs: '2.0' });
  isDeleted = true;
  expect(await find('C1')).toBeUndefined();
  isDeleted = false;
  expect(await find('C2')).toBeUndefined();
  expect(await find('C1', 'r-0001')).toBeUndefined();
});
