import { expect, test } from 'vitest';
import { z } from 'zod';
import { transitionsOfRow } from '../../../src/run/engines/step-functions/child-type.ts';
import { stateMachineDefinition } from '../../../src/run/engines/step-functions/definition.ts';
import {
  type EngineWork,
  engineCost,
  PRICES,
  PRICES_HOLD,
  TRANSITIONS,
  unitsOf,
} from '../../../src/run/rules/engine-cost.ts';

const work = (overrides: Partial<EngineWork> = {}): EngineWork => ({
  engine: 'step-functions',
  images: 1_400,
  secondsPerImage: 5,
  imagesPerRow: 1,
  childType: 'STANDARD',
  ...overrides,
});
const units = (overrides: Partial<EngineWork> = {}) => Object.fromEntries(unitsOf(work(overrides)));

const stateSchema = z.looseObject({
  Type: z.string(),
  Next: z.string().optional(),
  End: z.boolean().optional(),
  Choices: z.array(z.looseObject({ Next: z.string() })).optional(),
  ItemProcessor: z.looseObject({ StartAt: z.string(), States: z.record(z.string(), z.looseObject({})) }).optional(),
});
const processorSchema = z.looseObject({ StartAt: z.string(), States: z.record(z.string(), stateSchema) });

/** The states from the first one to the last one; of a Choice the branch that is in `wanted`. */
function pathThrough(processor: unknown, wanted: readonly string[]): string[] {
  const { StartAt, States } = processorSchema.parse(processor);
  const path: string[] = [];
  for (let name: string | undefined = StartAt; name !== undefined; ) {
    path.push(name);
    const state: z.infer<typeof stateSchema> | undefined = States[name];
    if (!state || path.length > 50) throw new Error(`No way on from ${path.join(' → ')}`);
    if (state.Choices) name = state.Choices.find(({ Next }) => wanted.includes(Next))?.Next;
    else name = state.Next;
    if (name === undefined && !state.End && state.Type !== 'Succeed') throw new Error(`${path.at(-1)} leads nowhere`);
  }
  return path;
}

test('the transitions of a row and of an image are the states on the path of success of the generated definition', () => {
  const definition = z
    .looseObject({ States: z.looseObject({ Images: z.looseObject({ ItemProcessor: processorSchema }) }) })
    .parse(stateMachineDefinition('STANDARD'));
  const child = definition.States.Images.ItemProcessor;
  const row = pathThrough(child, ['Done']);
  const images = child.States.Row?.ItemProcessor;
  const image = pathThrough(images, ['Invoke', 'RecordSuccess']);
  expect(row).toEqual(['Row', 'AnySucceeded', 'Done']);
  expect(image).toEqual(['ReadRun', 'ReadOutcome', 'Gate', 'Invoke', 'Judge', 'RecordSuccess']);
  expect(TRANSITIONS).toEqual({ start: 1, row: row.length, image: image.length });
  for (const count of [1, 7]) expect(transitionsOfRow(count)).toBe(TRANSITIONS.row + TRANSITIONS.image * count);
});

test('a run on STANDARD children pays its state transitions, invocations and the units of the control table', () => {
  expect(units()).toEqual({
    stateTransition: 1_400 * 10,
    invocation: 1_400,
    writeUnit: 2_800,
    readUnit: 3_500,
    s3Put: 11,
    s3Get: 1,
  });
  expect(units({ imagesPerRow: 10 }).stateTransition).toBe(140 * 4 + 1_400 * 6);
  expect(units({ images: 5, imagesPerRow: 10 }).stateTransition).toBe(4 + 30);
  // 14,000 × 0.000025 + 1,400 × 0.0000002 + 2,800 × 0.000000625 + 3,500 × 0.000000125 + 11 × 0.000005 + 0.0000004
  const { usd, parts } = engineCost(work());
  expect(usd).toBeCloseTo(0.35 + 0.00028 + 0.00175 + 0.0004375 + 0.000055 + 0.0000004, 9);
  expect(parts).toEqual(['14,000 state transitions']);
});

test('a run on EXPRESS children pays requests and GB-seconds, and one transition for each child', () => {
  expect(units({ childType: 'EXPRESS', imagesPerRow: 10 })).toMatchObject({
    stateTransition: 140,
    expressRequest: 140,
    expressGbSecond: (1_400 * 5 + 140 * 0.5) / 16,
  });
  const [express, standard] = (['EXPRESS', 'STANDARD'] as const).map(
    (childType) => engineCost(work({ childType, imagesPerRow: 10 })).usd,
  );
  expect(express).toBeLessThan((standard ?? 0) / 10);
});

test('the local engine pays invocations and one write of the control table for each image', () => {
  expect(units({ engine: 'local' })).toEqual({ invocation: 1_400, writeUnit: 1_400 });
  expect(engineCost(work({ engine: 'local' }))).toEqual({
    engine: 'local',
    usd: expect.closeTo(1_400 * (0.2e-6 + 0.625e-6), 12),
    parts: ['1,400 write units of the control table', '1,400 Lambda requests'],
  });
});

test('each price names its page and the month in which it was read', () => {
  for (const { usd, source, asOf } of Object.values(PRICES)) {
    expect(usd).toBeGreaterThan(0);
    expect(source).toMatch(/^https:\/\/(docs\.)?aws\.amazon\.com\//);
    expect(asOf).toMatch(/^20\d\d-\d\d$/);
  }
});

test('each part of the cost is named with its unit, the largest first, and a part below one per cent is not', () => {
  const partsOf = (overrides: Partial<EngineWork>) => engineCost(work(overrides)).parts;
  expect(partsOf({ childType: 'EXPRESS', images: 1_000_000, imagesPerRow: 1 })).toEqual([
    '1,000,000 state transitions',
    '343,750 GB-seconds',
    '2,000,000 write units of the control table',
    '1,000,000 Express requests',
  ]);
  // A short run pays its files, too.
  expect(partsOf({ childType: 'EXPRESS', images: 1, secondsPerImage: 0.1 })).toEqual([
    '11 writes to S3',
    '1 state transitions',
    '2 write units of the control table',
    '1 Express requests',
  ]);
  expect(partsOf({ images: 0, imagesPerRow: 0 })).toEqual(['10 writes to S3']);
  expect(partsOf({ images: 1_000, imagesPerRow: 0 })).toEqual(['10,000 state transitions']);
});

test('the items file is uploaded in parts of 5 MiB', () => {
  expect(units({ images: 13_107 }).s3Put).toBe(11);
  expect(units({ images: 13_108 }).s3Put).toBe(12);
});

test('the sentence about prices names their region and what is left out', () => {
  expect(PRICES_HOLD).toBe('Prices of us-east-1 without free tiers; other regions differ.');
});
