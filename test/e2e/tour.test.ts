import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { startProgram } from '../support/rigs/program.ts';

const TOUR = fileURLToPath(new URL('../../sandbox/tour/tour.ts', import.meta.url));
/** Programs read this JSON, so its fields are fixed. */
const resultSchema = z.strictObject({
  ok: z.boolean(),
  seconds: z.number(),
  steps: z
    .array(
      z.strictObject({
        step: z.string(),
        ok: z.boolean(),
        checked: z.array(z.string()),
        seconds: z.number(),
        because: z.string().exactOptional(),
      }),
    )
    .length(9),
});

function tour(args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-tour-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, program: startProgram(TOUR, args, { ...process.env, TMPDIR: folder }) };
}

test('the tour runs the whole checklist, every step passes, and nothing is left', {
  timeout: 300_000,
}, async () => {
  const { folder, program } = tour(['--json']);
  const code = await program.ended;
  const { ok, steps } = resultSchema.parse(JSON.parse(program.stdout()));
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(steps.every(({ checked }) => checked.length > 0)).toBe(true);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(program.leavesSomething()).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});

test('Ctrl+C during the tour leaves no process and no file', { timeout: 120_000 }, async () => {
  const { folder, program } = tour([]);
  await program.printed(/presses \[Start\]/);
  program.interrupt();
  expect(await program.ended).toBe(130);
  expect(program.leavesSomething()).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
