import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { freeBuffer, ZLIB_CHUNK_BYTES } from '../../../src/lib/memory/free-buffer.ts';

test('The memory of a zlib output with a large chunk is freed', () => {
  const output = gzipSync('text', { chunkSize: ZLIB_CHUNK_BYTES });
  expect(output.buffer.byteLength).toBe(ZLIB_CHUNK_BYTES);
  freeBuffer(output);
  expect(output.buffer.byteLength).toBe(0);
});

test('A small buffer, which shares its memory with others, is left alone', () => {
  const small = Buffer.from('small');
  freeBuffer(small);
  expect(small.toString()).toBe('small');
});
