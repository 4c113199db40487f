import { expect, test } from 'vitest';
import { withTimeIfLate } from '../../../../src/slack/messages/kit/late.ts';
import { LIMITS } from '../../../../src/slack/messages/kit/limits.ts';

const AT = Date.UTC(2026, 10, 30, 19, 3);

test('a message that is posted within a minute stays as it is', () => {
  const message = { text: 'Rescan r-1 is paused.', blocks: [{ type: 'section' }] };
  expect(withTimeIfLate(message, AT, AT + 59_999)).toBe(message);
});

test('a message that is posted later says first from when it is', () => {
  const shown = withTimeIfLate({ text: 'Rescan r-1 is paused.', blocks: [{ type: 'section' }] }, AT, AT + 720_000);
  const note = `This is from <!date^${AT / 1_000}^{time}|19:03 UTC>, 12 min ago. The bot could not post it before. \`/rescan status\` shows the present state.`;
  expect(shown).toEqual({
    text: `${note}\nRescan r-1 is paused.`,
    blocks: [{ type: 'context', elements: [{ type: 'mrkdwn', text: note }] }, { type: 'section' }],
  });
});

test('a late message is within the limits of Slack and keeps its buttons', () => {
  const sections = Array.from({ length: LIMITS.blocks - 1 }, () => ({ type: 'section' }));
  const full = { text: 'x'.repeat(LIMITS.text), blocks: [...sections, { type: 'actions' }] };
  const shown = withTimeIfLate(full, AT, AT + 60_000);
  expect(shown.text.length).toBeLessThanOrEqual(LIMITS.text);
  expect(shown.blocks).toHaveLength(LIMITS.blocks);
  expect(shown.blocks.at(-1)).toEqual({ type: 'actions' });
});
