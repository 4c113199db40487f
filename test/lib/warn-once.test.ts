import { expect, test } from 'vitest';
import { warnOnce } from '../../src/lib/warn-once.ts';

test('each message is reported once', () => {
  const heard: string[] = [];
  const warn = warnOnce((message) => void heard.push(message));
  for (const message of ['a', 'b', 'a', 'b']) warn(message, new Error('x'));
  expect(heard).toEqual(['a', 'b']);
});
