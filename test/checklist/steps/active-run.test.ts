import { expect, test } from 'vitest';
import { activeRunId } from '../../../src/checklist/steps/exclusive.ts';
import type { RunState } from '../../../src/run/model/types.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';

test('only a run in the state running is active', async () => {
  const idIn = (state: RunState) => activeRunId({ current: async () => runSnapshot({ runId: 'r-0007', state }) });
  expect(await idIn({ kind: 'running' })).toBe('r-0007');
  expect(await idIn({ kind: 'completed' })).toBeUndefined();
  expect(await idIn({ kind: 'interrupted' })).toBeUndefined();
  expect(await activeRunId({ current: async () => undefined })).toBeUndefined();
});

test('an error of the run control is not taken for no run', async () => {
  const failing = { current: () => Promise.reject(new Error('no answer')) };
  await expect(activeRunId(failing)).rejects.toThrow('no answer');
});
