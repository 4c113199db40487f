import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { freeBuffer } from '../memory/free-buffer.ts';

/** Large enough for the text of a block, and for `freeBuffer`. */
const CHUNK_BYTES = 128 * 1024;

/** The input of `compressBlock`, reused: a call is synchronous. */
let scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** The text as UTF-8, compressed. The text must not contain a lone surrogate. */
export function compressBlock(text: string): Buffer {
  // A UTF-16 unit takes at most three bytes.
  if (scratch.length < text.length * 3) scratch = Buffer.allocUnsafeSlow(text.length * 3);
  const input = scratch.subarray(0, scratch.write(text));
  const output = deflateRawSync(input, { level: 1, chunkSize: CHUNK_BYTES });
  const block = Buffer.from(output);
  freeBuffer(output);
  return block;
}

/** The text of a block of `compressBlock`. @throws the error of zlib when the block is damaged. */
export function expandBlock(block: Uint8Array): string {
  const output = inflateRawSync(block, { chunkSize: CHUNK_BYTES });
  const text = output.toString('utf8');
  freeBuffer(output);
  return text;
}
