import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePace } from '../../../src/run/plan/pace-setting.ts';

const parse = (text: string) => parsePace(text.split(' '));

describe('parsePace', () => {
  it.each([
    ['60', 60],
    ['60/min', 60],
    ['60 / min', 60],
    ['60 /minute', 60],
    ['60 per minute', 60],
    ['60 a minute', 60],
    ['1', 1],
    ['007', 7],
    ['1000000', 1_000_000],
    ['  60  ', 60],
    ['batch=20 delay=30s', 40],
    ['delay=30s batch=20', 40],
    ['BATCH=20 DELAY=30S', 40],
    ['batch=20 delay=30', 40],
    ['batch = 20 delay = 30s', 40],
    ['batch=5 delay=500ms', 600],
    ['batch=20 delay=2m', 10],
    ['batch=20 delay=0.5min', 40],
    ['batch=1 delay=7s', 8],
    ['batch=3 delay=0.3', 600],
    ['batch=7 delay=700ms', 600],
    ['batch=1 delay=60s', 1],
  ])('%s is a fixed pace', (text, perMinute) => {
    expect(parse(text)).toEqual({ ok: true, value: { kind: 'fixed', perMinute } });
  });

  it.each(['auto', 'AUTO', ' auto '])('%s is the pace auto', (text) => {
    expect(parse(text)).toEqual({ ok: true, value: { kind: 'auto' } });
  });

  it.each([
    ['', 'missing'],
    ['0', 'lowest pace is 1'],
    ['0/min', 'lowest pace is 1'],
    ['-5', 'lowest pace is 1'],
    ['1.5', 'whole number'],
    ['fast', 'not a valid pace'],
    ['60 70', 'not a valid pace'],
    ['60/s', 'not a valid pace'],
    ['1e3', 'not a valid pace'],
    ['0x10', 'not a valid pace'],
    ['NaN', 'not a valid pace'],
    ['Infinity', 'not a valid pace'],
    ['1000001', 'highest pace is 1,000,000'],
    ['batch=20', '`delay=` is missing'],
    ['delay=30s', '`batch=` is missing'],
    ['batch=0 delay=30s', 'batch=0'],
    ['batch=-1 delay=30s', 'batch=-1'],
    ['batch= delay=30s', 'batch='],
    ['batch=2.5 delay=30s', 'batch=2.5'],
    ['batch=20 delay=0', 'delay=0'],
    ['batch=20 delay=-3s', 'delay=-3s'],
    ['batch=20 delay=soon', 'delay=soon'],
    ['batch=20 delay=30h', 'delay=30h'],
    ['batch=20 delay=30s batch=5', 'twice'],
    ['batch=20 delay=30s now', 'cannot be combined'],
    ['batch=20 pause=30s', 'cannot be combined'],
    ['batch=1 delay=61s', 'lowest pace is 1'],
    ['batch=1 delay=0.00000001ms', 'highest pace is 1,000,000'],
    ['batch=99999999999999999999 delay=1s', 'highest pace is 1,000,000'],
    ['=', 'cannot be combined'],
  ])('%s is refused with the reason', (text, reason) => {
    expect(parse(text)).toEqual({ ok: false, refusal: expect.stringContaining(reason) });
  });

  it.each(['9'.repeat(400), `-${'9'.repeat(400)}`, `0.${'1'.repeat(300)}`])(
    'a very long number is refused with a short reason: %#',
    (text) => {
      const parsed = parse(text);
      expect(parsed.ok ? '' : parsed.refusal.length).toBeLessThan(120);
      expect(parsed.ok).toBe(false);
    },
  );

  it('any text is a valid pace or is refused with a short reason', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('auto', 'batch=', 'delay=', 'batch=3', 'delay=4', '/min'),
      fc.integer().map(String),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), (words) => {
        const parsed = parsePace(words);
        if (!parsed.ok) expect(parsed.refusal.length).toBeLessThan(200);
        else if (parsed.value.kind === 'fixed') {
          expect(Number.isInteger(parsed.value.perMinute)).toBe(true);
          expect(parsed.value.perMinute).toBeGreaterThanOrEqual(1);
          expect(parsed.value.perMinute).toBeLessThanOrEqual(1_000_000);
        }
      }),
      { numRuns: 500 },
    );
  });
});
