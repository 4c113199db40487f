import { expect, test } from 'vitest';
import { autopilotRecord } from '../../support/messages/checklist-builders.ts';
import { freshForEachTest, store, table } from './autopilot-rig.ts';

freshForEachTest();

const KEY = { pk: 'pipeline#fn', sk: 'autopilot' };
/** A record as an earlier version of the bot stored it. */
const storeFormer = (attributes: Record<string, unknown>) =>
  table.create(KEY, { ...autopilotRecord({ state: 'running' }), nudges: 2, ...attributes });

test('the former names of the attributes of an autopilot are read', async () => {
  await storeFormer({ wanted: '{"kind":"waiting"}', untold: true });
  expect(await store.read()).toMatchObject({ blocker: '{"kind":"waiting"}', unannounced: true });
});

test('an attribute of an autopilot that is removed is removed under its former name too', async () => {
  await storeFormer({ wanted: '{}', untold: true });
  await store.change('ap-1a2b3c4d', { remove: ['blocker', 'unannounced'] }, ['running']);
  const after = await store.read();
  expect(after).not.toHaveProperty('blocker');
  expect(after).not.toHaveProperty('unannounced');
});

test('an autopilot whose end an earlier version did not announce is not replaced by a new plan', async () => {
  await storeFormer({ state: 'finished', untold: true });
  expect(await store.plan(autopilotRecord({ id: 'ap-2' }))).toBe(false);
  await store.change('ap-1a2b3c4d', { remove: ['unannounced'] }, ['finished']);
  expect(await store.plan(autopilotRecord({ id: 'ap-2' }))).toBe(true);
});

test('a reset of an autopilot forgets its attempts and its blocker', async () => {
  await storeFormer({ attempts: { sample: 1 }, wanted: '{}', refused: true, approvalId: 'a-1' });
  const reset = await store.reset('ap-1a2b3c4d', { forgetApproval: true });
  expect(reset).toMatchObject({ attempts: {} });
  for (const name of ['blocker', 'refused', 'approvalId']) expect(reset).not.toHaveProperty(name);
});
