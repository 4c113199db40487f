import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Decimal, formatDecimal, minus, parseDecimal, plus, ZERO } from '../../../src/lib/decimal.ts';
import { createLineSorter, visitGroups } from '../../../src/lib/disk/external-sort.ts';
import { createLineFile } from '../../../src/lib/disk/lines.ts';
import { createTotalsByName } from '../../../src/lib/disk/totals-by-name.ts';
import { openFilesIn } from '../../lib/csv/open-files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diff-parts-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  expect(await readdir(folder)).toEqual([]);
  expect(await openFilesIn(folder)).toEqual([]);
});

async function all(batches: AsyncIterable<readonly string[]>): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of batches) lines.push(...batch);
  return lines;
}
const lineArbitrary = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 200 }))
  .map(([key, value]) => `${JSON.stringify(key)}\t${JSON.stringify(value)}`);

describe('a temporary file of lines', () => {
  test('returns the lines that were added, each time it is read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(lineArbitrary, { maxLength: 800 }), async (lines) => {
        const file = createLineFile(folder);
        for (const [at, line] of lines.entries()) {
          file.add(line);
          if (at % 50 === 0) await file.flushIfLarge();
        }
        expect(file.count()).toBe(lines.length);
        expect(await all(file.read())).toEqual(lines);
        expect(await all(file.read())).toEqual(lines);
        await file.dispose();
      }),
      { numRuns: 30 },
    );
  });

  test('stops reading when the signal aborts', async () => {
    const file = createLineFile(folder);
    for (let at = 0; at < 5_000; at += 1) file.add(`"line ${at}"`);
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of file.read(stop.signal)) stop.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
    await file.dispose();
  });
});

describe('the line sorter', () => {
  test.each([100, 20_000, 2 ** 20])('returns all lines in order with %i bytes of memory', async (memoryBytes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(lineArbitrary, { maxLength: 300 }), async (lines) => {
        const sorter = createLineSorter({ memoryBytes, folder });
        for (const line of lines) {
          sorter.add(line);
          await sorter.flushIfLarge();
        }
        expect(await all(sorter.sorted())).toEqual(lines.toSorted());
        await sorter.dispose();
      }),
      { numRuns: 15 },
    );
  });

  test('accepts lines from several producers at once', async () => {
    const sorter = createLineSorter({ memoryBytes: 2_000, folder });
    const wanted: string[] = [];
    await Promise.all(
      Array.from({ length: 5 }, async (_, writer) => {
        for (let at = 0; at < 700; at += 1) {
          const line = `"${(at * 7919) % 1000}-${writer}"\t${at}`;
          wanted.push(line);
          sorter.add(line);
          await sorter.flushIfLarge();
        }
      }),
    );
    expect(await all(sorter.sorted())).toEqual(wanted.sort());
    await sorter.dispose();
  });

  test('keeps the lines of a key together, for keys with any characters', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.constantFrom<string>('a', 'a b', 'a"', 'a\t', '', 'ab', 'a\u0000', '<!channel>', '\ud800'),
            fc.nat(),
          ),
        ),
        async (pairs) => {
          const sorter = createLineSorter({ memoryBytes: 500, folder });
          for (const [key, value] of pairs) {
            sorter.add(`${JSON.stringify(key)}\t${value}`);
            await sorter.flushIfLarge();
          }
          const groups = new Map<string, string[]>();
          await visitGroups(
            sorter.sorted(),
            (key, values) => {
              const name: string = JSON.parse(key);
              expect(groups.has(name)).toBe(false);
              groups.set(name, [...values]);
            },
            async () => {},
          );
          await sorter.dispose();
          const wanted = Map.groupBy(pairs, ([key]) => key);
          expect(groups.size).toBe(wanted.size);
          for (const [key, values] of groups)
            expect(values).toEqual(
              wanted
                .get(key)
                ?.map(([, value]) => String(value))
                .sort(),
            );
        },
      ),
    );
  });
});

describe('totals by name', () => {
  test('are exact for any number of names: the largest by name, the others as one sum', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.integer({ min: 1, max: 5 })), { maxLength: 300 }),
        fc.integer({ min: 0, max: 6 }),
        async (added, most) => {
          const tally = createTotalsByName<number>(
            { zero: 0, plus: (a, b) => a + b, weight: (n) => n, encode: (n) => n, decode: Number },
            { namesInMemory: 3, memoryBytes: 300, folder },
          );
          const sums = new Map<string, number>();
          for (const [name, count] of added) {
            tally.add(name, count);
            await tally.flushIfLarge();
            sums.set(name, (sums.get(name) ?? 0) + count);
          }
          const ranked = [...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
          expect(await tally.top(most)).toEqual({
            top: ranked.slice(0, most).map(([name, totals]) => ({ name, totals })),
            others: {
              names: Math.max(0, ranked.length - most),
              totals: ranked.slice(most).reduce((sum, [, count]) => sum + count, 0),
            },
          });
          await tally.dispose();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('are exact for more names than are ranked at once', async () => {
    const tally = createTotalsByName<number>(
      { zero: 0, plus: (a, b) => a + b, weight: (n) => n, encode: (n) => n, decode: Number },
      { namesInMemory: 100, folder },
    );
    for (let at = 0; at < 5_000; at += 1) tally.add(`person ${at}`, at === 4_321 ? 9 : 1);
    const { top, others } = await tally.top(1);
    expect(top).toEqual([{ name: 'person 4321', totals: 9 }]);
    expect(others).toEqual({ names: 4_999, totals: 4_999 });
    await tally.dispose();
  });
});

describe('a decimal number', () => {
  test.each([
    ['7.50', '7.5'],
    ['-0.001', '-0.001'],
    ['1E3', '1000'],
    ['-12e-2', '-0.12'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['-0', '0'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678'],
    ['0.10000000000000000000000000000000000001', '0.10000000000000000000000000000000000001'],
  ])('%s is written as %s', (text, wanted) => expect(formatDecimal(parseDecimal(text) ?? ZERO)).toBe(wanted));

  test.each(['', '.', '-', '7,5', '1e', 'NaN', 'Infinity', '0x1', '1e999999', '1 2', 'seven'])(
    '%j is not a number',
    (text) => expect(parseDecimal(text)).toBeUndefined(),
  );

  test('adds and subtracts exactly', () => {
    const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 40 }));
    const scaled = ({ units, scale }: Decimal) => units * 10n ** BigInt(80 - scale);
    fc.assert(
      fc.property(decimal, decimal, ([a, x], [b, y]) => {
        const [one, other] = [
          { units: a, scale: x },
          { units: b, scale: y },
        ];
        expect(scaled(plus(one, other))).toBe(scaled(one) + scaled(other));
        expect(scaled(minus(one, other))).toBe(scaled(one) - scaled(other));
        expect(scaled(parseDecimal(formatDecimal(one)) ?? ZERO)).toBe(scaled(one));
      }),
    );
  });
});
