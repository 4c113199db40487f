import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';

const TOUR = fileURLToPath(new URL('../../src/sandbox/tour.ts', import.meta.url));
const resultSchema = z.object({
  ok: z.boolean(),
  steps: z.array(z.looseObject({ step: z.string(), ok: z.boolean(), checked: z.array(z.string()) })),
});

test('the tour plays the whole checklist, and every step of it holds', { timeout: 180_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [TOUR, '--json']);
  const { ok, steps } = resultSchema.parse(JSON.parse(stdout));
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(steps.every(({ checked }) => checked.length > 0)).toBe(true);
  expect(ok).toBe(true);
});
