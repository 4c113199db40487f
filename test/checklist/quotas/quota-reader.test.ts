import { expect, test } from 'vitest';
import { judgeQuotas } from '../../../src/checklist/quotas/judge-quotas.ts';
import { createQuotaReader } from '../../../src/checklist/quotas/quota-reader.ts';
import type { QuotaReading } from '../../../src/pipeline/limits/quotas.ts';
import type { PlannerSettings } from '../../../src/run/plan/planner.ts';

const planner: PlannerSettings = {
  modelRequestsPerMinute: 200,
  quotaPercent: 80,
  concurrencyPercent: 50,
  maxInFlight: 50,
  secondsPerImage: 6,
  costPerImageUsd: 0,
  entriesPerImage: 10,
  tokensPerImage: 0,
};
const reading: QuotaReading = { freeConcurrency: 4, accountConcurrency: 4, notes: [] };

test('a quota report uses the measured time per image, and the setting while no run was measured', async () => {
  const readWith = (secondsPerImage?: number) =>
    createQuotaReader({
      readQuotas: async () => reading,
      experience: async () => (secondsPerImage === undefined ? undefined : { secondsPerImage }),
      planner,
    })();
  expect(await readWith(12)).toEqual(judgeQuotas(reading, planner, 12));
  expect(await readWith()).toEqual(judgeQuotas(reading, planner, 6));
  expect(await readWith(12)).not.toEqual(await readWith());
});

test('quotas that cannot be read are an error of the quota report', async () => {
  const read = createQuotaReader({
    readQuotas: () => Promise.reject(new Error('denied')),
    experience: async () => undefined,
    planner,
  });
  await expect(read()).rejects.toThrow('denied');
});
