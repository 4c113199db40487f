import { expect, test } from 'vitest';
import { createProgressMeter } from '../../../src/checklist/table-jobs/progress-meter.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

test('The speed of a stage counts neither the stages before it nor what was done before a restart', async () => {
  const clock = createFakeClock();
  const measure = createProgressMeter(clock);
  expect(measure({ stage: 'comparing', done: 0, total: 1_000 })).toEqual({
    stage: 'comparing',
    done: 0,
    total: 1_000,
    isApproximate: false,
    stageMs: 0,
  });
  await clock.advance(60_000);
  // 400 records were deleted by the process before.
  expect(measure({ stage: 'deleting', done: 400, total: 1_000 })).toMatchObject({ stageMs: 0 });
  await clock.advance(2_000);
  const later = measure({ stage: 'deleting', done: 500, total: 1_000, supplemented: 3 });
  expect(later).toMatchObject({ done: 500, stageMs: 2_000, perSecond: 50, supplemented: 3 });
});

test('A stage in which nothing was done yet has no speed', async () => {
  const clock = createFakeClock();
  const measure = createProgressMeter(clock);
  measure({ stage: 'writing', done: 0, total: 10 });
  await clock.advance(1_000);
  expect(measure({ stage: 'writing', done: 0, total: 10 })).not.toHaveProperty('perSecond');
});
