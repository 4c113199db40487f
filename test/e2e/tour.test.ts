import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { readRecording, TOUR_FILE } from '../../docs/generate/examples/recorded.ts';
import { comparable } from '../../sandbox/tour/recorder.ts';
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
    .length(11),
});

function tour(args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-tour-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, program: startProgram(TOUR, args, { ...process.env, TMPDIR: folder }) };
}

test('the tour runs the whole checklist, every step passes, people see what the docs show, and nothing is left', {
  timeout: 900_000,
}, async () => {
  const recordings = mkdtempSync(join(tmpdir(), 'rescan-tour-recording-'));
  onTestFinished(() => rmSync(recordings, { recursive: true }));
  const file = join(recordings, 'tour.json');
  const { folder, program } = tour(['--json', '--record', file]);
  const code = await program.ended;
  const { ok, steps } = resultSchema.parse(JSON.parse(program.stdout()));
  expect(steps.filter((step) => !step.ok)).toEqual([]);
  expect(steps.every(({ checked }) => checked.length > 0)).toBe(true);
  expect({ ok, code }).toEqual({ ok: true, code: 0 });
  expect(program.leavesSomething()).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
  const renew = 'run `npm run tour -- --record docs/generate/examples/tour.json && npm run docs`';
  expect(readRecording(file).map(comparable), renew).toEqual(readRecording(TOUR_FILE).map(comparable));
});

test('Ctrl+C during the tour leaves no process and no file', async () => {
  const { folder, program } = tour([]);
  await program.printed(/presses \[Start\]/);
  program.interrupt();
  expect(await program.ended).toBe(130);
  expect(program.leavesSomething()).toBe(false);
  expect(readdirSync(folder)).toEqual([]);
});
