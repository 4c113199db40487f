import { expect, test } from 'vitest';
import { compose } from '../../../../src/slack/messages/kit/message.ts';

test('the fact of a message is bold as a whole: signs for bold text within it are left out, but not within code', () => {
  const fact = 'The audit is *not* whole: `0 2 * * *` and *this*';
  const [first] = compose({ fact }).blocks;
  expect(first).toMatchObject({ text: { text: '*The audit is not whole: `0 2 * * *` and this*' } });
});
