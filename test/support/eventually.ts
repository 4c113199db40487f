import { vi } from 'vitest';

/** Ends a test that hangs. No test promises a time by it, and a test that passes does not wait for it. */
export const HANGS_MS = 120_000;

/** Waits until the assertion passes. Returns its value. */
export const eventually = <T>(holds: () => T | Promise<T>, { interval = 20 } = {}): Promise<T> =>
  vi.waitFor(holds, { timeout: HANGS_MS, interval });
