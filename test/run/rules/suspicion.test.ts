import { describe, expect, test } from 'vitest';
import type { InvocationResult } from '../../../src/pipeline/invoke/invocation.ts';
import { noSuspicion, noteSuspicion } from '../../../src/run/rules/suspicion.ts';

const outcome = (kind: 'processed' | 'gone'): InvocationResult => ({ kind: 'outcome', outcome: { kind } });
const rejected: InvocationResult = { kind: 'outcome', outcome: { kind: 'rejected', reason: 'Draft' } };
const failed: InvocationResult = {
  kind: 'outcome',
  outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'unreadable' },
};
const open = { isOpen: true, since: 1_000 };

describe('A suspicion of a problem that every image meets', () => {
  test('is not open at the start', () => {
    expect(noSuspicion).toEqual({ isOpen: false, since: 0 });
  });

  test('begins with a reply that hints at it, and again with each further one', () => {
    const fault = { reason: 'network', message: 'No route to the host.', fix: 'Check the network.' } as const;
    expect(noteSuspicion(noSuspicion, { kind: 'suspected', fault }, 500, 9_000)).toEqual({
      isOpen: true,
      since: 9_000,
    });
    expect(noteSuspicion(open, { kind: 'suspected', fault }, 500, 9_000).since).toBe(9_000);
  });

  test('is not refuted by a reply that never came', () => {
    expect(noteSuspicion(open, { kind: 'broken', message: 'socket hang up' }, 5_000, 9_000)).toEqual(open);
  });

  test.each([outcome('processed'), rejected])(
    'is refuted by an image that was read and started after it: %j',
    (read) => {
      expect(noteSuspicion(open, read, 1_000, 9_000)).toEqual({ isOpen: false, since: 1_000 });
      expect(noteSuspicion(open, read, 1_001, 9_000).isOpen).toBe(false);
    },
  );

  test('is not refuted by an image that was started before it, whenever its reply came', () => {
    expect(noteSuspicion(open, outcome('processed'), 999, 9_000)).toEqual(open);
  });

  test.each([failed, outcome('gone')])('is not refuted by an image that was not read: %j', (result) => {
    expect(noteSuspicion(open, result, 5_000, 9_000)).toEqual(open);
  });

  test('stays as it is where nothing was suspected', () => {
    expect(noteSuspicion(noSuspicion, outcome('processed'), 5_000, 9_000)).toBe(noSuspicion);
  });
});
