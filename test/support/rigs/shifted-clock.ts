/**
 * Loaded before a program (`node --import`): its machine's clock is ahead of the real time by TEST_CLOCK_AHEAD_MS (behind:
 * negative). Time passes at the same speed.
 */
const aheadMs = Number(process.env.TEST_CLOCK_AHEAD_MS ?? 0);
const { timeOrigin } = performance;

const shifted = new Proxy(Date, {
  construct: (real, given, target) =>
    Reflect.construct(real, given.length === 0 ? [real.now() + aheadMs] : given, target),
  get: (real, name) => (name === 'now' ? () => real.now() + aheadMs : Reflect.get(real, name)),
});
Object.defineProperty(performance, 'timeOrigin', { value: timeOrigin + aheadMs });
Object.defineProperty(globalThis, 'Date', { value: shifted, writable: true, configurable: true });
