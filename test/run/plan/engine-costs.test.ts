import { expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { EngineKind } from '../../../src/run/model/types.ts';
import { type InstalledMachine, planRun } from '../../../src/run/plan/planner.ts';
import { engineCost } from '../../../src/run/rules/engine-cost.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const IMAGES = 1_400;
const settings = {
  modelRequestsPerMinute: 200,
  quotaPercent: 80,
  concurrencyPercent: 50,
  maxInFlight: 200,
  secondsPerImage: 5,
  costPerImageUsd: 0,
  entriesPerImage: 3,
  tokensPerImage: 0,
};

async function costsOf(engine: EngineKind | undefined, machine: InstalledMachine | undefined) {
  const planned = await planRun(
    { selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', ...(engine && { engine }) },
    {
      clock: createFakeClock(),
      profile: TIMESHEETS,
      store: { nextRunId: async () => 'r-0001' },
      bucket: 'images',
      async *listImages() {},
      storedRuns: async () => [],
      async writeManifest(_, images) {
        for await (const _image of images) throw new Error('The listing is empty');
        return { version: 1, count: IMAGES, bytes: IMAGES, partSize: IMAGES, parts: [] };
      },
      knownOutcomes: async () => undefined,
      readQuotas: async () => ({ notes: [] }),
      sizeUp: async () => ({ entries: 0 }),
      experience: async () => undefined,
      drawSeed: () => 1,
      stateMachine: async () => machine,
    },
    settings,
  );
  if (!planned.ok) throw new Error(JSON.stringify(planned.refusal));
  return planned.value.plan.engineCosts;
}

const paces: number[] = [];
const machine: InstalledMachine = {
  childType: 'STANDARD',
  imagesPerRow(pacePerMinute) {
    paces.push(pacePerMinute);
    return 2;
  },
};
const local = engineCost({
  engine: 'local',
  images: IMAGES,
  secondsPerImage: 5,
  imagesPerRow: 1,
  childType: 'STANDARD',
});
const remote = engineCost({
  engine: 'step-functions',
  images: IMAGES,
  secondsPerImage: 5,
  imagesPerRow: 2,
  childType: 'STANDARD',
});

test('A plan has the cost of the bot alone where no state machine is installed', async () => {
  expect(await costsOf(undefined, undefined)).toEqual([local]);
});

test('A plan has the costs of both engines where a state machine is installed, the chosen one first', async () => {
  expect(await costsOf('local', machine)).toEqual([local, remote]);
  expect(await costsOf('step-functions', machine)).toEqual([remote, local]);
  // The images of a row follow from the pace of the plan: 80 % of the quota.
  expect(paces).toEqual([160, 160]);
});

test('A plan for a state machine that nobody could read has no cost of an engine', async () => {
  expect(await costsOf('step-functions', undefined)).toEqual([]);
});
