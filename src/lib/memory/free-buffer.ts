/**
 * Output buffers of zlib calls, in bytes. They must be larger than Node's pool for small buffers, whose parts cannot be freed one by
 * one.
 */
export const ZLIB_CHUNK_BYTES = 512 * 1024;

/**
 * Frees the memory of a buffer that nothing uses any more. Node keeps the output of a zlib call until a full garbage collection,
 * and V8 starts one only for 64 MB of such buffers. Small buffers, which share the pool, are left alone.
 */
export function freeBuffer({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
