import { expect, test } from 'vitest';
import type { StepRecord } from '../../../src/checklist/model/step.ts';
import { beginStep } from '../../../src/checklist/steps/step-recorder.ts';
import { createMemoryAudit } from '../../support/memory/memory-audit.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

/** A running step on a store whose next `failures` writes fail. */
async function running() {
  const clock = createFakeClock();
  const audit = createMemoryAudit();
  const stored: StepRecord['state'][] = [];
  const world = { failures: 0 };
  const store = {
    async setStep(_: string, { state }: StepRecord) {
      if (world.failures-- > 0) throw new Error('The control table does not answer.');
      stored.push(state);
    },
  };
  const step = await beginStep({ store, clock, audit, warn: () => {} }, 'c-0001', 'quotas', 'U1');
  return { step, clock, audit, stored, world };
}

test('a result that the control table does not take at once is stored seconds later, and is in the audit once', async () => {
  const { step, clock, audit, stored, world } = await running();
  world.failures = 3;
  const ended = step.end('done');
  await clock.advance(10_000);
  await ended;
  expect(stored).toEqual(['running', 'done']);
  expect(audit.written.map(({ outcome }) => outcome)).toEqual(['begun', 'finished']);
});

test('a result that the control table does not take for some seconds is an error', async () => {
  const { step, clock, stored, world } = await running();
  world.failures = 100;
  const ended = step.end('done').catch(String);
  await clock.advance(10_000);
  expect(await ended).toBe('Error: The control table does not answer.');
  expect(stored).toEqual(['running']);
});

test('a step that another process has now is not renewed any more, and its result is not stored', async () => {
  const { step, clock, audit, stored } = await running();
  await step.leave();
  await clock.advance(3_600_000);
  expect(stored).toEqual(['running']);
  expect(audit.written.map(({ outcome }) => outcome)).toEqual(['begun']);
});
