import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CsvColumn } from '../../../src/lib/csv/column.ts';
import { type CsvPart, type CsvPartsOptions, CsvRowTooLongError, csvParts } from '../../../src/lib/csv/parts.ts';
import { csvBytes, csvHeader } from '../../../src/lib/csv/write.ts';
import { hostileText } from './arbitrary-cells.ts';
import { openFilesIn } from './open-files.ts';

const columns: readonly CsvColumn<string>[] = [{ name: 'ImageKey', kind: 'text', read: (key) => key }];
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'csv-parts-'));
});
afterAll(() => rm(folder, { recursive: true }));

const textOf = async (part: CsvPart) =>
  Buffer.concat(await Array.fromAsync(part.chunks(), (chunk) => Buffer.from(chunk))).toString();
async function all(rows: Iterable<string>, options: Partial<CsvPartsOptions> = {}) {
  const found: { name: string; bytes: number; rows: number; text: string }[] = [];
  for await (const part of csvParts(columns, rows, { name: 'failures', maxBytes: 100, folder, ...options })) {
    const { name, bytes, rows: count } = part;
    found.push({ name, bytes, rows: count, text: await textOf(part) });
  }
  return found;
}

test('rows that fit into one CSV file give one file without a number', async () => {
  expect(await all(['a', 'b'])).toEqual([{ name: 'failures.csv', bytes: 16, rows: 2, text: 'ImageKey\r\na\r\nb\r\n' }]);
});

test('rows that do not fit into one CSV file are split between rows into numbered files, each with a header', async () => {
  expect(await all(['aaaa', 'bbbb', 'cccc'], { maxBytes: 22 })).toEqual([
    { name: 'failures-1.csv', bytes: 22, rows: 2, text: 'ImageKey\r\naaaa\r\nbbbb\r\n' },
    { name: 'failures-2.csv', bytes: 16, rows: 1, text: 'ImageKey\r\ncccc\r\n' },
  ]);
});

test('without rows there is no CSV file', async () => expect(await all([])).toEqual([]));

test('a row that is larger than a CSV file is refused with its number', async () => {
  const cutting = all(['aaaa', 'bbbb', 'c'.repeat(30)], { maxBytes: 20 });
  await expect(cutting).rejects.toThrow(new CsvRowTooLongError(3, 42, 20));
});

test('the parts of a CSV export have exactly the rows of the single file, and no part is above the limit', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(hostileText, { minLength: 1, maxLength: 700 }),
      fc.integer({ min: 200, max: 3_000 }),
      async (rows, maxBytes) => {
        const header = csvHeader(columns);
        const parts = await all(rows, { maxBytes });
        const whole: Buffer[] = [];
        for await (const chunk of csvBytes(columns, rows)) whole.push(chunk);
        for (const part of parts) {
          expect(part.bytes).toBe(Buffer.byteLength(part.text));
          expect(part.bytes).toBeLessThanOrEqual(maxBytes);
          expect(part.text.startsWith(header)).toBe(true);
        }
        expect(header + parts.map(({ text }) => text.slice(header.length)).join('')).toBe(
          Buffer.concat(whole).toString(),
        );
        expect(parts.reduce((sum, part) => sum + part.rows, 0)).toBe(rows.length);
        expect(parts.map(({ name }) => name)).toEqual(
          parts.length === 1 ? ['failures.csv'] : parts.map((_, at) => `failures-${at + 1}.csv`),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('a part of a CSV export can be read twice', async () => {
  for await (const part of csvParts(columns, ['a'], { name: 'x', maxBytes: 100, folder }))
    expect(await textOf(part)).toBe(await textOf(part));
});

test('a CSV export leaves no temporary file: at its end, when left early, when stopped, or when its rows fail', async () => {
  const rows = ['aaaa', 'bbbb', 'cccc'];
  const options = { name: 'x', maxBytes: 22, folder };
  for await (const _ of csvParts(columns, rows, options)) break;
  const stop = new AbortController();
  const stopped = (async () => {
    for await (const _ of csvParts(columns, rows, { ...options, signal: stop.signal })) stop.abort(new Error('stop'));
  })();
  await stopped.catch(() => {});
  const broken = (function* () {
    yield 'a';
    throw new Error('broken');
  })();
  await expect(all(broken)).rejects.toThrow('broken');
  expect(await readdir(folder)).toEqual([]);
  expect(await openFilesIn(folder)).toEqual([]);
});
