import { describe, expect, test } from 'vitest';
import { EXAMPLES } from '../../docs/generate/examples/examples.ts';
import { readRecording, recordedExample, TOUR_FILE } from '../../docs/generate/examples/recorded.ts';
import { exampleLines, shortened } from '../../docs/generate/examples/render.ts';
import { COMMANDS } from '../../src/slack/commands/commands.ts';

const recording = readRecording(TOUR_FILE);

test('docs/commands.md has an example of what Slack shows for every command: from the tour, or rendered where the tour does not type it', () => {
  const untyped = COMMANDS.filter((command) => recordedExample(command, recording) === undefined);
  expect(Object.keys(EXAMPLES).sort()).toEqual(untyped.map(({ word }) => word).sort());
});

test.each(recording)(
  'the recorded answer of $command is text: no block that cannot be shown, no raw mrkdwn',
  ({ lines }) => {
    const text = shortened(lines).join('\n');
    expect(text).not.toMatch(/\{"type"|<@|<!|undefined|NaN|```/);
  },
);

describe.each(Object.entries(EXAMPLES))('%s', (_word, example) => {
  test('its example has at most 8 lines of at most 112 characters, and is the same when it is rendered again', () => {
    const lines = exampleLines(example());
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(8);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(112);
    expect(exampleLines(example())).toEqual(lines);
  });

  test('its example is text: no block that cannot be shown, no raw mrkdwn, no placeholder of a test', () => {
    const text = exampleLines(example()).join('\n');
    expect(text).not.toMatch(/\{"type"|<@|<!|undefined|NaN|```/);
  });
});
