import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { CommandDescription } from '../../../src/slack/commands/command.ts';

/** Renewed by `npm run tour -- --record docs/generate/examples/tour.json`; test/e2e/tour.test.ts compares it with a tour. */
export const TOUR_FILE = fileURLToPath(new URL('./tour.json', import.meta.url));

const recordingSchema = z.array(z.strictObject({ command: z.string(), lines: z.array(z.string()).min(1) }));
export type Recording = z.infer<typeof recordingSchema>;

/** A recording of the tour. @throws when the file is not one */
export const readRecording = (file: string): Recording => recordingSchema.parse(JSON.parse(readFileSync(file, 'utf8')));

/**
 * What the tour typed and saw for this command: its own example where the tour typed exactly that, otherwise the first time that the
 * tour typed the command. Undefined where it did not.
 */
export function recordedExample(
  { word, example }: Pick<CommandDescription, 'word' | 'example'>,
  recording: Recording,
): Recording[number] | undefined {
  const typed = recording.filter(({ command }) => command.split(' ')[1] === word);
  return typed.find(({ command }) => command === `/rescan ${example}`) ?? typed[0];
}
