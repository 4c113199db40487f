import { expect, test } from 'vitest';
import { createErrorReporter } from '../../../src/slack/intake/error-reporter.ts';

test('a failed request is logged with its error under the reference that is returned: 8 hex digits', () => {
  const logged: object[] = [];
  const logger = { error: (fields: object) => void logged.push(fields) };
  const error = new Error('secret detail');
  expect(createErrorReporter(logger, () => 0)(error, '/rescan pause')).toBe('00000000');
  const ref = createErrorReporter(logger, () => 0.999_999_999_9)(error, '/rescan pause');
  expect(ref).toBe('ffffffff');
  expect(logged.at(-1)).toEqual({ err: error, ref, request: '/rescan pause' });
});
