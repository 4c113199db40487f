import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compressBlock, expandBlock } from '../../../src/lib/disk/block.ts';

test('A block expands to the text that was compressed, also when other blocks were compressed since', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (texts) => {
      const blocks = texts.map(compressBlock);
      expect(blocks.map(expandBlock)).toEqual(texts);
    }),
  );
});

test('A text larger than the output buffer of zlib is compressed and expanded exactly', () => {
  const text = Array.from({ length: 100_000 }, (_, index) => `line ${index} ä€😀`).join('\n');
  expect(expandBlock(compressBlock(text))).toBe(text);
});

test('Compressing and expanding many blocks does not pile up buffers', () => {
  const text = 'a line of text\n'.repeat(2_000);
  const before = process.memoryUsage().arrayBuffers;
  for (let count = 0; count < 500; count++) expandBlock(compressBlock(text));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
});
